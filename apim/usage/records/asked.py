"""What may be asked of records, in words that each driver translates: and the interface that drivers have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from django.db.models import QuerySet

from apim.usage.models import UsageRecord
from apim.usage.receiving import Fresh

COLUMNS: Final = frozenset({
    "request_id", "environment_id", "version_id", "operation", "organization_id", "application_id", "credential_id",
    "subscription_id", "plan_version_id", "code",
})  # fmt: skip
FIRST_ERROR: Final = 400
_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records: those that meet all of it.

    Shapes: among maps a column of COLUMNS to the values of which it has one, which a query may tell; [since, until);
    statuses are from the first to the last of one of these pairs; is_wrong are answers of 400 and above and the
    indeterminate; operation_part is met in either case.
    """

    among: Mapping[str, Collection[str] | QuerySet[Any]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    statuses: tuple[tuple[int, int], ...] = ()
    is_wrong: bool = False
    operation_part: str = ""

    def __post_init__(self) -> None:
        if unknown := self.among.keys() - COLUMNS:
            message = f"records are not asked by {', '.join(sorted(unknown))}"
            raise ValueError(message)


class Place(NamedTuple):
    """Where a record stands in the log: what is older comes after it."""

    at: datetime
    id: int


class Minute(NamedTuple):
    """What counts are told by."""

    version_id: str
    environment_id: str
    at: datetime
    credential_id: str


class FirstCalls(NamedTuple):
    """The first call of an application to a version, and the first that was answered with 2xx."""

    application_id: str
    version_id: str
    at: datetime
    ok_at: datetime | None


class RecordLog(Protocol):
    """Where records are kept. At each moment it answers with all of them, and with each once."""

    def add(self, fresh: Sequence[Fresh]) -> Sequence[Fresh]:
        """Store records, within the transaction of their sums; those that were not there."""

    def newest(self, asked: Asked, *, limit: int, before: Place | None = None) -> list[UsageRecord]:
        """The newest of them, the newest first; from those older than a place on."""

    def find(self, request_id: str, *, since: datetime | None = None) -> UsageRecord | None:
        """The record of one request; since tells of what is older that nobody needs to look there."""

    def count_by_minute(self, asked: Asked) -> dict[Minute, int]:
        """How many there are of each minute, version, environment and credential."""

    def first_calls(self, asked: Asked) -> list[FirstCalls]:
        """The first calls of each application to each version."""

    def forget(self, asked: Asked) -> int:
        """Take them out, as if they had never been; how many."""

    def count_before(self, moment: datetime, at_most: int) -> int:
        """How many would go with purge; no more than at_most are counted."""

    def purge(self, moment: datetime) -> int:
        """Let go of what is older, and get ready for the days to come; about how many went."""


def statuses_of(word: str) -> tuple[tuple[int, int], ...]:
    """The statuses that a class ("4xx") or one of them ("429") means; all for any other word."""
    if word in _CLASSES:
        first = int(word[0]) * 100
        return ((first, first + 99),)
    if word.isascii() and word.isdecimal() and len(word) == _DIGITS:
        return ((int(word), int(word)),)
    return ()


def place_of(record: UsageRecord) -> Place:
    """Where it stands."""
    return Place(record.at, record.pk)
