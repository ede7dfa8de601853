"""Running the checks side by side, each within its time: no server that hangs keeps the rest from being told.

Checks that ask the same server share a lane, which is a thread: what hangs is found once, and what comes behind it is
told as not answered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _

from apim.platform.health import audit, fleet, host, messages, money, queues, records, stores, told, usage
from apim.platform.health.verdicts import Colour, Verdict, red

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

logger = logging.getLogger(__name__)

WITHIN_S: Final = 6.0
_ORDER: Final = (Colour.GREEN, Colour.AMBER, Colour.RED)


@dataclass(frozen=True, slots=True)
class Check:
    """Shapes: name is stable, for programs; checks of one lane run one after another."""

    name: str
    title: str | _StrPromise
    lane: str
    look: Callable[[], Verdict]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    title: str
    verdict: Verdict

    def as_json(self) -> dict[str, str]:
        """As `apim doctor --output json` prints it."""
        verdict = self.verdict
        return {
            "name": self.name,
            "title": self.title,
            "state": verdict.colour.value,
            "text": verdict.text,
            "command": verdict.command,
            "page": verdict.page,
        }


CHECKS: Final = (
    Check("database", _("Database"), "database", stores.database),
    Check("migrations", _("Migrations"), "database", stores.migrations),
    Check("database-clock", _("Clock of the database"), "database", stores.database_clock),
    Check("keyring", _("Keyring"), "database", host.keyring),
    Check("gateways", _("Gateways"), "database", fleet.gateways),
    Check("gateway-usage", _("Usage on gateways"), "database", told.usage),
    Check("gateway-disks", _("Disks of gateways"), "database", told.disks),
    Check("gateway-updates", _("Updates of gateways"), "database", told.updates),
    Check("gateway-limits", _("Shared limits"), "database", told.limits),
    Check("gateway-workers", _("Workers of gateways"), "database", told.workers),
    Check("publishing", _("Publishing"), "database", fleet.publishing),
    Check("certificates", _("Certificates"), "database", fleet.certificates),
    Check("audit-log", _("Audit log"), "database", audit.chain),
    Check("outbox", _("Mails that wait"), "database", messages.outbox),
    Check("webhooks", _("Events of Stripe"), "database", money.webhooks),
    Check("usage-outbox", _("Usage told to Stripe"), "database", money.usage_outbox),
    Check("usage", _("Usage"), "database", usage.conserved),
    Check("records", _("Records of requests"), "database", records.kept),
    Check("redis", _("Redis"), "redis", stores.redis),
    Check("redis-keeping", _("What Redis keeps"), "redis", stores.redis_keeping),
    Check("redis-clock", _("Clock of Redis"), "redis", stores.redis_clock),
    Check("beat", _("Celery beat"), "redis", queues.beat),
    Check("worker", _("Workers"), "redis", queues.worker),
    Check("publisher", _("Publishing worker"), "redis", queues.publisher),
    Check("queues", _("Queues"), "redis", queues.depths),
    Check("mail-server", _("Mail server"), "mail", messages.mail_server),
    Check("stripe", _("Stripe"), "stripe", money.stripe),
    Check("disk", _("Disk"), "disk", host.disk),
    Check("backup", _("Backup"), "disk", host.backup),
)


def examine(checks: Sequence[Check] = CHECKS, *, within_s: float = WITHIN_S) -> list[Finding]:
    """What each check found, in the order of checks, within_s at the latest."""
    found: dict[str, Verdict] = {}
    language = get_language()
    threads = []
    for lane in dict.fromkeys(check.lane for check in checks):
        mine = [check for check in checks if check.lane == lane]
        thread = threading.Thread(target=_walk, args=(mine, found, language), name=f"health-{lane}", daemon=True)
        thread.start()
        threads.append(thread)
    ends_at = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    in_time = dict(found)  # what comes later is too late
    return [Finding(check.name, _text(check.title), in_time.get(check.name) or _late(within_s)) for check in checks]


def worst(findings: Iterable[Finding]) -> Colour:
    """The worst colour of all."""
    return max((finding.verdict.colour for finding in findings), key=_ORDER.index, default=Colour.GREEN)


def _walk(checks: Iterable[Check], found: dict[str, Verdict], language: str | None) -> None:
    with override(language):
        try:
            for check in checks:
                found[check.name] = _verdict(check)
        finally:
            connections.close_all()  # this thread's own


def _verdict(check: Check) -> Verdict:
    try:
        return check.look()
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        if "disk" in reason:  # SQLite's words for one that is full or fails: no migration mends that
            text = gettext("The check itself failed: %(reason)s")
            return red(text % {"reason": reason}, command=f"df -h {settings.ENV.home}")
        text = gettext("The database refused: %(reason)s. If migrations wait, run them first.")
        return red(text % {"reason": reason.rstrip(".")})
    except Exception as error:  # the edge of a check: the others are to be told all the same
        logger.exception("the check %s failed", check.name)
        return red(gettext("The check itself failed: %(reason)s") % {"reason": f"{type(error).__name__}: {error}"})


def _late(within_s: float) -> Verdict:
    return red(gettext("No answer within %(seconds)s seconds.") % {"seconds": f"{within_s:g}"})


def _text(title: str | Promise) -> str:
    return str(title)
