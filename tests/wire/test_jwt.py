"""Calls with tokens through a real gateway: what the service gets, and what stops within a second (H12)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gateway_sync.policies.jwt import JWT, dump
from gateway_sync.policies.token_issuers import client_text
from gateway_sync.policies.web_keys import public_key_set
from gateway_sync.snapshot import Issuer, Policy
from tests.tokens import AUDIENCE, CLIENT, ISSUER, claims_at, jwk, key_for, key_set, token_of
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

RSA_KEY, EC_KEY = key_for("RS256"), key_for("ES256")
JWKS = public_key_set(key_set(jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec")))
HEADERS = (("X-Authenticated-User", "sub"), ("X-Roles", "roles"))


def token(**changes: object) -> str:
    """A token that is good now."""
    return token_of(claims_at(int(time.time()), **changes), RSA_KEY, kid="rsa").decode()


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """v1 admits keys and tokens and tells the service about the latter; v2 admits tokens only, with a scope to POST."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    policies = [
        JWT(ISSUER, (AUDIENCE,), headers=HEADERS),
        JWT(ISSUER, (AUDIENCE,), operation_scopes=(("POST *", "pay"),), is_only=True),
    ]
    versions = [
        make_version(upstream.port, id=f"ver_{number}", name=f"v{number}", policies=(Policy("jwt", dump(policy)),))
        for number, policy in enumerate(policies, start=1)
    ]
    client = {"id": "crd_9", "application": "app_1", "organization": "org_1", "product": "", "state": "active"}
    key_hash = home.hash_of(client_text("env_1", ISSUER, CLIENT))
    records = [*home.records(), ("client", key_hash, client | {"expires_at": 0})]
    home.install(
        make_snapshot(
            versions,
            environment=make_environment(address_burst=100_000, issuers=(Issuer(ISSUER, JWKS, is_for_all=True),)),
        ),
        records,
    )
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def call(gateway: GatewayProcess, target: str, *fields: str) -> tuple[int, str, bytes]:
    """Status, head and body of the answer."""
    with RawClient(gateway.port) as client:
        client.send("\r\n".join([f"{target} HTTP/1.1", "Host: a", *fields, "", ""]).encode())
        status, head, body = client.read_answer()
    return status, head.decode(), body


def bearer(text: str) -> str:
    return f"Authorization: Bearer {text}"


def test_the_service_learns_from_the_token_and_from_nobody_else(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    forged = ("X-Authenticated-User: root", "x_roles: root", "X-Roles: root", "X-Consumer-Id: root")
    good = bearer(token(roles=["teller", "auditor"]))
    for _ in range(2):  # the second time from memory
        upstream.requests.clear()
        assert call(gateway, "GET /bank/v1/accounts", good, *forged)[0] == 200
        (request,) = upstream.requests
        assert b"X-Authenticated-User: ana\r\n" in request
        assert b"X-Roles: teller,auditor\r\n" in request
        assert b"root" not in request
        assert b"eyJ" not in request


def test_a_key_passes_as_well_and_brings_no_claims(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "GET /bank/v1/accounts", f"X-API-Key: {KEY}", "X-Roles: root")[0] == 200
    (request,) = upstream.requests
    assert b"oles" not in request


def test_an_ec_token_passes_too(gateway: GatewayProcess) -> None:
    text = token_of(claims_at(int(time.time())), EC_KEY, "ES256", kid="ec").decode()
    assert call(gateway, "GET /bank/v2/accounts", bearer(text))[0] == 200


def test_a_token_without_the_scope_of_the_operation_is_refused(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    target = "POST /bank/v2/accounts"
    status, head, body = call(gateway, target, bearer(token(scope="read")), "Content-Length: 0")
    assert status == 403
    assert 'WWW-Authenticate: Bearer realm="/bank/v2", error="insufficient_scope", scope="pay"\r\n' in head
    assert b'"code":"insufficient-scope"' in body
    assert upstream.requests == []
    assert call(gateway, target, bearer(token(scope="read pay")), "Content-Length: 0")[0] == 200


@pytest.mark.parametrize(
    "text",
    ["eyJhbGciOiJub25lIn0.e30.", "a.b.c", token_of(claims_at(1), RSA_KEY).decode(), token(aud="other")],
    ids=["none", "nonsense", "expired", "other audience"],
)
def test_bad_tokens_never_reach_the_service(gateway: GatewayProcess, upstream: RawUpstream, text: str) -> None:
    for version in ("v1", "v2"):
        status, head, _ = call(gateway, f"GET /bank/{version}/accounts", bearer(text))
        assert status == 401
        assert 'error="invalid_token"' in head
    assert upstream.requests == []


def test_tokens_only_means_that_a_key_is_not_enough(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, head, _ = call(gateway, "GET /bank/v2/accounts", f"X-API-Key: {KEY}")
    assert status == 401
    assert 'WWW-Authenticate: Bearer realm="/bank/v2"\r\n' in head
    assert "ApiKey" not in head
    assert upstream.requests == []


def test_the_client_of_no_application_is_refused(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, _, body = call(gateway, "GET /bank/v1/accounts", bearer(token(azp="elsewhere")))
    assert (status, b"No application has registered" in body) == (403, True)
    assert upstream.requests == []
