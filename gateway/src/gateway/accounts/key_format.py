"""The form of an API key: `im_live_<id>_<secret>_<checksum>`.

The prefix is for secret scanners, the id finds the row, the secret has 190 bits, and the checksum
rejects typing errors without a look-up.
"""

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 8
_SECRET_LENGTH = 32  # 32 * log2(62) = 190 bits
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32, so that it holds a CRC-32

_KEY_ID = re.compile(r"[A-Za-z0-9]{8}")  # of the length above

# The parts of a key, as the module docstring draws them.
_KEY = re.compile(r"im_live_([A-Za-z0-9]{8})_[A-Za-z0-9]{32}_([A-Za-z0-9]{6})")


def generate_key() -> str:
    """Return a new random key."""
    name = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    body = f"im_live_{name}_{secret}"
    return f"{body}_{_checksum(body)}"


def key_id(key: str) -> str | None:
    """Return the id inside `key`, None where its form or checksum is wrong."""
    match = _KEY.fullmatch(key)
    if match is None or _checksum(key.rpartition("_")[0]) != match[2]:
        return None
    return match[1]


def is_key_id(text: str) -> bool:
    """Tell whether `text` can be the id inside a key."""
    return _KEY_ID.fullmatch(text) is not None


def key_digest(key: str) -> str:
    """Return what is kept of a key; its secret is random, so a slow hash would buy nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
