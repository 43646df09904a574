"""Provenance metadata of a colorized image: the model that made its colors.

Source: IPTC Photo Metadata Standard 2023.2 (DigitalSourceType, its NewsCodes), XMP (ISO 16684-1).
"""

from xml.sax.saxutils import escape

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{tool}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{words}</rdf:li></rdf:Alt></dc:description>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def mark_colored(model: str, version: str) -> bytes:
    """Return the XMP packet, UTF-8, of an image whose colors this model made."""
    tool = f"imagemesh, {model} {version}"
    words = "The colors were added by a model; they are a guess, not those that were there."
    return _PACKET.format(source_type=_SOURCE_TYPE, tool=escape(tool), words=words).encode()
