"""Calls with tokens: who is admitted as whose, beside API keys, and what the others are told."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway_sync.messages import RequestHead
from gateway_sync.policies.jwt import JWT, dump
from gateway_sync.policies.token_issuers import client_text
from gateway_sync.policies.web_keys import public_key_set
from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.admission import Admission, Gate
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.runtime.core.limits import NS
from gateway_sync.runtime.core.request_head import read_request_head
from gateway_sync.snapshot import Issuer, Policy
from tests.tokens import AUDIENCE, CLIENT, ISSUER, claims_at, jwk, key_for, key_set, token_of
from tests.wire.gateways import KEY, make_environment, make_snapshot, make_version

NOW_S = 1_790_000_000
SIGNING_KEY = key_for("EdDSA")
JWKS = public_key_set(key_set(jwk(SIGNING_KEY, "a")))
ADDRESS = "192.0.2.1"
CLIENT_KEY = client_text("env_1", ISSUER, CLIENT)
REGISTERED = Issuer(ISSUER, JWKS, is_for_all=True)


def token(**changes: object) -> bytes:
    return token_of(claims_at(NOW_S, **changes), SIGNING_KEY, "EdDSA", kid="a")


def bearer(text: bytes) -> dict[str, bytes]:
    return {"Authorization": b"Bearer " + text}


GOOD = bearer(token(scope="read pay"))


class Door:
    """A gate with one version, one key and one client of one application of another organization than the API's."""

    def __init__(
        self, *policies: tuple[str, dict[str, object]], issuers: tuple[Issuer, ...] = (REGISTERED,), **jwt: Any
    ) -> None:
        jwt_policy = JWT(ISSUER, (AUDIENCE,), **jwt)
        written = (Policy("jwt", dump(jwt_policy)), *(Policy(kind, settings) for kind, settings in policies))
        snapshot = make_snapshot(
            [make_version(9, policies=written)], environment=make_environment(address_burst=3, issuers=issuers)
        )
        self.index = Index(snapshot.environment, snapshot.products, 1, "")
        for _ in build_index(self.index, snapshot.apis):
            pass
        assert self.index.problems == []
        self.table = AccessTable(None)
        held = {"application": "app_1", "organization": "org_1", "product": "", "state": "active", "expires_at": 0}
        self.put("credential", KEY, {"id": "crd_1"} | held)
        self.put("client", CLIENT_KEY, {"id": "crd_2"} | held)
        self.put("application", "app_1", {"organization": "org_1", "state": "active", "name": "shop"})
        self.put("organization", "org_1", {"state": "active"})
        self.put("subscription", "sub_1", {
            "organization": "org_1", "product": "prd_1", "plan": "pln_1", "lifecycle": "active", "payment": "none",
            "applications": ["app_1"], "created_at": 10, "ends_at": 0,
        })  # fmt: skip
        self.gate = Gate(self.index, self.table, lambda key: key.decode(), b"gw")

    def put(self, kind: str, key: str, body: dict[str, Any] | None) -> None:
        self.table.apply(encode_records([(kind, key, body)]), 1)

    def call(self, fields: dict[str, bytes], target: str = "GET /accounts", at_s: int = NOW_S) -> Admission:
        method, path = target.encode().split(b" ")
        lines = [method + b" /bank/v1" + path + b" HTTP/1.1", b"Host: a"]
        self.head: RequestHead = read_request_head(
            [*lines, *(name.encode() + b": " + value for name, value in fields.items())], self.index.fields
        )
        return self.gate.admit(self.head, ADDRESS, at_s * NS)

    def outcome(self, fields: dict[str, bytes], target: str = "GET /accounts", at_s: int = NOW_S) -> str:
        """The code of a refusal, or the credential that admits."""
        admission = self.call(fields, target, at_s)
        if admission.refusal is not None:
            return admission.refusal.code
        assert admission.grant is not None
        return admission.grant.caller.credential or "anonymous"


def challenges(admission: Admission) -> list[bytes]:
    assert admission.refusal is not None
    return [field[18:] for field in admission.refusal.fields if field.startswith(b"WWW-Authenticate: ")]


