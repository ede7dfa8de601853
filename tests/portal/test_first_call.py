"""The first call in the portal: celebrated once, wherever it came from; refusals lead to where they are mended."""

from __future__ import annotations

import pytest

from apim.access.models import Application
from apim.accounts.models import User
from apim.onboarding.models import Journey
from tests.conftest import LogIn
from tests.portal.conftest import Gateway

ACCESS = "/products/bank-payments/access"
TRY = "/apis/bank/v1/try"
CALL = {"key_from": "fresh", "method": "GET", "path": "/accounts"}
pytestmark = pytest.mark.usefixtures("bank")


def test_a_first_200_is_celebrated_once(gateway: Gateway, log_in: LogIn) -> None:
    client = log_in(None)
    client.post(ACCESS, {"plan": "starter", "email": "ada@example.org"})
    gateway.status = 500
    assert "first call worked" not in client.post(TRY, CALL).content.decode()
    gateway.status = 200
    assert "first call worked" in client.post(TRY, CALL).content.decode()
    assert "first call worked" not in client.post(TRY, CALL).content.decode()
    assert Journey.objects.get().succeeded_at is not None
    page = client.get(f"/my/apps/{Application.objects.get().id}").content.decode()
    assert "first call worked" in page
    assert "We sent a mail to ada@example.org" in page


def test_the_session_of_who_joined_by_one_form_stands_among_the_open_ones(log_in: LogIn) -> None:
    client = log_in(None)
    client.post(ACCESS, {"plan": "starter", "email": "ada@example.org"})
    page = client.get("/my/settings/security").content.decode()
    assert "this one" in page
    assert "None yet." not in page


def test_nothing_is_celebrated_or_asked_of_who_has_been_here_for_long(
    developer: User, shop: Application, log_in: LogIn
) -> None:
    page = log_in(developer).get(f"/my/apps/{shop.id}").content.decode()
    assert "first call worked" not in page
    assert "We sent a mail" not in page


@pytest.mark.parametrize(
    ("code", "status", "target"),
    [
        ("unauthenticated", 401, "/my/apps"),
        ("payment-required", 402, "/my/billing"),
        ("no-subscription", 403, "/apis/bank#access"),
        ("not-found", 404, "/apis/bank/v1/reference"),
        ("quota-exceeded", 429, "/apis/bank#access"),
    ],
)
def test_a_refusal_leads_to_where_it_is_mended(
    *, developer: User, gateway: Gateway, log_in: LogIn, code: str, status: int, target: str
) -> None:
    gateway.status, gateway.content_type = status, "application/problem+json"
    gateway.body = f'{{"type": "https://example.org/problems/{code}", "status": {status}}}'.encode()
    sent = {"method": "GET", "path": "/accounts", "key": "apim_live_x"}
    answer = log_in(developer).post(TRY, sent, headers={"HX-Request": "true"})
    assert f'<a href="{target}">' in answer.content.decode()


class Spreading(list[tuple[str, str, dict[str, str], bytes]]):
    """What a gateway was asked; at the second call it has heard of the key."""

    def __init__(self, gateway: Gateway) -> None:
        """Nothing yet; the gateway does not know the key."""
        super().__init__()
        self.gateway = gateway
        gateway.status, gateway.content_type = 401, "application/problem+json"
        gateway.body = b'{"type": "https://example.org/problems/unauthenticated", "status": 401}'

    def append(self, asked: tuple[str, str, dict[str, str], bytes]) -> None:
        """Note the call, and from the second on answer it."""
        super().append(asked)
        if len(self) > 1:
            self.gateway.status, self.gateway.content_type, self.gateway.body = 200, "application/json", b"{}"


def test_a_key_that_gateways_have_not_heard_of_yet_is_tried_again(gateway: Gateway, log_in: LogIn) -> None:
    client = log_in(None)
    client.post(ACCESS, {"plan": "starter", "email": "ada@example.org"})
    gateway.asked = Spreading(gateway)
    assert "first call worked" in client.post(TRY, CALL).content.decode()
    assert len(gateway.asked) == 2
