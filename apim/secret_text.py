"""The form of the secrets people carry: `<tag>_` + 32 random base-62 characters + 6 of checksum.

Owns: the form. The checksum tells a mistyped or made-up secret without a look-up, and lets scanners of source code
find leaked ones without false alarms. Must not know: what a secret opens, how it is stored.
"""

from __future__ import annotations

import re
import secrets
import zlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 32
_CHECKSUM_CHARACTERS = 6  # 62**6 > 2**32, so a CRC32 fits
_SHOWN_CHARACTERS = 6
_FORM = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*_[0-9A-Za-z]{38}", re.ASCII)


def new_secret(tag: str) -> str:
    """A fresh secret, 190 random bits: `new_secret("apim_live")` -> "apim_live_..."."""
    body = f"{tag}_{''.join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))}"
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """True when secret has the form and its checksum fits; says nothing about whether it opens anything."""
    if _FORM.fullmatch(secret) is None:
        return False
    return _checksum(secret[:-_CHECKSUM_CHARACTERS]) == secret[-_CHECKSUM_CHARACTERS:]


def prefix_of(secret: str) -> str:
    """What may be shown and stored of a secret: its tag and the first six random characters."""
    tag, _, random = secret.rpartition("_")
    return f"{tag}_{random[:_SHOWN_CHARACTERS]}"


def _checksum(body: str) -> str:
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_CHARACTERS):
        value, digit = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
