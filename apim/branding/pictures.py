"""Pictures that people upload, read byte by byte: a PNG or WebP of ours to show, or a refusal in words.

Owns: what a picture may be made of. What is no picture (texts, places, profiles, what stands behind the end) is left
out, so nothing but pixels is kept. Must not know: where it is shown. SVG is refused: it can carry programs.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext

from apim.errors import Invalid

MOST_BYTES: Final = 256 * 1024
LARGEST_LOGO: Final = (1024, 512)
LARGEST_ICON: Final = (512, 512)
SMALLEST_ICON: Final = 32
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"IDAT", b"IEND"}
_WEBP_KEPT: Final = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}
_ANIMATED, _HAS_ALPHA = 0x02, 0x10  # flags of VP8X
_LONGEST_ROW: Final = 8  # bytes a pixel of the richest PNG: four channels of 16 bits


@dataclass(frozen=True, slots=True)
class Drawn:
    """A checked picture. Units: pixels."""

    content: bytes
    media_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """What its address is made of."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def read_logo(content: bytes, *, field: str) -> Drawn:
    """The logo. Errors: Invalid, its code begins with branding.picture."""
    return _fitting(_read(content, field), LARGEST_LOGO, field)


def read_icon(content: bytes, *, field: str) -> Drawn:
    """The icon of the browser's tab: square. Errors: Invalid, its code begins with branding.picture."""
    drawn = _fitting(_read(content, field), LARGEST_ICON, field)
    if drawn.width != drawn.height or drawn.width < SMALLEST_ICON:
        names = {"width": drawn.width, "height": drawn.height, "least": SMALLEST_ICON}
        text = gettext("The picture is %(width)d x %(height)d pixels; an icon is square, %(least)d pixels or more.")
        raise Invalid("branding.picture_not_square", text % names, field=field)
    return drawn


def _read(content: bytes, field: str) -> Drawn:
    if len(content) > MOST_BYTES:
        names = {"size": len(content) // 1024 + 1, "most": MOST_BYTES // 1024}
        text = gettext("The file has %(size)d KiB; %(most)d KiB is the most.")
        hint = gettext("Save it with fewer pixels: twice the height at which it is shown is enough.")
        raise Invalid("branding.picture_too_large", text % names, hint=hint, field=field)
    try:
        if content.startswith(_PNG):
            return _read_png(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _read_webp(content)
    except (ValueError, struct.error, zlib.error, IndexError) as error:
        text = gettext("The file begins like a picture but is damaged: %(reason)s.") % {"reason": error}
        hint = gettext("Export it once more.")
        raise Invalid("branding.picture_damaged", text, hint=hint, field=field) from error
    if b"<svg" in content[:4096].lower():
        text = gettext("SVG files can carry programs, so none is taken.")
        hint = gettext("Export it as PNG or WebP, at twice the height at which it is shown.")
        raise Invalid("branding.picture_is_svg", text, hint=hint, field=field)
    text = gettext("This is neither a PNG nor a WebP, whatever its name says.")
    raise Invalid("branding.picture_unknown", text, hint=gettext("Export it as one of these."), field=field)


def _fitting(drawn: Drawn, largest: tuple[int, int], field: str) -> Drawn:
    if drawn.width > largest[0] or drawn.height > largest[1]:
        names = {"width": drawn.width, "height": drawn.height, "most": largest[0], "tallest": largest[1]}
        text = gettext("The picture is %(width)d x %(height)d pixels; %(most)d x %(tallest)d is the most.")
        raise Invalid("branding.picture_too_many_pixels", text % names, field=field)
    return drawn


def _read_png(content: bytes) -> Drawn:
    """The picture of a PNG with the parts that draw it alone. Errors: ValueError, zlib.error, struct.error."""
    kept, at, packed = [_PNG], len(_PNG), b""
    kinds: list[bytes] = []
    while not kinds or kinds[-1] != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, at)
        data, crc = content[at + 8 : at + 8 + length], content[at + 8 + length : at + 12 + length]
        if len(data) != length or crc != zlib.crc32(kind + data).to_bytes(4, "big"):
            raise ValueError("a part of it is cut off or changed")
        if (kind == b"IHDR") != (not kinds):
            raise ValueError("its parts are in no order")
        if kind in _PNG_KEPT:
            kept.append(content[at : at + 12 + length])
        elif kind[0:1].isupper():
            raise ValueError("it has a part that is not of a PNG")
        packed += data if kind == b"IDAT" else b""
        kinds.append(kind)
        at += 12 + length
    width, height = struct.unpack_from(">II", content, len(_PNG) + 8)
    if not width or not height:
        raise ValueError("it has no pixels")
    if width <= LARGEST_LOGO[0] and height <= LARGEST_LOGO[1]:  # others are refused by their size
        _check_unpacks(packed, width, height)
    return Drawn(b"".join(kept), "image/png", width, height)


def _check_unpacks(packed: bytes, width: int, height: int) -> None:
    """Refuse pixels that unpack to more than the size that was named: a small file must not fill a memory."""
    most = (width * _LONGEST_ROW + 8) * height * 2  # interlacing has more rows
    unpacker = zlib.decompressobj()
    if not unpacker.decompress(packed, most) or not unpacker.eof:
        raise ValueError("its pixels do not unpack to its size")


def _read_webp(content: bytes) -> Drawn:
    """The picture of a WebP with the parts that draw it alone. Errors: ValueError, struct.error."""
    kept, at = b"", 12
    end = min(len(content), 8 + int(struct.unpack_from("<I", content, 4)[0]))
    size = canvas = (0, 0)
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", content, at)
        data = content[at + 8 : at + 8 + length]
        if len(data) != length:
            raise ValueError("a part of it is cut off")
        if kind == b"VP8X":
            if data[0] & _ANIMATED:
                raise ValueError("it moves; a logo stands still")
            data = bytes((data[0] & _HAS_ALPHA,)) + data[1:]  # what the other flags announce is left out
            canvas = int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
        if kind in _WEBP_KEPT:
            kept += struct.pack("<4sI", kind, length) + data + b"\0" * (length % 2)
        if kind in {b"VP8 ", b"VP8L"}:
            size = _webp_size(kind, data)
        at += 8 + length + length % 2
    if size == (0, 0) or canvas not in {(0, 0), size}:
        raise ValueError("its pixels do not fill it")
    whole = b"RIFF" + struct.pack("<I", 4 + len(kept)) + b"WEBP" + kept
    return Drawn(whole, "image/webp", *size)


def _webp_size(kind: bytes, data: bytes) -> tuple[int, int]:
    """Width and height (RFC 9649, sections 2.5 and 3.4; RFC 6386, section 9.1)."""
    if kind == b"VP8L":
        if data[0] != 0x2F:  # noqa: PLR2004 - the signature
            raise ValueError("its pixels are not of a WebP")
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[3:6] != b"\x9d\x01\x2a":
        raise ValueError("its pixels are not of a WebP")
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF
