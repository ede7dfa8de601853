"""How a gateway stands: draining, in quarantine, and the change of its own credential.

Owns: what admins order of a gateway, and what it is told as the answer to each report. Must not know: how it obeys.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.errors import Invalid
from apim.gateways.models import Gateway

SILENT_AFTER: Final = timedelta(seconds=15)  # a gateway reports each second or two
CLOCK_TOLD_FOR: Final = timedelta(days=1)
_CLOCK_NOTED_EACH: Final = timedelta(minutes=1)
ROTATED_AFTER: Final = timedelta(days=30)
TOKEN_PREFIX: Final = "apimgw_"  # noqa: S105 - tells people and scanners what the secret is for
_TOKEN_BYTES: Final = 32
_LARGEST_FORMAT: Final = 2**31 - 1  # that a column holds
_LONGEST_REASON: Final = 300
_ACTIONS: Final = {
    Gateway.State.SERVING: "gateway.resume",
    Gateway.State.DRAINING: "gateway.drain",
    Gateway.State.QUARANTINED: "gateway.quarantine",
}


def refuses_keys(gateway: Gateway, now: datetime) -> bool:
    """True when it has not been heard from for longer than its environment lets one that is cut off take keys.

    As far as this side knows: it may have ended, and what it knows of this side may be a little younger.
    """
    most_s = gateway.environment.max_revocation_age_s
    return most_s > 0 and gateway.seen_at is not None and now - gateway.seen_at > timedelta(seconds=most_s)


def new_token() -> str:
    """A gateway's token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


@transaction.atomic
def set_state(*, gateway: Gateway, state: str, by: Actor, reason: str = "") -> Gateway:
    """The gateway in the state; it obeys with its next report. Errors: Invalid gateways.reason_missing, .state."""
    if state not in Gateway.State.values:
        message = gettext("A gateway is serving, draining or quarantined.")
        raise Invalid("gateways.state", message, field="state")
    reason = reason.strip()
    if state != Gateway.State.SERVING and not reason:
        raise Invalid("gateways.reason_missing", gettext("Say why: everybody will ask."), field="reason")
    if len(reason) > _LONGEST_REASON:
        message = gettext("A reason has at most %(most)d characters.") % {"most": _LONGEST_REASON}
        raise Invalid("gateways.reason_too_long", message, field="reason")
    gateway.refresh_from_db(from_queryset=Gateway.objects.select_for_update())
    if gateway.state == state:
        return gateway
    before, after = {"state": gateway.state}, {"state": state}
    gateway.state = state
    gateway.state_reason = "" if state == Gateway.State.SERVING else reason
    gateway.save(update_fields=["state", "state_reason"])
    record(by=by, action=_ACTIONS[Gateway.State(state)], target=gateway, before=before, after=after, reason=reason)
    return gateway


@transaction.atomic
def ask_for_rotation(*, gateway: Gateway, by: Actor) -> None:
    """Have the gateway fetch another credential; the one it has works until it uses the new one."""
    Gateway.objects.filter(pk=gateway.pk).update(rotation_asked_at=timezone.now())
    record(by=by, action="gateway.ask_for_rotation", target=gateway)


def orders_for(gateway: Gateway, now: datetime) -> dict[str, bool]:
    """What the gateway is told when it reports: whether it drains, and whether it is to fetch another credential."""
    issued = gateway.token_issued_at or gateway.enrolled_at
    is_due = gateway.rotation_asked_at is not None or now - issued > ROTATED_AFTER
    return {"is_draining": gateway.state == Gateway.State.DRAINING, "is_rotating": is_due}


def note_format(gateway: Gateway, number: int) -> None:
    """Keep for the gateway's page that it speaks a format of states that we do not; 0 = ours."""
    kept = min(max(number, 0), _LARGEST_FORMAT)
    Gateway.objects.filter(pk=gateway.pk).exclude(refused_format=kept).update(refused_format=kept)


def note_clock(gateway: Gateway, off_s: int, now: datetime) -> None:
    """Keep for the gateway's page that it told of calls at moments that cannot be, by so many seconds."""
    is_due = Q(clock_wrong_at=None) | Q(clock_wrong_at__lt=now - _CLOCK_NOTED_EACH)
    Gateway.objects.filter(is_due, pk=gateway.pk).update(clock_wrong_at=now, clock_off_s=off_s)


def is_clock_wrong(gateway: Gateway, now: datetime) -> bool:
    """True for as long as it is told that a gateway's clock is wrong."""
    return gateway.clock_wrong_at is not None and now - gateway.clock_wrong_at < CLOCK_TOLD_FOR


@transaction.atomic
def issue_next_token(*, gateway: Gateway) -> str:
    """Another token for the gateway; the one it has stays good until it comes with this one, and one before is void.

    Shapes: "" when the gateway was removed or enrolled anew since it was authenticated: then it is no longer its turn.
    """
    token = new_token()
    mine = Gateway.objects.filter(pk=gateway.pk, token_hash=gateway.token_hash)
    if not mine.update(next_token_hash=settings.KEYRING.hash_secret(token)):
        return ""
    record(by=Actor("gateway", gateway.pk, gateway.name), action="gateway.issue_next_token", target=gateway)
    return token


@transaction.atomic
def take_next_token(token_hash: str) -> Gateway | None:
    """The gateway that comes with its next token for the first time: from now on the one before is refused."""
    found = Gateway.objects.select_for_update(of=("self",)).select_related("environment")
    gateway = found.filter(next_token_hash=token_hash).first() if token_hash else None
    if gateway is None:
        return None
    gateway.token_hash, gateway.next_token_hash = token_hash, ""
    gateway.token_issued_at, gateway.rotation_asked_at = timezone.now(), None
    gateway.save(update_fields=["token_hash", "next_token_hash", "token_issued_at", "rotation_asked_at"])
    record(by=Actor("gateway", gateway.pk, gateway.name), action="gateway.renew_token", target=gateway)
    return gateway
