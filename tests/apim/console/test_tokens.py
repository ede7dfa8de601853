"""The list of tokens: found by words and state, revoked ones apart."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import APIToken, User
from apim.accounts.services import issue_token, revoke_token
from tests.conftest import LogIn
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


def names(client: Client, query: str = "") -> list[str]:
    """The tokens on the page."""
    page = client.get(f"/console/tokens{query}").content.decode()
    return sorted(re.findall(r'<tr><th scope="row">([^<]+)</th>', page))


def test_tokens_are_found_by_words_and_state(log_in: LogIn, owner: User, admin: User) -> None:
    now = timezone.now()
    made = {
        name: issue_token(user=person, name=name, scopes=["apis:read"], by=TESTER).token
        for name, person in (("pipeline", owner), ("laptop", owner), ("old", owner), ("gone", owner), ("boss", admin))
    }
    APIToken.objects.filter(name="old").update(created_at=now - timedelta(days=91))
    APIToken.objects.filter(name="laptop").update(expires_at=now - timedelta(days=1))
    revoke_token(token=made["gone"], by=TESTER)
    mine, everybodys = log_in(owner), log_in(admin)
    assert names(mine) == ["old", "pipeline"]
    assert names(mine, "?state=idle") == ["old"]
    assert names(mine, "?state=expired") == ["laptop"]
    assert names(mine, "?state=revoked") == ["gone"]
    assert "token-revoke" not in mine.get("/console/tokens?state=revoked").content.decode()
    assert names(mine, "?q=PIPE&state=nothing") == ["pipeline"]
    assert names(everybodys) == ["boss", "old", "pipeline"]
    assert names(everybodys, f"?q={owner.email}") == ["old", "pipeline"]
    assert names(mine, f"?q={admin.email}") == []


def test_a_token_is_shown_once(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    response = client.post("/console/new-token", {"name": "ci", "scopes": ["apis:read"]})
    secret = response.context["issued"].secret

    assert secret.encode() in response.content
    assert secret.encode() not in client.get("/console/tokens").content
    assert client.post(f"/console/tokens/{APIToken.objects.get().pk}/revoke").status_code == 422
    client.post(f"/console/tokens/{APIToken.objects.get().pk}/revoke", {"typed": "ci"})
    assert APIToken.objects.get().revoked_at is not None
