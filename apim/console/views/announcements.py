"""Announcements to those who use an API: written, looked at with their receivers, sent, followed."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apim.accounts.services import actor_of
from apim.announcements.audience import audience_of
from apim.announcements.mails import words_of
from apim.announcements.models import Announcement
from apim.announcements.services import (
    create_announcement,
    delete_announcement,
    send_announcement,
    stop_announcement,
    update_announcement,
)
from apim.catalog.models import API
from apim.catalog.namesakes import told_apart
from apim.console.forms.announcements import AnnouncementForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.scope import find_api_to_edit
from apim.errors import Forbidden
from apim.notifications.constants import MOST_ATTEMPTS
from apim.notifications.models import MailServer
from apim.ui.forms import errors_on
from apim.usage import reports

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_MOST_APIS: Final = 500
_MOST_OPERATIONS: Final = 200
_OPERATIONS_WITHIN: Final = timedelta(days=90)


@publisher_page
def announcement_list(request: ConsoleRequest) -> HttpResponse:
    """Drafts and what was sent, the newest first; those of the product itself too."""
    rows = Announcement.objects.visible_to(request.user).select_related("api", "version").defer("body")
    counted = rows.order_by("-pk").annotate(
        receivers=Count("receipts"), told=Count("receipts", filter=Q(receipts__told_at__isnull=False))
    )
    shown = listing(request, counted)
    told_apart(row.api for row in shown)
    return page(request, "console/announcements/list.html", rows=shown)


@publisher_page
def announcement_new(request: ConsoleRequest) -> HttpResponse:
    """A draft: first the API (`?api=`), then whom to tell and what."""
    name = request.GET.get("api", "")
    if not name:
        apis = API.objects.editable_by(request.user).active().order_by("display_name")[:_MOST_APIS]
        return page(request, "console/announcements/choose.html", apis=told_apart(apis))
    api = find_api_to_edit(request.user, name)
    form = AnnouncementForm(posted(request), api=api, operations=_called_operations(api))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            draft = create_announcement(api=api, by=actor_of(request.user), **form.cleaned_data)
            return redirect("console:announcement", draft.pk)
    return page(request, "console/announcements/edit.html", api=api, form=form)


@publisher_page
def announcement_page(request: ConsoleRequest, announcement_id: str) -> HttpResponse:
    """The mail as receivers get it, and how many they are or how far it came."""
    found = _find(request, announcement_id)
    is_draft = found.state == Announcement.State.DRAFT
    return page(
        request,
        "console/announcements/page.html",
        announcement=found,
        words=words_of(found),
        is_draft=is_draft,
        audience=audience_of(found) if is_draft else None,
        delivery=None if is_draft else _delivery_of(found),
        has_mail_server=MailServer.objects.exists(),
        can_edit=Announcement.objects.editable_by(request.user).filter(pk=found.pk).exists(),
    )


@publisher_page
def announcement_edit(request: ConsoleRequest, announcement_id: str) -> HttpResponse:
    """The draft's form."""
    found = _find_to_edit(request, announcement_id)
    operations = _called_operations(found.api)
    form = AnnouncementForm(posted(request), instance=copy(found), api=found.api, operations=operations)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_announcement(announcement=found, changes=form.cleaned_data, by=actor_of(request.user))
            return redirect("console:announcement", found.pk)
    return page(request, "console/announcements/edit.html", api=found.api, form=form, announcement=found)


@publisher_page
def announcement_send(request: ConsoleRequest, announcement_id: str) -> HttpResponse:
    """Asks, then sends it."""
    found = _find_to_edit(request, announcement_id)
    audience = audience_of(found)
    people = audience.people
    told = ngettext("%(number)d person is told in the portal", "%(number)d people are told in the portal", people)
    mailed = ngettext("%(number)d gets a mail", "%(number)d get a mail", audience.mailed)
    confirmation = Confirmation(
        title=_("Send “%(subject)s”?") % {"subject": found.subject},
        consequences=(
            _("%(told)s; %(mailed)s.")
            % {"told": told % {"number": people}, "mailed": mailed % {"number": audience.mailed}},
            _("It cannot be taken back; while it is being sent, the rest can be stopped."),
        ),
        verb=_("Send it"),
        back=reverse("console:announcement", args=[found.pk]),
        done=_("It is on its way."),
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: send_announcement(announcement=found, by=by))


@publisher_page
def announcement_stop(request: ConsoleRequest, announcement_id: str) -> HttpResponse:
    """Asks, then tells nobody else."""
    found = _find_to_edit(request, announcement_id)
    confirmation = Confirmation(
        title=_("Stop sending “%(subject)s”?") % {"subject": found.subject},
        consequences=(
            _("Who was told already keeps the mail and the notice."),
            _("Nobody else is told, and it cannot go on later: write another announcement for them."),
        ),
        verb=_("Stop it"),
        back=reverse("console:announcement", args=[found.pk]),
        done=_("Nobody else is told."),
    )
    return confirm(request, confirmation, lambda _, by: stop_announcement(announcement=found, by=by))


@publisher_page
def announcement_delete(request: ConsoleRequest, announcement_id: str) -> HttpResponse:
    """Drops a draft."""
    found = _find_to_edit(request, announcement_id)
    confirmation = Confirmation(
        title=_("Delete the draft “%(subject)s”?") % {"subject": found.subject},
        consequences=(_("Nobody has been told."),),
        verb=_("Delete it"),
        back=reverse("console:announcements"),
        done=_("The draft is deleted."),
    )
    return confirm(request, confirmation, lambda _, by: delete_announcement(announcement=found, by=by))


def _find(request: ConsoleRequest, announcement_id: str) -> Announcement:
    rows = Announcement.objects.visible_to(request.user).select_related("api", "version")
    return get_object_or_404(rows, pk=announcement_id)


def _find_to_edit(request: ConsoleRequest, announcement_id: str) -> Announcement:
    found = _find(request, announcement_id)
    if not Announcement.objects.editable_by(request.user).filter(pk=found.pk).exists():
        message = _("This announcement is about an API of another team.")
        raise Forbidden("console.other_team", message, hint=_("Ask that team or an admin."))
    return found


def _called_operations(api: API) -> list[str]:
    """Operations that were called lately, the most called first."""
    scope = reports.Scope(version_ids=list(api.versions.values_list("pk", flat=True)))
    called = reports.operations(scope, reports.last(_OPERATIONS_WITHIN))
    return list(dict.fromkeys(each.operation for each in called if each.operation))[:_MOST_OPERATIONS]


def _delivery_of(announcement: Announcement) -> dict[str, int]:
    """How far it came. Shapes: counts of receivers; waiting, sent and failed are mails."""
    is_mail = Q(message__isnull=False)
    failed = is_mail & Q(message__sent_at=None, message__attempts__gte=MOST_ATTEMPTS)
    return announcement.receipts.aggregate(
        receivers=Count("pk"),
        told=Count("pk", filter=Q(told_at__isnull=False)),
        unmailed=Count("pk", filter=Q(is_mailed=False)),
        sent=Count("pk", filter=Q(message__sent_at__isnull=False)),
        failed=Count("pk", filter=failed),
        waiting=Count("pk", filter=is_mail & Q(message__sent_at=None, message__attempts__lt=MOST_ATTEMPTS)),
    )
