"""Announcements: written, sent, delivered. Owns: that each receiver is told once, whatever dies meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim import broker
from apim.announcements.audience import unwilling, users_of
from apim.announcements.mails import notice_of, words_of
from apim.announcements.models import Announcement, Receipt
from apim.announcements.own_words import own_words
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import API
from apim.errors import Conflict, Invalid
from apim.notifications.notices import tell
from apim.notifications.services import send_mail
from apim.ui.language import speaking
from apim.validation import require_clean, require_known

SEND_TASK: Final = "apim.announcements.tasks.send_announcement"
BATCH: Final = 100  # receivers a transaction: short ones let others write
_RUN_S: Final = 20
_CHANGEABLE: Final = frozenset({"version", "operation", "days", "subject", "body"})
State = Announcement.State


@transaction.atomic
def create_announcement(*, api: API, by: Actor, **values: Any) -> Announcement:
    """A draft. Nobody is told before send_announcement.

    Errors: announcements.invalid_value, announcements.other_api.
    """
    require_known(values, _CHANGEABLE, prefix="announcements", noun="An announcement")
    announcement = Announcement(api=api, created_by=by.label, **values)
    _check(announcement)
    announcement.save()
    _record(announcement, "announcement.create", by, after=state_of(announcement))
    return announcement


@transaction.atomic
def update_announcement(*, announcement: Announcement, changes: Mapping[str, Any], by: Actor) -> Announcement:
    """The draft with changes. Errors: Conflict announcements.sent."""
    require_known(changes, _CHANGEABLE, prefix="announcements", noun="An announcement")
    announcement = _locked_draft(announcement)
    before = state_of(announcement)
    for name, value in changes.items():
        setattr(announcement, name, value)
    _check(announcement)
    announcement.save()
    _record(announcement, "announcement.update", by, before=before, after=state_of(announcement))
    return announcement


@transaction.atomic
def delete_announcement(*, announcement: Announcement, by: Actor) -> None:
    """The draft is gone. Errors: Conflict announcements.sent."""
    announcement = _locked_draft(announcement)
    _record(announcement, "announcement.delete", by, before=state_of(announcement))
    announcement.delete()


@transaction.atomic
def send_announcement(*, announcement: Announcement, by: Actor) -> Announcement:
    """The announcement on its way: its receivers are settled now, and told by a job.

    Errors: Conflict announcements.sent; Invalid announcements.nobody.
    """
    announcement = _locked_draft(announcement)
    if not settle(announcement):
        message = _("Nobody would be told: no application called what you chose.")
        hint = _("Choose a longer time, every operation, or all subscribers.")
        raise Invalid("announcements.nobody", message, hint=hint)
    after = {"receivers": announcement.receipts.count()}
    _record(announcement, "announcement.send", by, after=after)
    transaction.on_commit(lambda: _enqueue(announcement.pk))
    return announcement


@transaction.atomic
def stop_announcement(*, announcement: Announcement, by: Actor) -> Announcement:
    """The announcement, of which nobody else is told. Who was told was told whole; the others hear nothing.

    Waits for the batch under way, which holds the same row. Errors: Conflict announcements.not_sending.
    """
    found = Announcement.objects.select_for_update(of=("self",)).select_related("api").get(pk=announcement.pk)
    if found.state != State.SENDING:
        message = _("This announcement is not being sent: there is nothing left to stop.")
        raise Conflict("announcements.not_sending", message, hint=_("Look at who was told."))
    found.state, found.finished_at = State.STOPPED, timezone.now()
    found.save(update_fields=["state", "finished_at", "updated_at"])
    untold = found.receipts.filter(told_at=None).count()
    _record(found, "announcement.stop", by, after={"untold": untold})
    return found


def settle(announcement: Announcement) -> int:
    """How many receivers the announcement has; from here on it is being sent. Inside a transaction."""
    refused = unwilling(announcement)
    ids = list(users_of(announcement).order_by("pk").values_list("pk", flat=True))
    rows = [Receipt(announcement=announcement, user_id=pk, is_mailed=pk not in refused) for pk in ids]
    Receipt.objects.bulk_create(rows, batch_size=500)
    announcement.state = State.SENDING if rows else State.SENT
    announcement.sent_at = timezone.now()
    announcement.finished_at = None if rows else announcement.sent_at
    announcement.save(update_fields=["state", "sent_at", "finished_at", "updated_at"])
    return len(rows)


def deliver(announcement_id: str, *, within_s: float = _RUN_S) -> int:
    """How many receivers this run told. Another run, or the clock, goes on where this one ends or is killed."""
    ends_at, told = time.monotonic() + within_s, 0
    while batch := _deliver_batch(announcement_id):
        told += batch
        if time.monotonic() >= ends_at:
            break
    return told


def deliver_unfinished() -> int:
    """How many receivers were told of announcements that a dead worker or broker left."""
    return sum(deliver(pk) for pk in list(Announcement.objects.unfinished().values_list("pk", flat=True)))


@transaction.atomic
def _deliver_batch(announcement_id: str) -> int:
    """Tell some receivers. The mail, the notice and the mark that they were told are one transaction: all or none.

    Whoever marks a receipt first tells its receiver; another process that read the same rows finds them marked.
    """
    announcement = Announcement.objects.select_for_update(of=("self",)).select_related("api").get(pk=announcement_id)
    if announcement.state != State.SENDING:
        return 0
    waiting = Receipt.objects.filter(announcement=announcement, told_at=None).select_related("user")[:BATCH]
    receipts = list(waiting)
    if not receipts:
        announcement.state, announcement.finished_at = State.SENT, timezone.now()
        announcement.save(update_fields=["state", "finished_at", "updated_at"])
        return 0
    for language in sorted({receipt.user.language for receipt in receipts}):
        with speaking(language):
            _tell(announcement, [receipt for receipt in receipts if receipt.user.language == language])
    Receipt.objects.bulk_update(receipts, ["told_at", "message"])
    return len(receipts)


def _tell(announcement: Announcement, receipts: Sequence[Receipt]) -> None:
    """Mail and notice of receivers who speak the language of now, and the mark on their receipts, not yet saved."""
    words = words_of(announcement, own_words(announcement))
    addresses = [receipt.user.email for receipt in receipts if receipt.is_mailed and receipt.user.is_active]
    mails = send_mail(to=addresses, subject=words.subject, body=words.text, html=words.html) if addresses else []
    by_address = {message.to: message for message in mails}
    title, text = notice_of(announcement)
    tell(
        user_ids=[receipt.user_id for receipt in receipts],
        kind=announcement.kind,
        cause=f"announcement:{announcement.pk}",
        title=title,
        text=text,
        path=words.path,
    )
    now = timezone.now()
    for receipt in receipts:
        receipt.told_at = now
        receipt.message = by_address.get(receipt.user.email)


def _locked_draft(announcement: Announcement) -> Announcement:
    rows = Announcement.objects.select_for_update(of=("self",)).select_related("api", "version")
    found = rows.get(pk=announcement.pk)
    if found.state != State.DRAFT:
        message = _("This announcement was sent; what people have read cannot be changed.")
        raise Conflict("announcements.sent", message, hint=_("Write another one."))
    return found


def _check(announcement: Announcement) -> None:
    require_clean(announcement, prefix="announcements")
    if announcement.version and announcement.version.api_id != announcement.api_id:
        message = _("This is not a version of the API.")
        raise Invalid("announcements.other_api", message, field="version", hint=_("Choose one of its own."))


def _record(announcement: Announcement, action: str, by: Actor, **states: Any) -> None:
    record(by=by, action=action, target=announcement, organization_id=announcement.api.organization_id, **states)


def _enqueue(announcement_id: str) -> None:
    """Ask a worker to send it now; without a broker the clock finds it within a minute."""
    broker.announce(SEND_TASK, (announcement_id,))
