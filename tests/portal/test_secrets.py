"""Pages that show a secret are kept nowhere: by no cache, and not by the browser's history."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client

from apim.access.models import Application, ApplicationTransfer, Credential
from apim.access.services import offer_application
from apim.accounts.models import Organization, User
from apim.gateways.models import Environment
from apim.webhooks.models import Endpoint
from tests.apim.accounts.second_factor import ACTIVATE, recovery_codes, set_up
from tests.conftest import LogIn
from tests.factories import access as access_factory
from tests.factories.accounts import PASSWORD, TESTER

pytestmark = pytest.mark.django_db

WEBHOOK = {"url": "https://hooks.example.com/apim", "event_types": ["key.created"]}


def show(client: Client, path: str, data: dict[str, object] | None = None) -> HttpResponse:
    """The page that follows a form or a link."""
    answer = client.get(path) if data is None else client.post(path, data, follow=True)
    assert answer.status_code == 200, (path, answer.content)
    return answer


def is_kept_nowhere(answer: HttpResponse, secret: str) -> bool:
    """True for a page with the secret that nothing may keep."""
    assert secret in answer.content.decode(), answer.content.decode()
    return answer["Cache-Control"] == "no-store"


def test_secrets_of_developers(developer: User, environment: Environment, initech: Organization, log_in: LogIn) -> None:
    shop = access_factory.application(of=initech, name="shop")
    client = log_in(developer)
    assert is_kept_nowhere(show(client, f"/my/apps/{shop.pk}/keys/new", {"label": "", "lifetime": 30}), "apim_live_")
    key = Credential.objects.get()
    assert is_kept_nowhere(show(client, f"/my/apps/{shop.pk}"), "apim_live_")  # as long as the flow shows it
    show(client, f"/my/apps/{shop.pk}/keys/hide", {})
    assert show(client, f"/my/apps/{shop.pk}")["Cache-Control"] != "no-store"
    assert is_kept_nowhere(show(client, f"/my/keys/{key.pk}/roll", {"overlap_s": 0}), "fresh-key")
    assert is_kept_nowhere(show(client, "/my/webhooks/new", WEBHOOK), "whsec_")
    endpoint = Endpoint.objects.get()
    assert is_kept_nowhere(show(client, f"/my/webhooks/{endpoint.pk}/roll", {"overlap_s": 3600}), "whsec_")
    token = {"name": "ci", "scopes": ["apis:read"], "lifetime": 30}
    assert is_kept_nowhere(show(client, "/my/settings/tokens/new", token), 'class="secret"')


def test_secrets_of_an_application_that_was_taken(
    developer: User, other_owner: User, environment: Environment, initech: Organization, log_in: LogIn
) -> None:
    shop = access_factory.application(of=initech, name="shop")
    access_factory.issued_key(application=shop)
    transfer: ApplicationTransfer = offer_application(application=Application.objects.get(), to="globex", by=TESTER)
    client, path = log_in(other_owner), f"/my/transfers/{transfer.pk}"
    agreed = show(client, path).context["luggage"].digest
    assert is_kept_nowhere(show(client, path, {"agreed": agreed, "keys": "3600"}), "apim_live_")


def test_secrets_of_a_second_factor(developer: User, stranger: User) -> None:
    client, _ = set_up(developer)
    code = recovery_codes(client)[0]
    assert is_kept_nowhere(show(client, "/account/second-factor/recovery-codes/"), code)
    assert is_kept_nowhere(show(client, "/account/second-factor/recovery-codes/download/"), code)
    other = Client()
    other.post("/account/login/", {"login": stranger.email, "password": PASSWORD})
    asked = other.get(ACTIVATE)["Location"]
    assert is_kept_nowhere(show(other, asked, {"password": PASSWORD}), "second-factor-secret")


def test_secrets_of_admins(admin: User, environment: Environment, log_in: LogIn) -> None:
    client = log_in(admin)
    new = {"name": "eu-1", "environment": environment.name}
    assert is_kept_nowhere(show(client, "/console/admin/new-gateway", new), "apimjoin_")
    token = {"name": "ci", "scopes": ["apis:read"], "expires_at": ""}
    assert is_kept_nowhere(show(client, "/console/new-token", token), 'class="secret"')
    assert show(client, "/console/tokens")["Cache-Control"] != "no-store"