def test_a_token_is_as_good_as_a_key() -> None:
    door = Door()
    assert door.outcome(GOOD) == "crd_2"
    assert door.outcome(GOOD) == "crd_2"
    assert door.outcome({"X-API-Key": KEY.encode()}) == "crd_1"
    assert door.outcome(bearer(KEY.encode())) == "crd_1"


def test_the_call_belongs_to_the_application_and_its_subscription() -> None:
    grant = Door().call(GOOD).grant
    assert grant is not None
    caller = grant.caller
    assert (caller.application, caller.subscription, caller.plan) == ("app_1", "sub_1", "pln_1")
    assert caller.claims["sub"] == "ana"
    assert grant.context.split(b"\x1f")[-4:] == [b"app_1", b"crd_2", b"sub_1", b"pln_1"]


def test_the_token_does_not_go_on_to_the_service() -> None:
    door = Door(("key-auth", {"bearer": False}))
    assert door.outcome(GOOD) == "crd_2"
    assert b"eyJ" not in door.head.block()


def test_two_tokens_of_one_client_are_told_apart() -> None:
    door = Door()
    for name in ("ana", "ben", "ana"):
        grant = door.call(bearer(token(sub=name))).grant
        assert grant is not None
        assert grant.caller.claims["sub"] == name


def test_without_credentials_all_ways_in_are_named_and_no_error_is() -> None:
    admission = Door().call({})
    assert challenges(admission) == [b'Bearer realm="/bank/v1"', b'ApiKey realm="/bank/v1", header="x-api-key"']


def test_a_bad_token_is_told_what_is_wrong() -> None:
    admission = Door().call(bearer(token(exp=NOW_S - 60)))
    assert admission.refusal is not None
    assert (admission.refusal.code, admission.refusal.detail) == ("unauthenticated", "The token has expired.")
    assert challenges(admission)[0] == (
        b'Bearer realm="/bank/v1", error="invalid_token", error_description="The token has expired."'
    )


def test_bad_tokens_count_against_the_address_like_wrong_keys() -> None:
    door = Door()
    assert [door.outcome(bearer(b"a.b.%d" % number)) for number in range(4)] == ["unauthenticated"] * 3 + [
        "rate-limited"
    ]


def test_a_client_that_nobody_registered_is_refused_and_let_in_once_somebody_does() -> None:
    door = Door()
    unknown = bearer(token(azp="elsewhere"))
    admission = door.call(unknown)
    assert admission.refusal is not None
    assert (admission.refusal.code, admission.refusal.detail[:30]) == ("forbidden", "No application has registered ")
    body = {
        "id": "crd_9",
        "application": "app_1",
        "organization": "org_1",
        "product": "",
        "state": "active",
        "expires_at": 0,
    }
    door.put("client", client_text("env_1", ISSUER, "elsewhere"), body)
    door.gate.forget()
    assert door.outcome(unknown) == "crd_9"


def test_a_revoked_client_is_refused_though_its_token_is_good_and_known() -> None:
    door = Door()
    assert door.outcome(GOOD) == "crd_2"
    door.put("client", CLIENT_KEY, None)
    door.gate.forget()
    assert door.outcome(GOOD) == "forbidden"


@pytest.mark.parametrize(
    ("kind", "change", "code"),
    [
        ("client", {"expires_at": NOW_S}, "forbidden"),
        ("client", {"state": "suspended"}, "forbidden"),
        ("application", {"state": "suspended"}, "forbidden"),
        ("organization", {"state": "suspended"}, "forbidden"),
        ("subscription", {"lifecycle": "paused"}, "subscription-inactive"),
        ("subscription", {"applications": []}, "no-subscription"),
    ],
)
def test_what_stops_a_key_stops_a_token(kind: str, change: dict[str, Any], code: str) -> None:
    door = Door()
    key = {"client": CLIENT_KEY, "application": "app_1", "organization": "org_1", "subscription": "sub_1"}[kind]
    body = dict(door.table.find(kind, key) or {})
    door.put(kind, key, body | change)
    assert door.outcome(GOOD) == code


