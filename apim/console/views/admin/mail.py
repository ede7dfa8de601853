"""Mail: what was sent, and by which server."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.console.forms.admin import MailServerForm, TestMailForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.steps import steps
from apim.notifications.models import MailServer, Message
from apim.notifications.secrets import without_secrets
from apim.notifications.services import remove_mail_server, set_mail_server, test_mail_server
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def mailbox(request: ConsoleRequest) -> HttpResponse:
    """Every mail of the product, the newest first."""
    rows, has_server = listing(request, Message.objects.defer("html")), MailServer.objects.exists()
    for row in rows:
        if has_server or row.sent_at is not None:
            row.subject = without_secrets(row.subject)
    return page(request, "console/admin/mailbox.html", rows=rows, has_server=has_server)


@admin_page
def message_page(request: ConsoleRequest, message_id: str) -> HttpResponse:
    """One mail as text, without what lets its reader in where a mail server has brought it to that reader."""
    message = get_object_or_404(Message, pk=message_id)
    is_hidden = message.sent_at is not None or MailServer.objects.exists()
    body = without_secrets(message.body) if is_hidden else message.body
    has_hidden = body != message.body
    if is_hidden:
        message.subject = without_secrets(message.subject)
    return page(request, "console/admin/message.html", message=message, body=body, has_hidden=has_hidden)


@admin_page
def mail_server(request: ConsoleRequest) -> HttpResponse:
    """The SMTP server, and a test of it."""
    server = MailServer.objects.first()
    is_first_time = request.GET.get("step") == "2"
    shown = {"server": server, "steps": steps(2) if is_first_time else None}
    is_test = request.method == "POST" and "test" in request.POST
    form = MailServerForm(None if is_test else posted(request), instance=copy(server) if server else None)
    test = TestMailForm(request.POST if is_test else None, initial={"to": request.user.email})
    if is_test and test.is_valid():
        with errors_on(test):
            result = test_mail_server(to=test.cleaned_data["to"], by=actor_of(request.user))
            return page(request, "console/admin/mail_server.html", form=form, test=test, result=result, **shown)
    elif request.method == "POST" and form.is_valid():
        with errors_on(form):
            changes = {name: form.cleaned_data[name] for name in form.Meta.fields}
            set_mail_server(changes=changes, password=form.cleaned_data["password"], by=actor_of(request.user))
            messages.success(request, gettext("Saved. Send a test mail to be sure."))
            return redirect(request.get_full_path())
    return page(request, "console/admin/mail_server.html", form=form, test=test, **shown)


@admin_page
def remove_server(request: ConsoleRequest) -> HttpResponse:
    """No mail leaves any more."""
    server = get_object_or_404(MailServer)
    confirmation = Confirmation(
        title=gettext("Remove the mail server %(server)s?") % {"server": server},
        consequences=(
            gettext("No mail leaves any more: not invitations, not links to a new password, not what is owed."),
            gettext("What is written stays in the mailbox, where admins read it. The server's password is forgotten."),
        ),
        verb=gettext("Remove the server"),
        back=reverse("console:admin-mail-server"),
        done=gettext("Removed. Mails wait in the mailbox."),
    )
    return confirm(request, confirmation, lambda _, by: remove_mail_server(by=by))
