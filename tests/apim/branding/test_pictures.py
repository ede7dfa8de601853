"""Pictures of strangers: what is taken holds pixels and nothing else, what is refused is refused in words."""

from __future__ import annotations

import struct
import zlib

import pytest

from apim.branding.pictures import MOST_BYTES, read_icon, read_logo
from apim.errors import Invalid


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 64, height: int = 64, *, extra: bytes = b"", pixels: bytes | None = None) -> bytes:
    raw = b"".join(b"\0" + b"\x2b\x4f\xd8" * width for _ in range(height))
    packed = zlib.compress(raw) if pixels is None else pixels
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


LOSSLESS = b"\x2f" + ((63 << 14) | 63).to_bytes(4, "little") + b"\0" * 11
CANVAS = bytes(4) + (63).to_bytes(3, "little") * 2


def test_a_png_keeps_its_pixels_alone() -> None:
    place = chunk(b"eXIf", b"where it was taken") + chunk(b"tEXt", b"Author\0<script>alert(1)</script>")
    drawn = read_logo(png(extra=place) + b"<script>alert(2)</script>", field="picture")
    assert drawn.content == png()
    assert (drawn.media_type, drawn.width, drawn.height) == ("image/png", 64, 64)


def test_a_webp_keeps_its_pixels_alone() -> None:
    marked = webp((b"VP8X", b"\x0c" + CANVAS[1:]), (b"VP8L", LOSSLESS), (b"EXIF", b"where"), (b"XMP ", b"who"))
    drawn = read_logo(marked + b"trailing", field="picture")
    assert drawn.content == webp((b"VP8X", bytes(1) + CANVAS[1:]), (b"VP8L", LOSSLESS))
    assert (drawn.media_type, drawn.width, drawn.height) == ("image/webp", 64, 64)


def bomb() -> bytes:
    return png(pixels=zlib.compress(b"\0" * 50_000_000))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", "branding.picture_unknown", id="empty"),
        pytest.param(b"GIF89a" + bytes(99), "branding.picture_unknown", id="gif"),
        pytest.param(b"<html><script>alert(1)</script>", "branding.picture_unknown", id="html"),
        pytest.param(b"<?xml version='1.0'?><SVG onload='x()'/>", "branding.picture_is_svg", id="svg"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "branding.picture_damaged", id="only_the_beginning"),
        pytest.param(png()[:-20], "branding.picture_damaged", id="cut_off"),
        pytest.param(png().replace(b"IDAT", b"IDAX"), "branding.picture_damaged", id="changed"),
        pytest.param(png(extra=chunk(b"EVIL", b"x")), "branding.picture_damaged", id="strange_part"),
        pytest.param(png(pixels=zlib.compress(b"")), "branding.picture_damaged", id="no_pixels"),
        pytest.param(bomb(), "branding.picture_damaged", id="unpacks_to_fifty_megabytes"),
        pytest.param(png(2000, 10), "branding.picture_too_many_pixels", id="wide"),
        pytest.param(png(10, 0), "branding.picture_damaged", id="flat"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(MOST_BYTES), "branding.picture_too_large", id="large"),
        pytest.param(webp((b"VP8X", b"\x02" + CANVAS[1:]), (b"ANIM", b"")), "branding.picture_damaged", id="moves"),
        pytest.param(webp((b"VP8L", b"no pixels")), "branding.picture_damaged", id="webp_without_pixels"),
        pytest.param(webp((b"VP8X", bytes(4) + b"\xff" * 6), (b"VP8L", LOSSLESS)), "branding.picture_damaged",
                     id="canvas_of_gigapixels"),
        pytest.param(webp((b"VP8X", b"")), "branding.picture_damaged", id="empty_part"),
    ],
)  # fmt: skip
def test_what_is_no_picture_of_ours_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_logo(content, field="picture")
    assert (refusal.value.code, refusal.value.field) == (code, "picture")


def test_an_icon_is_square_and_not_tiny() -> None:
    assert read_icon(png(64, 64), field="picture").width == 64
    for size in ((64, 32), (16, 16)):
        with pytest.raises(Invalid, match="square"):
            read_icon(png(*size), field="picture")
