"""Tokens of an identity provider with the whole product: discovery, a client, calls, new keys, revocation."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.e2e.journey import CALLER, OWNER, Journey
from tests.tokens import PrivateKey, claims_at, jwk, key_for, key_set, token_of
from tests.upstreams import Arrival, Reply, Upstream
from tests.waiting import wait_until

CLIENT = "teller-web"
FIRST, SECOND = key_for("ES256", "first"), key_for("RS256", "second")


class Issuer:
    """An identity provider with a key that it can exchange."""

    def __init__(self) -> None:
        self.url = ""
        self.key, self.algorithm, self.kid = FIRST, "ES256", "first"

    def use(self, key: PrivateKey, algorithm: str, kid: str) -> None:
        """Sign with another key from now on, and publish that one alone."""
        self.key, self.algorithm, self.kid = key, algorithm, kid

    def answer(self, arrival: Arrival) -> Reply:
        """What it tells about itself, and its keys."""
        path = urlsplit(arrival.target).path
        if path == "/.well-known/openid-configuration":
            return Reply(json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode())
        return Reply(key_set(jwk(self.key, self.kid)).encode()) if path == "/keys" else Reply(b"{}", 404)

    def token(self, **changes: object) -> str:
        """A token that is good now."""
        claims = claims_at(int(time.time()), iss=self.url, azp=CLIENT, **changes)
        return token_of(claims, self.key, self.algorithm, kid=self.kid).decode()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """A running one."""
    made = Issuer()
    with Upstream(made.answer) as server:
        made.url = server.url
        yield made


def call(journey: Journey, issuer: Issuer, method: str = "GET", **claims: object) -> int:
    target, bearer = "/teller/v1/accounts", f"Bearer {issuer.token(**claims)}"
    return journey.call(method, target, "", b"" if method == "POST" else None, Authorization=bearer).status


def publish(journey: Journey, *policies: dict[str, object]) -> None:
    journey.post("versions/teller:v1/revisions", policies=list(policies))
    journey.post("versions/teller:v1/publish")


def test_a_client_calls_with_tokens_until_it_is_revoked(journey: Journey, issuer: Issuer, echo: Upstream) -> None:
    names = {"name": "teller", "version": "v1", "organization": OWNER}
    journey.post("imports", **names, upstream=echo.url, methods=["GET", "POST"], prefix="/", publish=True)
    journey.offer("teller", "teller:v1")
    policy = {
        "issuer": issuer.url,
        "audiences": ["bank"],
        "operationScopes": {"POST *": "pay"},
        "headers": {"X-U": "sub"},
    }
    publish(journey, {"jwt": policy})
    before = len(echo.arrivals)  # of other tests, which share the service
    wait_until(lambda: call(journey, issuer) == 403, "the keys are there, the client is not")

    assert echo.arrivals[before:] == []
    journey.post("issuers", name="provider", issuer=issuer.url)
    made = journey.run("keys", "create", "--app", f"{CALLER}:teller", "--issuer", issuer.url, "--client-id", CLIENT)
    assert made.returncode == 0, made.stderr
    wait_until(lambda: call(journey, issuer) == 200, "the client is in force")
    assert echo.arrivals[-1].all("x-u") == ["ana"]
    assert echo.arrivals[-1].all("authorization") == []
    assert call(journey, issuer, aud="other") == 401
    assert call(journey, issuer, "POST") == 403
    assert call(journey, issuer, "POST", scope="pay") == 200

    issuer.use(SECOND, "RS256", "second")
    assert call(journey, issuer) == 401
    publish(journey, {"jwt": policy})
    wait_until(lambda: call(journey, issuer) == 200, "the new key is in force")

    credential = made.stdout.strip()
    journey.post(f"credentials/{credential}/revoke", reason="lost")
    wait_until(lambda: call(journey, issuer) == 403, "the revocation is in force")
