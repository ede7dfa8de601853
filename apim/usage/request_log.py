"""The log of one application's calls, narrowed: by answer, operation, key and time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from apim.access.models import Application
from apim.usage.counting import moment
from apim.usage.models import UsageRecord
from apim.usage.records import Asked, Place, record_log
from apim.usage.records.asked import place_of, statuses_of

# No number longer than any of ours: it would not fit what it is compared with.
_PLACE = re.compile(r"(?P<at_us>[0-9]{1,16})-(?P<id>[0-9]{1,18})", re.ASCII)
_LAST_US = 2**53


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls. Shapes: "" and None are all; status is a class ("4xx") or one; operation is a part of its name."""

    status: str = ""
    operation: str = ""
    credential_id: str = ""
    since: datetime | None = None

    @property
    def is_narrowed(self) -> bool:
        """True when calls may be left out."""
        return bool(self.status or self.operation or self.credential_id or self.since)


def latest(application: Application, wanted: Wanted, *, limit: int) -> list[UsageRecord]:
    """The calls, the newest first, since the application belongs to its organization."""
    return record_log().newest(_asked(application, wanted), limit=limit)


def page_of(application: Application, wanted: Wanted, *, limit: int, before: str = "") -> tuple[list[UsageRecord], str]:
    """A page backwards, and where the next one begins ("" = there is none). Shapes: before is what a page returned."""
    records = record_log().newest(_asked(application, wanted), limit=limit + 1, before=_place(before))
    return records[:limit], _word(place_of(records[limit - 1])) if len(records) > limit else ""


def _asked(application: Application, wanted: Wanted) -> Asked:
    among = {"application_id": [application.pk], "organization_id": ["", application.organization_id]}
    if wanted.credential_id:
        among["credential_id"] = [wanted.credential_id]
    return Asked(among, since=wanted.since, statuses=statuses_of(wanted.status), operation_part=wanted.operation)


def _word(place: Place) -> str:
    return f"{round(place.at.timestamp() * 1_000_000)}-{place.id}"


def _place(word: str) -> Place | None:
    """The place of a word; None for any other word."""
    told = _PLACE.fullmatch(word)
    if told is None or int(told["at_us"]) > _LAST_US:
        return None
    return Place(moment(int(told["at_us"])), int(told["id"]))
