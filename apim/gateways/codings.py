"""Content codings of answers that the control plane reads, taken off within a bound.

Owns: gzip and deflate, once. Must not know: who answered. A library that decodes by itself lets a stranger's few
kilobytes become gigabytes here, all the more where codings are laid over each other.
"""

from __future__ import annotations

import zlib
from typing import Final

_EITHER: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, by the header
_BARE: Final = -zlib.MAX_WBITS  # deflate without a header, as some servers send it


def decoded(content: bytes, coding: str, at_most: int) -> tuple[bytes, bool] | None:
    """(the content without its coding, whether it was cut at at_most bytes); None when it cannot be understood.

    Shapes: coding is the field Content-Encoding, "" for none. Content that ends too early gives what there is.
    """
    name = coding.strip().lower()
    if name in {"", "identity"}:
        return content[:at_most], len(content) > at_most
    if name not in {"gzip", "x-gzip", "deflate"}:
        return None
    for window in (_EITHER, _BARE) if name == "deflate" else (_EITHER,):
        try:
            plain = zlib.decompressobj(window).decompress(content, at_most + 1)
        except zlib.error:
            continue
        return plain[:at_most], len(plain) > at_most
    return None
