"""Where allauth asks us: links in mails, who gets an organization, how failed log-ins are counted.

Owns: these answers. Must not know: pages; allauth has the views, templates/account the words.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from apim.accounts.links import absolute_url
from apim.accounts.mail_kinds import kind_of
from apim.accounts.models import Invitation, User
from apim.accounts.services import note_log_in, register_developer
from apim.mails.writing import send, write
from apim.ui.language import to_keep


class AccountAdapter(DefaultAccountAdapter):
    """allauth's answers, except for those below."""

    def new_user(self, request: HttpRequest) -> User:
        """Somebody who signs up, and keeps the language of the page where they do."""
        user: User = super().new_user(request)
        user.language = to_keep()
        return user

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Verify the address; a person nobody invited gets an organization of their own.

        Only now, so that addresses nobody reads leave no organizations behind.
        """
        is_confirmed: bool = super().confirm_email(request, email_address)
        user: User = email_address.user
        is_invited = Invitation.objects.open(timezone.now()).filter(email__iexact=email_address.email).exists()
        if is_confirmed and not is_invited:
            register_developer(user)
        return is_confirmed

    def is_safe_url(self, url: str | None) -> bool:
        """True for a path of this site. Absolute addresses are refused, our own too: nothing here needs them."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail of ours: the kind that is named as allauth's template, with links under our own address."""
        values = {name: _ours(value) if name.endswith("_url") else value for name, value in context.items()}
        when = values.get("timestamp")
        values |= {"email": email, "when": f"{when:%Y-%m-%d %H:%M} UTC" if when else ""}
        user = values.get("user")
        send(write(kind_of(template_prefix), values, language=getattr(user, "language", "")), to=email)

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        """Where to after a log-in, which is noted for the person to see."""
        note_log_in(
            user=user,
            address=self.get_client_ip(request),
            agent=self.get_http_user_agent(request),
            session_key=request.session.session_key or "",
        )
        response: HttpResponse = super().post_login(request, user, **options)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Note that somebody tried with the address of a person, for that person to see."""
        user = User.objects.filter(email__iexact=str(credentials.get("email") or ""), is_active=True).first()
        if user is not None:
            address, agent = self.get_client_ip(request), self.get_http_user_agent(request)
            note_log_in(user=user, address=address, agent=agent, is_success=False)
        super().authentication_failed(request, **credentials)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failed log-ins are counted for an address at one client: a stranger's guesses never lock the victim out."""
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}@{self.get_client_ip(request)}"


def _ours(url: object) -> object:
    """The same path under the installation's address."""
    if not isinstance(url, str) or not url:
        return url
    parts = urlsplit(url)
    return absolute_url(parts.path + (f"?{parts.query}" if parts.query else ""))
