"""What gateways may send as a text or a number: nothing that a column, a page or a sum cannot hold. Pure.

Owns: the bounds that all their doors share. Who goes beyond them has a fault, or somebody else's credential.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

PLAIN: Final = r"^[^\x00]*\Z"  # PostgreSQL keeps no NUL

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
SmallCount = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Place = Annotated[int, msgspec.Meta(ge=0, le=2**15 - 1)]
MomentS = Annotated[float, msgspec.Meta(ge=0, le=2**37)]  # of the epoch, until the year 6325
Name = Annotated[str, msgspec.Meta(max_length=64, pattern=PLAIN)]
Words = Annotated[str, msgspec.Meta(max_length=512, pattern=PLAIN)]
Message = Annotated[str, msgspec.Meta(max_length=10_000, pattern=PLAIN)]
