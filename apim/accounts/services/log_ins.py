"""Log-ins: each noted, so that a person sees where they are logged in and ends what is not theirs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apim.accounts.models import LogIn, User
from apim.audit.actor import Actor
from apim.audit.services import record

KEPT_FOR: Final = timedelta(days=90)
_MOST_KEPT: Final = 200
_LONGEST_AGENT: Final = 200


def note_log_in(
    *, user: User, address: str | None, agent: str, session_key: str = "", is_success: bool = True
) -> LogIn:
    """The row of one try to log in; what is old or too many of the person's goes."""
    log_in = LogIn.objects.create(
        user=user,
        address=address,
        agent=agent.replace("\0", "")[:_LONGEST_AGENT],
        session_key=session_key,
        is_success=is_success,
    )
    user.log_ins.filter(at__lt=timezone.now() - KEPT_FOR).delete()
    surplus = user.log_ins.order_by("-id").values_list("id", flat=True)[_MOST_KEPT:]
    LogIn.objects.filter(id__in=list(surplus)).delete()
    return log_in


def open_sessions(user: User) -> list[LogIn]:
    """The log-ins whose sessions go on, the newest first."""
    begun = {each.session_key: each for each in reversed(user.log_ins.exclude(session_key="").filter(is_success=True))}
    return sorted(_alive(begun.values()), key=lambda each: each.id, reverse=True)


@transaction.atomic
def end_session(*, log_in: LogIn, by: Actor) -> None:
    """End the session that began with this log-in, wherever it is."""
    Session.objects.filter(session_key=log_in.session_key).delete()
    record(by=by, action="session.end", target=log_in.user, after={"log_in": log_in.id})


@transaction.atomic
def end_all_sessions(*, user: User, by: Actor) -> User:
    """The person, with every session that began before worthless. Who asks must be given a fresh one."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    Session.objects.filter(session_key__in=[each.session_key for each in open_sessions(user)]).delete()
    user.refresh_from_db()
    record(by=by, action="session.end_all", target=user)
    return user


def _alive(log_ins: Iterable[LogIn]) -> list[LogIn]:
    found = list(log_ins)
    keys = [each.session_key for each in found]
    alive = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    known = set(alive.values_list("session_key", flat=True))
    return [each for each in found if each.session_key in known]