def test_a_known_token_dies_when_it_expires() -> None:
    door = Door()
    assert door.outcome(GOOD, at_s=NOW_S + 329) == "crd_2"
    assert door.outcome(GOOD, at_s=NOW_S + 330) == "unauthenticated"


def test_scopes_hold_for_the_operations_that_are_named() -> None:
    door = Door(scopes=("read",), operation_scopes=(("POST /accounts", "pay"),))
    for scope, target, outcome in (
        ("read", "GET /accounts", "crd_2"), ("read", "POST /accounts", "insufficient-scope"),
        ("read pay", "POST /accounts", "crd_2"), ("pay", "GET /accounts", "insufficient-scope"),
        ("", "GET /accounts", "insufficient-scope"),
    ):  # fmt: skip
        assert door.outcome(bearer(token(scope=scope)), target) == outcome
    admission = door.call(bearer(token(scope="pay")), "POST /accounts")
    assert challenges(admission) == [b'Bearer realm="/bank/v1", error="insufficient_scope", scope="read pay"']
    assert admission.grant is not None
    assert admission.grant.caller.application == "app_1"


def test_tokens_only_means_no_keys_and_nobody_without_a_token() -> None:
    door = Door(("key-auth", {"anonymous": True, "basic": True}), is_only=True)
    assert door.outcome(GOOD) == "crd_2"
    assert door.outcome({"X-API-Key": KEY.encode()}) == "unauthenticated"
    assert door.outcome({}) == "unauthenticated"
    assert challenges(Door(is_only=True).call({})) == [b'Bearer realm="/bank/v1"']


def test_anonymous_calls_pass_beside_tokens_but_bad_tokens_do_not() -> None:
    door = Door(("key-auth", {"anonymous": True}))
    assert door.outcome({}) == "anonymous"
    assert door.outcome(GOOD) == "crd_2"
    assert door.outcome(bearer(b"a.b.c")) == "unauthenticated"


def test_a_password_that_spells_the_record_of_a_client_is_no_token() -> None:

    door = Door(("key-auth", {"basic": True}))
    pair = base64.b64encode(b"x:" + CLIENT_KEY.encode())
    assert door.outcome({"Authorization": b"Basic " + pair}) == "unauthenticated"
    assert door.outcome({"X-API-Key": CLIENT_KEY.replace("\n", " ").encode()}) == "unauthenticated"


def test_a_key_in_its_own_field_wins_and_the_token_is_then_the_services() -> None:
    door = Door()
    assert door.outcome({"X-API-Key": KEY.encode(), **GOOD}) == "crd_1"
    assert b"Authorization: " + GOOD["Authorization"] in door.head.block()


@pytest.mark.parametrize("fields", [GOOD, {"X-API-Key": KEY.encode()}])
def test_what_others_at_an_address_fail_at_ends_no_tunnel(fields: dict[str, bytes]) -> None:
    door = Door()
    assert door.outcome(fields) != ""
    tunnel = door.head
    while door.outcome(bearer(b"guessed")) != "rate-limited":
        pass
    assert door.gate.still_admits(tunnel, ADDRESS, NOW_S * NS)
    door.put("application", "app_1", None)
    door.gate.forget()
    assert not door.gate.still_admits(tunnel, ADDRESS, NOW_S * NS)
    assert door.outcome(fields) == "rate-limited"


OWNERS_KEY = key_for("EdDSA", "owner")
OWNERS_JWKS = public_key_set(key_set(jwk(OWNERS_KEY, "own")))
OWN_CLIENT_KEY = client_text("env_1", ISSUER, CLIENT, "org_owner")
MINTED = bearer(token_of(claims_at(NOW_S), OWNERS_KEY, "EdDSA", kid="own"))


