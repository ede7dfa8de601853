"""What mails say: every kind, its text in each language, a preview, and the way back to the built-in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apim.accounts.services import actor_of
from apim.branding.brand import live_brand
from apim.console.forms.mails import MailTextForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, page, posted
from apim.mails import services
from apim.mails.kinds import MailKind, mail_kind, mail_kinds
from apim.mails.models import MailText
from apim.mails.writing import Source, Written, built_in, sample_of
from apim.notifications.services import send_mail
from apim.ui.forms import errors_on
from apim.ui.language import is_known, speaking

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def mail_list(request: ConsoleRequest) -> HttpResponse:
    """Every kind of mail, who reads it, and the languages in which an admin wrote it anew."""
    own: dict[str, list[str]] = {}
    for kind, language in MailText.objects.order_by("language").values_list("kind", "language"):
        own.setdefault(kind, []).append(_language_name(language))
    rows = [(kind, built_in(kind).subject, own.get(kind.name, [])) for kind in mail_kinds()]
    return page(request, "console/admin/mails.html", rows=rows)


@admin_page
def mail_text(request: ConsoleRequest, kind: str) -> HttpResponse:
    """A mail's text in ?language=, with a preview; kept, or sent to oneself as a test."""
    of, language = mail_kind(kind), _language(request)
    own = MailText.objects.filter(kind=of.name, language=language).first()
    with speaking(language):
        source = Source(own.subject, own.body) if own else built_in(of)
        sample = sample_of(of, source if own else None)
    form = MailTextForm(posted(request), initial={"subject": source.subject, "body": source.body})
    if request.method == "POST" and form.is_valid():
        with errors_on(form), speaking(language):
            services.check(kind=of, language=language, source=form.source)
            sample = sample_of(of, form.source)
        if not form.errors and (done := _act(request, of, language, source=form.source, sample=sample)) is not None:
            return done
    return page(
        request,
        "console/admin/mail_text.html",
        form=form,
        kind=of,
        language=language,
        languages=[(code, name, code == language) for code, name in settings.LANGUAGES],
        sample=sample,
        brand=live_brand(),
        is_own=own is not None,
    )


@admin_page
def mail_text_reset(request: ConsoleRequest, kind: str) -> HttpResponse:
    """Asks, then goes back to the built-in text of ?language=."""
    of, language = mail_kind(kind), _language(request)
    names = {"title": of.title, "language": _language_name(language)}
    confirmation = Confirmation(
        title=_("Back to the built-in text?"),
        consequences=(_("The text of “%(title)s” in %(language)s that was written here is deleted.") % names,),
        verb=_("Go back to the built-in text"),
        back=_address(of, language),
        done=_("The built-in text is sent again."),
    )
    return confirm(
        request, confirmation, lambda _data, by: services.back_to_built_in(kind=of, language=language, by=by)
    )


def _act(
    request: ConsoleRequest, kind: MailKind, language: str, *, source: Source, sample: Written
) -> HttpResponse | None:
    """What the pressed button asks for; None for a preview, which is the page itself."""
    if "save" in request.POST:
        services.set_text(kind=kind, language=language, source=source, by=actor_of(request.user))
        messages.success(request, _("Kept. Mails of this kind say it from now on."))
        return redirect(_address(kind, language))
    if "test" in request.POST:
        subject = _("Test: %(subject)s") % {"subject": sample.subject}
        send_mail(to=request.user.email, subject=subject, body=sample.text, html=sample.html)
        words = _("A test is on its way to %(address)s. Without a mail server it stays in the mailbox.")
        messages.success(request, words % {"address": request.user.email})
    return None


def _language(request: ConsoleRequest) -> str:
    """The language that is asked for, else the one that the page speaks."""
    asked = request.GET.get("language", "")
    return asked if is_known(asked) else get_language() or settings.LANGUAGE_CODE


def _language_name(code: str) -> str:
    return dict(settings.LANGUAGES).get(code, code)


def _address(kind: MailKind, language: str) -> str:
    return f"{reverse('console:admin-mail-text', args=[kind.name])}?language={language}"
