"""What happened to the APIs and applications of a person: notices, and which of them come by mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apim.notifications.models import Notification
from apim.notifications.notices import mail_choices_of, mark_read, set_mail_choices
from portal.forms.notifications import MailChoicesForm
from portal.rendering import page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_NOTICES_A_PAGE: Final = 30


@my_page
def list_notifications(request: PortalRequest) -> HttpResponse:
    """The notices, the newest first; a POST saves which come by mail."""
    form = MailChoicesForm(posted(request), instance=mail_choices_of(request.user))
    if request.method == "POST" and form.is_valid():
        set_mail_choices(user=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("portal:notifications")
    rows = Notification.objects.visible_to(request.user)
    context = {
        "section": "notifications",
        "trail": [(_("My home"), "/my"), (_("Notifications"), "")],
        "rows": Paginator(rows, _NOTICES_A_PAGE).get_page(request.GET.get("page")),
        "form": form,
    }
    return page(request, "portal/notifications.html", context)


@require_safe
@my_page
def show_bell(request: PortalRequest) -> HttpResponse:
    """The bell of the frame with the number of unread notices, which keeps itself fresh."""
    return render(request, "components/_bell.html")


@my_page
def open_notification(request: PortalRequest, notification_id: str) -> HttpResponse:
    """Marks the notice read and leads to what it is about."""
    notice = get_object_or_404(Notification.objects.visible_to(request.user), pk=notification_id)
    mark_read(user=request.user, notification_id=notice.pk)
    is_ours = notice.path.startswith("/") and url_has_allowed_host_and_scheme(notice.path, allowed_hosts=None)
    return redirect(notice.path if is_ours else "portal:notifications")


@my_page
def read_all(request: PortalRequest) -> HttpResponse:
    """Marks every notice read."""
    if request.method == "POST":
        mark_read(user=request.user)
    return redirect("portal:notifications")
