"""What gateways may send as a text or a number: nothing that a column, a page or a sum cannot hold. Pure.

Owns: the bounds that all their doors share. Who goes beyond them has a fault, or somebody else's credential.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec

PLAIN: Final = r"^[^\x00]*\Z"  # PostgreSQL keeps no NUL

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
SmallCount = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Place = Annotated[int, msgspec.Meta(ge=0, le=2**15 - 1)]
MomentS = Annotated[float, msgspec.Meta(ge=0, le=2**37)]  # of the epoch, until the year 6325
Name = Annotated[str, msgspec.Meta(max_length=64, pattern=PLAIN)]
Words = Annotated[str, msgspec.Meta(max_length=512, pattern=PLAIN)]
Message = Annotated[str, msgspec.Meta(max_length=10_000, pattern=PLAIN)]

_Read = TypeVar("_Read")


def read_body(decode: Callable[[bytes], _Read], content: bytes) -> _Read:
    """What was sent, as decode reads it. Errors: ValueError, also where it is nested too deeply to be read at all."""
    try:
        return decode(content)
    except RecursionError as error:
        message = "it is nested more deeply than anything that is sent here"
        raise ValueError(message) from error
