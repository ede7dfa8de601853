"""A second factor at log-in: codes of an authenticator app, and recovery codes for the day it is lost.

Owns: how its secrets are kept, what is drawn, what is noted in the audit log, and taking it away from who lost both.
Must not know: pages and the log-in itself; allauth has those, templates/mfa the words.
"""

from __future__ import annotations

import base64
from typing import Any

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.conf import settings
from django.db import transaction
from django.dispatch import receiver
from django.utils.safestring import SafeString, mark_safe
from qrcode.image.svg import SvgPathImage

from apim.accounts.models import User
from apim.accounts.services import actor_of
from apim.audit.actor import Actor
from apim.audit.services import record

_SEALED_FOR = "second_factor.secret"


class SecondFactorAdapter(DefaultMFAAdapter):
    """allauth's answers, except for those below."""

    def encrypt(self, text: str) -> str:
        """A secret as it is kept: sealed with the installation's key, base64."""
        return base64.b64encode(settings.KEYRING.seal(text.encode(), _SEALED_FOR)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret again."""
        plain: bytes = settings.KEYRING.unseal(base64.b64decode(encrypted_text), _SEALED_FOR)
        return plain.decode()

    def build_totp_svg(self, url: str) -> SafeString:
        """The address as a QR code, inline SVG: black modules, on what the page puts behind them."""
        drawn: str = qrcode.make(url, image_factory=SvgPathImage).to_string(encoding="unicode")
        return mark_safe(drawn)  # noqa: S308 - drawn from modules; the address itself is not in it


def has_second_factor(user: User) -> bool:
    """True when a log-in of the person asks for a code."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


@transaction.atomic
def remove_second_factor(*, user: User, by: Actor) -> User:
    """Let a person who lost app and recovery codes log in by password alone."""
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        record(by=by, action="user.remove_second_factor", target=user)
    return user


@receiver(authenticator_added)
@receiver(authenticator_reset)
@receiver(authenticator_removed)
def _note(signal: Any, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Keep in the audit log that a person changed how they log in."""
    done = {authenticator_added: "add", authenticator_reset: "renew", authenticator_removed: "remove"}[signal]
    record(by=actor_of(user), action=f"user.{done}_second_factor", target=user, after={"kind": authenticator.type})
