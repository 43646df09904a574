"""Certificates for a mesh on one machine, valid for a month and signed by a new authority.

In production they come from cert-manager, SPIRE or whatever signs there; see deploy/envoy.
compose.yaml runs `python dev_certificates.py FOLDER` at each start.
"""

import sys
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CALLER_ID = "spiffe://imagemesh/callers/demo"

_LIFETIME = timedelta(days=30)
_RENEWED_BEFORE_END = timedelta(days=10)
_SERVER_NAMES = (x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1")))


class Authority:
    """Signs certificates; its own is `ca.crt` in its folder.

    Args:
        folder: where all files go, which holds private keys from then on.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("imagemesh development")
        usages = ("digital_signature", "content_commitment", "key_encipherment", "encipher_only")
        others = ("data_encipherment", "key_agreement", "decipher_only")
        signs = x509.KeyUsage(
            key_cert_sign=True, crl_sign=True, **dict.fromkeys((*usages, *others), False)
        )
        certificate = (
            self._builder(self._key, self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(signs, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._write("ca.crt", certificate.public_bytes(serialization.Encoding.PEM))

    def issue_server(self) -> None:
        """Write `tls.crt` and `tls.key` of a process on this machine, which may also call."""
        usages = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        self._issue("tls", _SERVER_NAMES, usages)

    def issue_caller(self, name: str = "caller", *, client_id: str = CALLER_ID) -> None:
        """Write `NAME.crt` and `NAME.key` of a caller with a SPIFFE id."""
        identity = x509.UniformResourceIdentifier(client_id)
        self._issue(name, (identity,), (ExtendedKeyUsageOID.CLIENT_AUTH,))

    def _issue(
        self,
        name: str,
        identities: tuple[x509.GeneralName, ...],
        usages: tuple[x509.ObjectIdentifier, ...],
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(key, _name(name))
            .add_extension(x509.SubjectAlternativeName(identities), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._write(f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))
        self._write(
            f"{name}.key",
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def _builder(
        self, key: ec.EllipticCurvePrivateKey, subject: x509.Name
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + _LIFETIME)
            .add_extension(own, critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )

    def _write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)


def make_certificates(folder: Path) -> None:
    """Write those of an authority, a server and one caller into `folder`."""
    authority = Authority(folder)
    authority.issue_server()
    authority.issue_caller()


def renew_certificates(folder: Path, *, before_end: timedelta = _RENEWED_BEFORE_END) -> bool:
    """Make certificates where the server has none, or one that ends within `before_end`.

    Files appear by a move, which Envoy notices.

    Returns:
        Whether certificates were made.
    """
    certificate = folder / "tls.crt"
    if certificate.exists():
        end = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
        if end - datetime.now(UTC) > before_end:
            return False
    with TemporaryDirectory(dir=folder) as made:
        make_certificates(Path(made))
        for path in sorted(Path(made).iterdir()):
            path.rename(folder / path.name)
    return True


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


if __name__ == "__main__":
    was_made = renew_certificates(Path(sys.argv[1]))
    sys.stdout.write(f"certificates {'written' if was_made else 'still good'}\n")
