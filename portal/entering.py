"""Logging somebody in who proved it otherwise than by a password: the session is noted like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth import login

from apim.accounts.services import note_log_in

if TYPE_CHECKING:
    from django.http import HttpRequest

    from apim.accounts.models import User


def let_in(request: HttpRequest, user: User) -> None:
    """The person's session begins, and stands among their open sessions and log-ins."""
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    adapter = get_adapter(request)
    note_log_in(
        user=user,
        address=adapter.get_client_ip(request),
        agent=adapter.get_http_user_agent(request),
        session_key=request.session.session_key or "",
    )
