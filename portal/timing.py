"""Where the time of a test call went: the way to the gateway and back, the gateway, the service behind it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from apim.usage.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the time. Shapes: name is that of its colour."""

    name: str
    title: Promise
    us: int


@dataclass(frozen=True, slots=True)
class Timing:
    """The three parts, and what they come to in microseconds."""

    parts: tuple[Part, ...]

    @property
    def bar(self) -> list[tuple[str, int]]:
        """The parts with their colours."""
        return [(f"fill-{part.name}", part.us) for part in self.parts]

    @property
    def total_us(self) -> int:
        """All together."""
        return sum(part.us for part in self.parts)


def timing_of(record: UsageRecord, took_us: int, *, is_mocked: bool) -> Timing:
    """The split of a call that took so long from the portal's view; the gateway's clock decides about its own part."""
    service_us = 0 if is_mocked else min(record.upstream_us, record.duration_us)
    return Timing(
        (
            Part("connect", gettext_lazy("Client: the way there and back"), max(0, took_us - record.duration_us)),
            Part("gateway", gettext_lazy("Gateway"), record.duration_us - service_us),
            Part("service", gettext_lazy("Service behind it"), service_us),
        )
    )
