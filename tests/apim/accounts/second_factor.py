"""Second factors as people set them up, by the pages themselves."""

from __future__ import annotations

import re

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client

from apim.accounts.models import User
from tests.factories import accounts as accounts_factory

HOME = "/account/second-factor/"
ACTIVATE = f"{HOME}totp/activate/"
SECRET = re.compile(r"<code[^>]*>([A-Z2-7]{32})</code>")


def set_up(user: User) -> tuple[Client, str]:
    """Somebody logged in who has just set up an app, and the app's secret."""
    client = Client()
    log_in(client, user)
    again = client.get(ACTIVATE)["Location"]  # what opens an account asks for the password once more
    client.post(again, {"password": accounts_factory.PASSWORD})
    page = client.get(ACTIVATE).content.decode()
    assert "<svg" in page
    found = SECRET.search(page)
    assert found is not None
    response = client.post(ACTIVATE, {"code": code_of(found[1])})
    assert response["Location"] == f"{HOME}recovery-codes/", response.content
    return client, found[1]


def recovery_codes(client: Client) -> list[str]:
    """Those the page shows."""
    return re.findall(r"<li><code>(\d+)</code></li>", client.get(f"{HOME}recovery-codes/").content.decode())


def log_in(client: Client, user: User) -> str:
    """Where the log-in form sends somebody with the right password."""
    response = client.post("/account/login/", {"login": user.email, "password": accounts_factory.PASSWORD})
    return str(response["Location"])


def code_of(secret: str) -> str:
    """What an app shows now, good for half a minute more."""
    _, now, _ = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(secret, now)))
