"""The call that a sample shows, in whatever language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call. Shapes: body None = none; a str as it stands, else JSON of it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
