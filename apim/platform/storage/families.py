"""The families of rows: which tables, how long they are kept by default, and between which bounds that may be set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from apim.audit.models import AuditEvent
from apim.gateways.models import AccessRecord, ToldBoot
from apim.jobs.models import Job
from apim.notifications.models import Message
from apim.usage.models import ApplicationMonth, ConservationCheck, KeptTrace, ReceivedBoot, UsageBatch, UsageRecord
from apim.usage.services import ROLLUPS
from gateway_sync.delivery.models import Fragment, Publication

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class Family:
    """Rows that are kept for the same time.

    Shapes: moment is the field their age is told by; period narrows roll-ups; least and most are bounds of the setting.
    Units: days.
    """

    name: str
    title: str | _StrPromise
    models: tuple[type[Model], ...]
    moment: str
    days: int
    least: int
    most: int
    period: str = ""

    @property
    def condition(self) -> dict[str, str]:
        """What its rows have in common beside their tables."""
        return {"period": self.period} if self.period else {}


@dataclass(frozen=True, slots=True)
class FixedFamily:
    """Rows that nobody sets a time for; rule says in words how long they stay."""

    name: str
    title: str | _StrPromise
    models: tuple[type[Model], ...]
    rule: str | _StrPromise


FAMILIES: Final = (
    Family("records", _("Requests, one by one"), (UsageRecord,), "at", 7, 7, 90),
    Family("minutes", _("Usage by the minute"), ROLLUPS, "at", 7, 7, 31, "minute"),  # hours with two prices need them
    Family("hours", _("Usage by the hour"), ROLLUPS, "at", 90, 62, 400, "hour"),
    Family("days", _("Usage by the day"), ROLLUPS, "at", 760, 400, 2557, "day"),
    Family("audit", _("Audit log"), (AuditEvent,), "at", 2557, 365, 3653),
    Family("jobs", _("Jobs that ended, and their files"), (Job,), "ended_at", 7, 1, 90),
    Family("messages", _("Mails"), (Message,), "created_at", 180, 14, 2557),
)


def fixed_families() -> tuple[FixedFamily, ...]:
    """The families without a setting."""
    billing = tuple(apps.get_app_config("billing").get_models())
    return (
        FixedFamily("traces", _("Explained calls"), (KeptTrace,), _("APIM_TRACES_KEPT_MINUTES says how long.")),
        FixedFamily(
            "receipts",
            _("Receipts of usage"),
            (UsageBatch, ReceivedBoot, ToldBoot, ConservationCheck),
            _("Kept for 40 days."),
        ),
        FixedFamily(
            "months",
            _("Usage by the month and application"),
            (ApplicationMonth,),
            _("Kept as long as usage by the day."),
        ),
        FixedFamily("publications", _("Published states"), (Publication, Fragment), _("The last ones are kept.")),
        FixedFamily("access", _("Access records"), (AccessRecord,), _("Kept while the access exists.")),
        FixedFamily("billing", _("Invoices and payments"), billing, _("Kept for seven years at least: never deleted.")),
    )
