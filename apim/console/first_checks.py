"""What an installation stands on, looked at while it is set up: each with the very host that does not answer.

Owns: which checks, and where each looks. Must not know: how they look; apim.platform.health does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext, gettext_lazy

from apim.notifications.models import MailServer
from apim.platform.health import queues, stores
from apim.platform.health.verdicts import Colour, Verdict, amber, green, red

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class FirstCheck:
    """What was looked at, where, and how it stands. Shapes: where is a host and port, or a file; never a password."""

    title: str | _StrPromise
    where: str
    verdict: Verdict

    @property
    def is_met(self) -> bool:
        """True when nothing has to be mended."""
        return self.verdict.colour is not Colour.RED


def first_checks() -> list[FirstCheck]:
    """Database, schema, Redis, workers and mail, as they stand now; where the database is away, that alone."""
    found = FirstCheck(gettext_lazy("Database"), _database_at(), _looked(stores.database))
    if not found.is_met:
        return [found]
    return [
        found,
        FirstCheck(gettext_lazy("Its schema"), _database_at(), _looked(stores.migrations)),
        FirstCheck(gettext_lazy("Redis"), _redis_at(), _looked(stores.redis)),
        FirstCheck(gettext_lazy("Workers"), _redis_at(), _looked(queues.worker)),
        _mail(),
    ]


def _mail() -> FirstCheck:
    server = MailServer.objects.first()
    none = amber(gettext("No mail server yet; the next step names one. Until then admins read mails in the mailbox."))
    verdict = none if server is None else green(gettext("There is a mail server; the next step tries it."))
    return FirstCheck(gettext_lazy("Mail"), str(server) if server else "", verdict)


def _looked(check: Callable[[], Verdict]) -> Verdict:
    try:
        return check()
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        return red(gettext("The database does not answer: %(reason)s") % {"reason": reason})


def _database_at() -> str:
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(found["NAME"])
    return f"{found['HOST'] or 'localhost'}:{found['PORT'] or 5432}/{found['NAME']}"


def _redis_at() -> str:
    parts = urlsplit(settings.REDIS_URL)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
