"""On which machine each member of a topology runs: here on this one, all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Told = TypeVar("Told")


class Machines:
    """One machine for all members. Those that are several override what differs."""

    bind = "127.0.0.1"  # where members listen
    trusted = "127.0.0.1/32"  # who may come to the stores

    def machine_of(self, _member: str) -> str:
        """The name of a member's machine."""
        return "here"

    def address_of(self, _member: str) -> str:
        """Where a member is reached from here, and by other members."""
        return "127.0.0.1"

    def at(self, _member: str, work: Callable[[], Told]) -> Told:
        """What work says on a member's machine: sockets and processes that it makes belong there for good."""
        return work()
