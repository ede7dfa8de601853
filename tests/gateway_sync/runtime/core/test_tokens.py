"""Tokens: which are admitted, and that no forged, stale or foreign one is. Promises H12."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_sync.policies.jwt import JWT
from gateway_sync.policies.web_keys import ALGORITHMS, public_key_set
from gateway_sync.runtime.core.tokens import MAX_TOKEN_BYTES, REMEMBERED_FAULTS, Verifier
from tests.tokens import AUDIENCE, CLIENT, ISSUER, b64, claims_at, jwk, key_for, key_set, signature, token_of

NOW_S = 1_790_000_000
RSA_KEY, EC_KEY, OTHER_KEY = key_for("RS256"), key_for("ES256"), key_for("RS256", "other")
JWKS = public_key_set(key_set(jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(key_for("EdDSA"), "ed")))
POLICY = JWT(ISSUER, (AUDIENCE, "bank-v1"), jwks=JWKS)
GOOD = token_of(claims_at(NOW_S), RSA_KEY, kid="rsa")


def fault_of(token: bytes, now_s: int = NOW_S, **changes: object) -> str:
    return Verifier(replace(POLICY, **changes)).read(token, now_s).fault  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kid", ["k", None])
def test_a_good_token_of_every_algorithm_is_admitted(algorithm: str, kid: str | None) -> None:
    policy = replace(POLICY, jwks=public_key_set(key_set(jwk(key_for(algorithm), "k"))))
    read = Verifier(policy).read(token_of(claims_at(NOW_S), key_for(algorithm), algorithm, kid=kid), NOW_S)
    assert (read.fault, read.client, read.expires_s) == ("", CLIENT, NOW_S + 330)


def test_a_key_without_an_id_is_tried_for_a_token_that_names_one() -> None:
    assert fault_of(GOOD, jwks=public_key_set(key_set(jwk(RSA_KEY)))) == ""


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_usual_types_are_admitted(typ: str | None) -> None:
    assert fault_of(token_of(claims_at(NOW_S), RSA_KEY, typ=typ)) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other", "bank-v1"]},
        {"azp": None, "client_id": CLIENT},
        {"iat": None},
        {"nbf": NOW_S + 29, "iat": NOW_S + 29},
        {"exp": NOW_S - 29},
        {"exp": NOW_S + 0.5},
    ],
)
def test_tokens_at_the_edge_are_admitted(changes: dict[str, object]) -> None:
    assert fault_of(token_of(claims_at(NOW_S, **changes), RSA_KEY)) == ""


def _hmac_token(secret: bytes) -> bytes:
    signed = f"{b64({'alg': 'HS256', 'kid': 'rsa'})}.{b64(claims_at(NOW_S))}".encode()
    return signed + b"." + b64(hmac.digest(secret, signed, hashlib.sha256)).encode()


def _pem() -> bytes:
    return RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _with_head(**head: object) -> bytes:
    return token_of(claims_at(NOW_S), RSA_KEY, **head)  # type: ignore[arg-type]


def _doubled(text: str) -> bytes:
    return token_of(json.dumps(claims_at(NOW_S))[:-1] + text, RSA_KEY)


HEAD, BODY, SIGNATURE = GOOD.split(b".")

FORGED = {
    "alg none": f"{b64({'alg': 'none'})}.{b64(claims_at(NOW_S))}.".encode(),
    "alg none with a signature": f"{b64({'alg': 'none'})}.{b64(claims_at(NOW_S))}.AA".encode(),
    "alg NONE": f"{b64({'alg': 'NonE'})}.{b64(claims_at(NOW_S))}.AA".encode(),
    "alg missing": _with_head(alg=None),
    "alg a list": _with_head(alg=["RS256"]),
    "HS256 with the public key as PEM": _hmac_token(_pem()),
    "HS256 with the public key as JWK": _hmac_token(json.dumps(jwk(RSA_KEY, "rsa")).encode()),
    "HS256 with an empty secret": _hmac_token(b""),
    "alg of another type of key": _with_head(alg="ES256", kid="ec"),
    "alg ES256 with the RSA key": _with_head(alg="ES256", kid="rsa"),
    "RS256 said to be PS256": _with_head(alg="PS256"),
    "RS256 said to be RS512": _with_head(alg="RS512"),
    "another key": token_of(claims_at(NOW_S), OTHER_KEY, kid="rsa"),
    "another key without a kid": token_of(claims_at(NOW_S), OTHER_KEY),
    "kid unknown": _with_head(kid="unknown"),
    "kid a path": _with_head(kid="../../dev/null"),
    "kid a number": _with_head(kid=1),
    "kid null and another key": token_of(claims_at(NOW_S), OTHER_KEY, kid=None),
    "embedded jwk": token_of(claims_at(NOW_S), OTHER_KEY, jwk=jwk(OTHER_KEY, "evil"), kid="evil"),
    "jku": token_of(claims_at(NOW_S), OTHER_KEY, jku="https://evil.example.com/jwks", kid="evil"),
    "x5u": token_of(claims_at(NOW_S), OTHER_KEY, x5u="https://evil.example.com/pem"),
    "x5c": token_of(claims_at(NOW_S), OTHER_KEY, x5c=["AAAA"]),
    "crit": _with_head(crit=["exp"], exp=NOW_S),
    "b64 false": _with_head(b64=False),
    "zip": _with_head(zip="DEF"),
    "typ of another kind": _with_head(typ="logout+jwt"),
    "typ a number": _with_head(typ=7),
    "header not an object": f"{b64('[]')}.".encode() + BODY + b"." + SIGNATURE,
    "header doubled": b64('{"alg": "RS256", "alg": "none"}').encode() + b"." + BODY + b"." + SIGNATURE,
    "header not JSON": b"QUJD." + BODY + b"." + SIGNATURE,
    "body exchanged": HEAD + b"." + b64(claims_at(NOW_S, sub="eve")).encode() + b"." + SIGNATURE,
    "body not JSON": token_of("ABC", RSA_KEY),
    "body a list": token_of("[]", RSA_KEY),
    "body not UTF-8": token_of(claims_at(NOW_S), RSA_KEY).replace(BODY, b"_w"),
    "body too deep": token_of('{"a":' + "[" * 2500 + "]" * 2500 + "}", RSA_KEY),
    "claim doubled": _doubled(f', "iss": "{ISSUER}"}}'),
    "exp doubled": _doubled(f', "exp": {NOW_S + 9}}}'),
    "NaN": _doubled(', "x": NaN}'),
    "signature missing": HEAD + b"." + BODY,
    "signature empty": HEAD + b"." + BODY + b".",
    "signature short": GOOD[:-40],
    "signature malleable": GOOD[:-1] + bytes([GOOD[-1] + 1]),
    "signature of zeros": HEAD + b"." + BODY + b"." + b64(bytes(256)).encode(),
    "EC signature of zeros": f"{b64({'alg': 'ES256', 'kid': 'ec'})}.{b64(claims_at(NOW_S))}.{b64(bytes(64))}".encode(),
    "EC signature in DER": token_of(claims_at(NOW_S), EC_KEY, "ES256").rpartition(b".")[0] + b".MEUCIQ",
    "padding": HEAD + b"=." + BODY + b"." + SIGNATURE,
    "standard base64": HEAD + b"." + BODY + b"." + SIGNATURE.replace(b"-", b"+").replace(b"_", b"/") + b"+/",
    "spaces": HEAD + b" ." + BODY + b"." + SIGNATURE,
    "segments too many": GOOD + b".QUJD",
    "five segments": b".".join([HEAD, b"", b"QUJD", BODY, SIGNATURE]),
    "segments empty": b"..",
    "empty": b"",
    "no token": b"hunter2",
    "oversized": token_of(claims_at(NOW_S, filler="x" * MAX_TOKEN_BYTES), RSA_KEY),
}  # fmt: skip


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_forged_and_malformed_tokens_are_refused(token: bytes) -> None:
    assert fault_of(token)


WRONG = {
    "expired": {"exp": NOW_S - 30},
    "exp missing": {"exp": None},
    "exp null": {"exp": "null"},
    "exp a text": {"exp": str(NOW_S + 300)},
    "exp a flag": {"exp": True},
    "exp negative": {"exp": -5},
    "exp beyond": {"exp": 1e300},
    "nbf to come": {"nbf": NOW_S + 31},
    "nbf a text": {"nbf": "now"},
    "iat to come": {"iat": NOW_S + 31},
    "iss missing": {"iss": None},
    "iss another": {"iss": ISSUER + "/"},
    "iss a list": {"iss": [ISSUER]},
    "aud missing": {"aud": None},
    "aud another": {"aud": "banks"},
    "aud empty": {"aud": []},
    "aud an object": {"aud": {"bank": 1}},
    "aud nested": {"aud": [["bank"]]},
    "client missing": {"azp": None},
    "client empty": {"azp": ""},
    "client a number": {"azp": 5},
    "client with a line end": {"azp": "shop\nweb"},
    "client too long": {"azp": "x" * 513},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_well_signed_tokens_that_are_not_for_here_and_now_are_refused(changes: dict[str, object]) -> None:
    assert fault_of(token_of(claims_at(NOW_S, **changes), RSA_KEY))


def test_an_algorithm_that_the_policy_does_not_name_is_refused() -> None:
    assert fault_of(GOOD, algorithms=("ES256",))


def test_a_type_that_the_policy_asks_for_is_needed() -> None:
    assert fault_of(GOOD, type="at+jwt")
    assert fault_of(token_of(claims_at(NOW_S), RSA_KEY, typ="application/AT+JWT"), type="at+jwt") == ""


def test_required_claims_hold_one_of_their_values() -> None:
    needed = {"claims": (("roles", ("teller", "auditor")), ("level", ("3",)))}
    for roles, level, is_good in (
        ("teller", 3, True), (["clerk", "auditor"], "3", True), ("clerk", 3, False), (None, 3, False),
        ("teller auditor", 3, False), ({"teller": 1}, 3, False), ("teller", True, False),
    ):  # fmt: skip
        token = token_of(claims_at(NOW_S, roles=roles, level=level), RSA_KEY)
        assert (fault_of(token, **needed) == "") is is_good


def test_the_client_stands_in_the_claim_that_the_policy_names() -> None:
    read = Verifier(replace(POLICY, client_claim="appid")).read(token_of(claims_at(NOW_S, appid="x"), RSA_KEY), NOW_S)
    assert read.client == "x"
    assert fault_of(GOOD, client_claim="appid")


@pytest.mark.parametrize(
    ("scope", "found"), [("a b", {"a", "b"}), (["a", 1, "b"], {"a", "b"}), (7, set()), (None, set())]
)
def test_scopes_are_a_text_or_a_list(scope: object, found: set[str]) -> None:
    assert Verifier(POLICY).read(token_of(claims_at(NOW_S, scope=scope), RSA_KEY), NOW_S).scopes == found


def test_without_keys_no_token_is_admitted() -> None:
    assert fault_of(GOOD, jwks="")


def test_a_token_that_was_verified_is_refused_once_it_expires() -> None:
    verifier = Verifier(POLICY)
    assert verifier.read(GOOD, NOW_S).fault == ""
    assert verifier.read(GOOD, NOW_S + 329).fault == ""
    assert "expired" in verifier.read(GOOD, NOW_S + 330).fault


def test_a_token_that_was_too_early_is_admitted_later() -> None:
    verifier = Verifier(POLICY)
    token = token_of(claims_at(NOW_S, nbf=NOW_S + 40), RSA_KEY)
    assert "not valid yet" in verifier.read(token, NOW_S).fault
    assert verifier.read(token, NOW_S + 20).fault == ""


def test_good_tokens_are_remembered_whatever_floods_of_bad_ones_come() -> None:
    verifier = Verifier(POLICY)
    first = verifier.read(GOOD, NOW_S)
    for number in range(REMEMBERED_FAULTS + 5):
        assert verifier.read(b"%d.b.c" % number, NOW_S).fault
    assert verifier.read(GOOD, NOW_S) is first


@given(place=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_no_token_with_one_byte_changed_is_admitted(place: int, byte: int) -> None:
    changed = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    assert (fault_of(changed) == "") is (changed == GOOD)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_make_it_fail(token: bytes) -> None:
    assert fault_of(token)
    assert fault_of(b".".join([HEAD, token, SIGNATURE]))


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "b64"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    )
)
@settings(max_examples=200, deadline=None)
def test_no_header_makes_a_foreign_signature_good(head: dict[str, object]) -> None:
    signed = f"{b64({'alg': 'RS256'} | head)}.{b64(claims_at(NOW_S))}".encode()
    assert fault_of(signed + b"." + b64(signature(OTHER_KEY, "RS256", signed)).encode())
