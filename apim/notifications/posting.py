"""Mails of the registry: each reader's in the language of their account.

Owns: who reads which language. Must not know: what mails say, and how they leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings

from apim.accounts.models import User
from apim.mails.writing import write
from apim.notifications.models import Message
from apim.notifications.services import send_mail
from apim.ui.language import is_known


def post(kind: str, *, to: str | Iterable[str], values: Mapping[str, object], language: str = "") -> list[Message]:
    """One stored mail an address, of a kind of apim.mails.kinds, sent on commit when there is a mail server.

    Shapes: language is that of readers who chose none; "" = the installation's.
    """
    addresses = [to] if isinstance(to, str) else list(dict.fromkeys(to))
    chosen = _languages_of(addresses)
    groups: dict[str, list[str]] = {}
    for address in addresses:
        groups.setdefault(chosen.get(address.lower(), language or settings.LANGUAGE_CODE), []).append(address)
    messages: list[Message] = []
    for spoken, readers in groups.items():
        words = write(kind, values, language=spoken)
        messages += send_mail(to=readers, subject=words.subject, body=words.text, html=words.html)
    return messages


def _languages_of(addresses: list[str]) -> dict[str, str]:
    """The language of each account that chose one, by its address."""
    chosen = User.objects.filter(email__in=addresses).exclude(language="").values_list("email", "language")
    return {email.lower(): language for email, language in chosen if is_known(language)}
