"""Settings of jwt: what owners may write, and what a service is told of a token."""

from __future__ import annotations

import pytest

from gateway_sync.policies.jwt import JWT, claim_text, parse
from gateway_sync.policies.token_issuers import source_of
from gateway_sync.policies.views import Caller, RequestView
from gateway_sync.problems import Where
from tests.tokens import key_set

WHERE = Where("version", "ver_1", "policies")
GOOD: dict[str, object] = {"issuer": "https://login.example.com", "audiences": ["bank"]}


def problems_of(**changes: object) -> list[tuple[str, str]]:
    _, problems = parse({name: value for name, value in (GOOD | changes).items() if value is not None}, WHERE)
    return [(problem.code, problem.where.field.rpartition(".")[2]) for problem in problems]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("algorithms", ["HS256"]),
        ("algorithms", ["none"]),
        ("algorithms", ["RS256", "rs384"]),
        ("issuer", "two\nlines"),
        ("issuer", 7),
        ("jwks", "{}"),
        ("jwks", key_set({"kty": "oct", "k": "AA"})),
        ("jwks", {"keys": []}),
        ("jwksURL", "ftp://login.example.com/keys"),
        ("jwksURL", "http://login.example.com/keys"),
        ("jwksURL", "https://me:secret@login.example.com/keys"),
        ("jwksURL", "https://[::1/keys"),
        ("clockSkew", "6m"),
        ("type", "JWS"),
        ("scopes", ['a"b']),
        ("operationScopes", {"transfers": "a"}),
        ("claims", {"tier": []}),
        ("claims", {'a"b': "c"}),
        ("claims", ["tier"]),
        ("headers", {"Host": "sub"}),
        ("headers", {"Authorization": "sub"}),
        ("headers", {"X-Forwarded-For": "sub"}),
        ("headers", {"a b": "sub"}),
    ],
)
def test_what_would_be_unsafe_or_useless_is_refused_at_its_field(field: str, value: object) -> None:
    assert ("jwt.E002", field) in problems_of(**{field: value})


def test_keys_are_fetched_from_where_they_can_be() -> None:
    assert source_of("https://a.example", "", "") == "issuer https://a.example"
    assert source_of("https://a.example", "{}", "") == source_of("our issuer", "", "") == ""
    assert source_of("http://127.0.0.1:9000", "", "") == "issuer http://127.0.0.1:9000"
    assert source_of("http://10.0.0.1:9000", "", "") == ""
    assert source_of("our issuer", "{}", "https://a.example/keys") == "https://a.example/keys"


def test_issuer_and_audience_are_required() -> None:
    assert ("jwt.E003", "issuer") in problems_of(issuer=None)
    assert ("jwt.E003", "audiences") in problems_of(audiences=None)
    assert ("jwt.E003", "audiences") in problems_of(audiences=[])


def test_an_operation_needs_the_scopes_of_all_patterns_that_name_it() -> None:
    policy = JWT("i", ("a",), scopes=("read",), operation_scopes=(("* /transfers*", "read pay"), ("POST /a", "x")))
    assert policy.needed_scopes("GET /accounts") == ("read",)
    assert policy.needed_scopes("POST /transfers/{id}") == ("read", "pay")


def test_the_service_is_told_what_the_token_says_and_never_what_the_caller_says() -> None:
    policy = JWT("i", ("a",), headers=(("X-Roles", "roles"), ("X-User", "sub")))
    lines = [b"x-user: root", b"X_User: root", b"X-Roles: admin", b"Accept: */*"]
    request = RequestView("GET", "/", "", lines, caller=Caller(claims={"sub": "ana"}))
    assert policy.on_request is not None
    policy.on_request(request)
    assert lines == [b"Accept: */*", b"X-User: ana"]
    assert JWT("i", ("a",)).on_request is None


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("ana", "ana"), ("Zoë\r\nX-A: b", "Zo%C3%AB%0D%0AX-A: b"), (7, "7"), (True, "true"),
        (["a", 2, {}, ["b"]], "a,2"),        ({"a": 1}, ""), (None, ""), (1.5, ""), ("\ud800", "%3F"), ("x" * 1025, ""),
    ],
)  # fmt: skip
def test_claims_are_told_in_one_line_of_ascii(claim: object, text: str) -> None:
    assert claim_text(claim) == text
