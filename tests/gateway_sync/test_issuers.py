"""Policies of tokens as gateways get them: whose keys they hold, and what their owners are told."""

from __future__ import annotations

from collections.abc import Mapping

from gateway_sync.compiler.issuer_keys import with_known_keys
from gateway_sync.policies import AppliedPolicy, read_policy
from gateway_sync.policies.jwt import JWT
from gateway_sync.problems import Where
from gateway_sync.rows import EnvironmentRow, IssuerKeysRow, IssuerRow
from tests.tokens import jwk, key_for, key_set

URL = "https://login.example.com"
WHERE = Where("version", "ver_1", "policies")
KEYS = key_set(jwk(key_for("EdDSA"), "a"))
OWN = key_set(jwk(key_for("EdDSA", "own"), "own"))


def known(settings: Mapping[str, object], *issuers: IssuerRow, fetched: str = "") -> tuple[JWT | None, list[str]]:
    """The policy with its keys, and the codes and fields of what is told."""
    applied, problems = read_policy("jwt", {"audiences": ["bank"], **settings}, WHERE)
    assert isinstance(applied, AppliedPolicy), problems
    rows = (IssuerKeysRow(fetched, KEYS),) if fetched else ()
    environment = EnvironmentRow("env_1", "default", (), True, (), 1, 1, (), issuer_keys=rows, issuers=issuers)  # noqa: FBT003
    policy, found = with_known_keys(applied, WHERE, environment)
    assert policy is None or isinstance(policy.value, JWT)
    value = policy.value if policy else None
    assert value is None or isinstance(value, JWT)
    return value, [f"{problem.code} {problem.where.field.rpartition('.')[2]}" for problem in found]


REGISTERED = IssuerRow("iss_1", "login", URL, jwks_url=f"{URL}/keys", source=f"{URL}/keys", is_for_all=True)


def test_a_policy_of_a_registered_issuer_holds_no_keys_and_no_address_of_keys() -> None:
    for settings in ({"issuer": URL}, {"issuer": URL, "jwksURL": f"{URL}/keys"}):
        value, told = known(settings, REGISTERED, fetched=f"{URL}/keys")
        assert value is not None
        assert (value.jwks, value.jwks_url, told) == ("", "", [])


def test_an_issuer_that_is_no_address_needs_no_keys_once_it_is_registered() -> None:
    value, told = known({"issuer": "our issuer"}, IssuerRow("iss_1", "ours", "our issuer", jwks=KEYS))
    assert value is not None
    assert told == []
    assert known({"issuer": "our issuer"}, REGISTERED) == (None, ["jwt.E003 issuer"])


def test_keys_of_a_policy_stay_in_it_and_their_owner_is_told_what_they_are_good_for() -> None:
    value, told = known({"issuer": URL, "jwks": OWN}, REGISTERED)
    assert value is not None
    assert ("own" in value.jwks, told) == (True, ["jwt.W004 jwks"])
    value, told = known({"issuer": URL, "jwksURL": "https://own.example.com/k"}, REGISTERED)
    assert value is not None
    assert (value.jwks, value.jwks_url) == ("", "https://own.example.com/k")
    assert told == ["jwt.W004 jwks", "jwt.W001 jwksURL"]


def test_an_issuer_that_nobody_registered_is_named_with_those_that_there_are() -> None:
    value, told = known({"issuer": "https://other.example.com"}, REGISTERED, fetched="issuer https://other.example.com")
    assert value is not None
    assert ('"a"' in value.jwks, told) == (True, ["jwt.W005 issuer"])


def test_a_claim_of_the_client_that_the_registration_does_not_say_is_not_used() -> None:
    _, told = known({"issuer": URL, "clientClaim": "sub"}, REGISTERED)
    assert told == ["jwt.W006 clientClaim"]
