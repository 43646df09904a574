"""Invisible PDF font for text that can be found and copied."""

from functools import cache
from io import BytesIO

from fontTools.fontBuilder import (  # type: ignore[import-untyped]  # it lacks the py.typed marker
    FontBuilder,
)
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]  # as above
from fontTools.ttLib.tables._g_l_y_f import Glyph  # type: ignore[import-untyped]  # as above
from pikepdf import Array, Dictionary, Name, Object, Pdf

# In thousandths of the font's size: of every letter, above and below the line it stands on.
LETTER_WIDTH = 500
ASCENT = 800
DESCENT = -200
CODE_BYTES = 2
_UNITS = 1000
_STROKE = "stroke"
_NAME = "Invisible"
_SYMBOLIC = 4  # flag of a font whose letters are not those of the Latin alphabet
_MOST_IN_RANGE = 100  # entries of one list of a character map; PDF 32000-1, 9.10.3
_LAST_CODE = 0xFFFF


class InvisibleFont:
    """Font of one document; every used character gets a code of its own."""

    def __init__(self) -> None:
        """Start without characters; code 0 stays free."""
        self._codes: dict[str, int] = {}

    def encode(self, text: str) -> bytes:
        """Return the codes of a text, two bytes for each character."""
        codes = (self._codes.setdefault(letter, len(self._codes) + 1) for letter in text)
        return b"".join(code.to_bytes(CODE_BYTES, "big") for code in codes)

    def add_to(self, pdf: Pdf) -> Object:
        """Write the font with all characters encoded so far."""
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name(f"/{_NAME}"),
            Flags=_SYMBOLIC,
            FontBBox=Array([0, DESCENT, LETTER_WIDTH, ASCENT]),
            ItalicAngle=0,
            Ascent=ASCENT,
            Descent=DESCENT,
            CapHeight=ASCENT,
            StemV=0,
            FontFile2=pdf.make_stream(_font_file()),
        )
        # Every code shows the one glyph.
        glyphs = (1).to_bytes(CODE_BYTES, "big") * (len(self._codes) + 1)
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name(f"/{_NAME}"),
            CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            FontDescriptor=pdf.make_indirect(descriptor),
            DW=LETTER_WIDTH,
            CIDToGIDMap=pdf.make_stream(glyphs),
        )
        return pdf.make_indirect(
            Dictionary(
                Type=Name.Font,
                Subtype=Name.Type0,
                BaseFont=Name(f"/{_NAME}"),
                Encoding=Name("/Identity-H"),
                DescendantFonts=Array([pdf.make_indirect(descendant)]),
                ToUnicode=pdf.make_stream(self._to_unicode()),
            )
        )

    def _to_unicode(self) -> bytes:
        """Return the map from codes to UTF-16, in which rare characters take two halves."""
        entries = [
            f"<{code:04X}> <{letter.encode('utf-16-be').hex().upper()}>"
            for letter, code in self._codes.items()
        ]
        lists = [
            entries[start : start + _MOST_IN_RANGE]
            for start in range(0, len(entries), _MOST_IN_RANGE)
        ]
        lines = [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            f"<0000> <{_LAST_CODE:04X}>",
            "endcodespacerange",
            *("\n".join([f"{len(part)} beginbfchar", *part, "endbfchar"]) for part in lists),
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
        return "\n".join(lines).encode("ascii")


@cache
def _font_file() -> bytes:
    """Return a TrueType font of two glyphs without area, the same bytes every time."""
    names = [".notdef", _STROKE]
    builder = FontBuilder(_UNITS, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({})
    builder.setupGlyf(dict.fromkeys(names, _stroke()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (LETTER_WIDTH, 0)))
    builder.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    builder.setupNameTable({"familyName": _NAME, "styleName": "Regular", "psName": _NAME})
    builder.setupOS2(sTypoAscender=ASCENT, sTypoDescender=DESCENT)
    builder.setupPost()
    builder.updateHead(created=0, modified=0)
    builder.font.recalcTimestamp = False
    file = BytesIO()
    builder.save(file)
    return file.getvalue()


def _stroke() -> Glyph:
    """Return a glyph of no area that is as large as a letter: PDFium asks it for its size."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, DESCENT))
    pen.lineTo((LETTER_WIDTH, ASCENT))
    pen.closePath()
    return pen.glyph()
