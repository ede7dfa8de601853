"""Handing an application over to another organization: offered, then accepted or refused, or taken back in time.

The offering side learns nothing of who it wrote to: each name and address gets the same answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext

from apim.access import handing_over
from apim.access.models import Application, ApplicationTransfer
from apim.access.services.moving import Moved, check_movable, lock_for_move, move_application
from apim.access.services.subscriptions import check_confirmed
from apim.access.transfers import ApplicationTransferQuerySet
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid

LIFETIME: Final = timedelta(days=7)
MOST_A_DAY: Final = 20  # offers of an organization: each is a mail to an address that somebody typed
_LONGEST_NOTE: Final = 255
_State = ApplicationTransfer.State


@transaction.atomic
def offer_application(
    *, application: Application, to: str, by: Actor, offerer: User | None = None, note: str = ""
) -> ApplicationTransfer:
    """The offer, told to whoever `to` names: an organization by its name, or a person by the e-mail address.

    Errors: Invalid access.transfer_addressee; Conflict access.transfer_open, access.transfer_too_many, those of
    check_movable and access.address_not_confirmed. Never whether there is such an organization or person.
    """
    application = (
        Application.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organization")
        .get(pk=application.pk)
    )
    source, now = application.organization, timezone.now()
    check_movable(application)
    check_confirmed(source)
    name, email = _addressee(to, source)
    _expire(_due(now).filter(application=application))
    if ApplicationTransfer.objects.open(now).filter(application=application).exists():
        raise Conflict(
            "access.transfer_open",
            gettext("%(application)s is offered to somebody already.") % {"application": application},
            hint=gettext("Take that offer back first."),
        )
    if source.transfers_offered.filter(created_at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
        raise Conflict(
            "access.transfer_too_many",
            gettext("Your organization made %(number)d offers within a day.") % {"number": MOST_A_DAY},
            hint=gettext("Try again tomorrow."),
        )
    recipient = Organization.objects.filter(name=name, state=Organization.State.ACTIVE).first() if name else None
    transfer = ApplicationTransfer.objects.create(
        application=application,
        source=source,
        addressed=email or name,
        recipient=recipient,
        email=email,
        note=" ".join(note.split())[:_LONGEST_NOTE],
        offerer=offerer,
        offered_by=by.label,
        expires_at=now + LIFETIME,
    )
    after = {"application": application.name, "to": transfer.addressed, "expires_at": transfer.expires_at.isoformat()}
    record(by=by, action="application.offer", target=application, after=after, organization_id=source.pk)
    handing_over.announce_offer(transfer)
    return transfer


@transaction.atomic
def accept_transfer(
    *,
    transfer: ApplicationTransfer,
    organization: Organization,
    user: User,
    by: Actor,
    agreed: str = "",
    overlap_s: int | None = None,
) -> Moved:
    """The application, in the organization from now on, with its live keys or, on wish, the new ones instead.

    Shapes: agreed is Luggage.digest of what was shown, "" = whatever comes; overlap_s None keeps the keys, else each
    API key is rolled and the old one goes on for so long. Two presses at once move it once.
    Errors: Conflict access.transfer_over, access.transfer_changed, access.transfer_blocked, and those of check_movable;
    Invalid access.overlap_out_of_range.
    """
    locked = lock_for_move(transfer, organization, user)
    _require_open(locked.transfer)
    if locked.transfer.recipient_id not in (None, organization.pk):
        raise Conflict(
            "access.transfer_for_another",
            gettext("The offer was made to another organization."),
            hint=gettext("Choose that one."),
        )
    team = locked.application.team
    moved = move_application(locked, agreed=agreed, overlap_s=overlap_s, by=by)
    _close(locked.transfer, _State.ACCEPTED, by=by)
    source, application = locked.transfer.source, moved.application
    words = {"from": source.name, "to": organization.name, "application": application.name}
    for each in (source, organization):
        record(by=by, action="application.transfer", target=application, after=words, organization_id=each.pk)
    handing_over.announce_move(locked.transfer, organization, team=team)
    return moved


@transaction.atomic
def refuse_transfer(*, transfer: ApplicationTransfer, by: Actor) -> ApplicationTransfer:
    """The offer, refused: nothing moved, and the other side is told."""
    transfer = _locked(transfer)
    _close(transfer, _State.REFUSED, by=by)
    handing_over.announce_end(transfer)
    return transfer


@transaction.atomic
def withdraw_transfer(*, transfer: ApplicationTransfer, by: Actor) -> ApplicationTransfer:
    """The offer, taken back: its link is worthless."""
    transfer = _locked(transfer)
    _close(transfer, _State.WITHDRAWN, by=by)
    handing_over.announce_end(transfer)
    return transfer


@transaction.atomic
def expire_transfers() -> int:
    """How many offers nobody answered in time."""
    return _expire(_due(timezone.now()))


def _due(now: datetime) -> ApplicationTransferQuerySet:
    """Offers past their time, held until the commit: of two who look at once, one tells of each."""
    due = ApplicationTransfer.objects.filter(state=_State.OFFERED, expires_at__lte=now)
    return due.select_for_update(of=("self",)).select_related("application", "source")


def _expire(due: ApplicationTransferQuerySet) -> int:
    clock = system_actor("expiry")
    found = list(due)
    for each in found:
        _mark(each, _State.EXPIRED, by=clock)
        handing_over.announce_end(each)
    return len(found)


def _locked(transfer: ApplicationTransfer) -> ApplicationTransfer:
    """The offer as it is now, held until the commit."""
    rows = ApplicationTransfer.objects.select_for_update(of=("self",)).select_related("application", "source")
    return rows.get(pk=transfer.pk)


def _require_open(transfer: ApplicationTransfer) -> None:
    if transfer.state != _State.OFFERED or transfer.expires_at <= timezone.now():
        raise Conflict(
            "access.transfer_over",
            gettext("This offer is over: it was answered, taken back, or its seven days have passed."),
            hint=gettext("Ask for a new one."),
        )


def _close(transfer: ApplicationTransfer, state: str, *, by: Actor) -> None:
    _require_open(transfer)
    _mark(transfer, state, by=by)


def _mark(transfer: ApplicationTransfer, state: str, *, by: Actor) -> None:
    before = state_of(transfer)
    transfer.state, transfer.decided_by, transfer.decided_at = state, by.label, timezone.now()
    transfer.save(update_fields=["state", "decided_by", "decided_at"])
    record(
        by=by,
        action=f"application.offer_{state}",
        target=transfer.application,
        before={"state": before["state"]},
        after={"state": state, "to": transfer.addressed},
        organization_id=transfer.source_id,
    )


def _addressee(to: str, source: Organization) -> tuple[str, str]:
    """(name, "") of an organization or ("", address) of a person. Errors: Invalid for what can be neither."""
    text = to.strip().lower()
    if "@" in text:
        try:
            validate_email(text)
        except ValidationError as error:
            raise Invalid("access.transfer_addressee", error.messages[0], field="to") from error
        return "", text
    if not text or slugify(text) != text:
        raise Invalid(
            "access.transfer_addressee",
            gettext("Write the name of an organization, such as acme-corp, or an e-mail address."),
            field="to",
        )
    if text == source.name:
        raise Invalid("access.transfer_addressee", gettext("It belongs to this organization already."), field="to")
    return text, ""