def with_own_client(door: Door) -> Door:
    """The door, knowing an application of the API's own organization that has registered the same client."""
    held = {"application": "app_9", "organization": "org_owner", "product": "", "state": "active", "expires_at": 0}
    door.put("client", OWN_CLIENT_KEY, {"id": "crd_own"} | held)
    door.put("application", "app_9", {"organization": "org_owner", "state": "active", "name": "own"})
    door.put("organization", "org_owner", {"state": "active"})
    subscription = dict(door.table.find("subscription", "sub_1") or {})
    door.put("subscription", "sub_9", subscription | {"organization": "org_owner", "applications": ["app_9"]})
    door.gate.forget()
    return door


@pytest.mark.parametrize("is_registered", [True, False])
def test_keys_that_an_owner_chose_charge_no_call_to_an_application_of_others(is_registered: bool) -> None:
    door = Door(issuers=(REGISTERED,) if is_registered else (), jwks=OWNERS_JWKS)
    assert door.outcome(MINTED) == "forbidden"
    assert with_own_client(door).outcome(MINTED) == "crd_own"


def test_an_address_of_keys_that_an_owner_chose_never_means_the_registered_keys() -> None:
    assert Door(jwks_url="https://owner.example.com/keys").outcome(GOOD) == "unauthenticated"


def test_a_registered_issuer_speaks_for_the_organizations_that_admins_named() -> None:
    assert Door(issuers=(Issuer(ISSUER, JWKS, organizations=("org_0", "org_1")),)).outcome(GOOD) == "crd_2"
    assert Door(issuers=(Issuer(ISSUER, JWKS, organizations=("org_0",)),)).outcome(GOOD) == "forbidden"
    assert Door(issuers=(Issuer(ISSUER, JWKS),)).outcome(GOOD) == "forbidden"


def test_the_registration_says_which_claim_names_the_client_and_no_policy_does() -> None:
    door = Door(client_claim="nickname")  # which users of many issuers choose themselves
    assert door.outcome(bearer(token(azp="mallory", nickname=CLIENT))) == "forbidden"
    door = Door(issuers=(Issuer(ISSUER, JWKS, "cid", is_for_all=True),))
    assert door.outcome(bearer(token(azp="mallory", cid=CLIENT))) == "crd_2"


def test_a_client_of_the_own_organization_works_with_registered_keys_as_well() -> None:
    door = with_own_client(Door(issuers=(Issuer(ISSUER, JWKS),)))
    assert door.outcome(GOOD) == "crd_own"
    door = with_own_client(Door())
    assert door.outcome(GOOD) == "crd_2"  # a registered one comes first


def test_an_issuer_that_is_not_registered_and_of_which_no_keys_are_known_admits_nobody() -> None:
    assert Door(issuers=()).outcome(GOOD) == "unauthenticated"
    assert Door(issuers=(Issuer(ISSUER, "", is_for_all=True),)).outcome(GOOD) == "unauthenticated"


def test_while_nobody_vouches_for_the_records_no_credential_is_taken_and_who_shows_none_is_told_so() -> None:
    door = Door()
    good = (GOOD, bearer(KEY.encode()), {"X-API-Key": KEY.encode()})
    shown = (*good, {"X-API-Key": b"wrong"}, bearer(b"wrong"))  # who guesses is not told whether it was wrong
    before = [door.outcome(fields) for fields in good]
    for _ in range(2):
        door.gate.confirm(is_confirmed=False)
        assert {door.outcome(fields) for fields in shown} == {"credential-unconfirmed"}
        assert door.outcome({}) == "unauthenticated"
        door.gate.confirm(is_confirmed=True)
        assert [door.outcome(fields) for fields in good] == before


def test_while_nobody_vouches_for_the_records_open_operations_go_on_and_their_callers_are_nobody() -> None:
    door = Door(("key-auth", {"anonymous": True}))
    assert door.outcome({"X-API-Key": KEY.encode()}) == "crd_1"
    door.gate.confirm(is_confirmed=False)
    assert {door.outcome(fields) for fields in ({}, GOOD, {"X-API-Key": KEY.encode()})} == {"anonymous"}
    door.gate.confirm(is_confirmed=True)
    assert door.outcome({"X-API-Key": KEY.encode()}) == "crd_1"
