"""Sets of public keys: what is taken from them, and what makes a whole set unusable."""

from __future__ import annotations

import json

import pytest

from gateway_sync.policies.web_keys import (
    ALGORITHMS,
    MOST_KEYS,
    WebKeyInvalid,
    base64url_decode,
    joined_key_sets,
    json_object,
    public_key_set,
    read_key_set,
)
from tests.tokens import b64, jwk, key_for, key_set, signature

RSA = jwk(key_for("RS256"), "a")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_verifies_what_its_private_half_signed_and_nothing_else(algorithm: str) -> None:
    private = key_for(algorithm)
    (key,) = read_key_set(key_set(jwk(private, "a")))
    signed = signature(private, algorithm, b"text")
    assert key.verifies(algorithm, signed, b"text")
    assert not key.verifies(algorithm, signed, b"text.")
    assert not key.verifies(algorithm, signed[:-1] + bytes([signed[-1] ^ 1]), b"text")
    assert not key.verifies(algorithm, b"", b"text")
    assert not key.verifies(algorithm, signature(key_for(algorithm, "other"), algorithm, b"text"), b"text")


def test_ed448_is_eddsa_too() -> None:
    private = key_for("Ed448")
    (key,) = read_key_set(key_set(jwk(private)))
    assert key.verifies("EdDSA", signature(private, "EdDSA", b"text"), b"text")


def test_a_key_is_used_with_the_algorithms_of_its_own_type_alone() -> None:
    kinds = {kind: set(read_key_set(key_set(jwk(key_for(kind))))[0].algorithms) for kind in ("RS256", "ES384", "EdDSA")}
    assert kinds == {
        "RS256": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, "ES384": {"ES384"}, "EdDSA": {"EdDSA"},
    }  # fmt: skip


def test_the_algorithm_that_a_key_names_is_its_only_one() -> None:
    (key,) = read_key_set(key_set({**RSA, "alg": "PS512"}))
    assert key.algorithms == {"PS512"}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({**RSA, "use": "enc"}, id="for encryption"),
        pytest.param({**RSA, "key_ops": ["encrypt"]}, id="may only encrypt"),
        pytest.param({**RSA, "alg": "RSA-OAEP"}, id="of an algorithm for encryption"),
        pytest.param({**RSA, "alg": "HS256"}, id="of a symmetric algorithm"),
        pytest.param({**RSA, "n": "!!"}, id="not base64"),
        pytest.param({**RSA, "n": 17}, id="a number"),
        pytest.param({**RSA, "e": "AQ"}, id="exponent 1"),
        pytest.param({**RSA, "kid": 5}, id="an id that is no text"),
        pytest.param(jwk(key_for("RS256", "1024")), id="1024 bits"),
        pytest.param({"kty": "future", "x": "AA"}, id="of an unknown type"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}, id="for key agreement"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}, id="not on the curve"),
        pytest.param({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, id="of another curve"),
        pytest.param({}, id="empty"),
        pytest.param("a key", id="a text"),
    ],
)
def test_a_key_that_is_of_no_use_is_passed_over_and_alone_is_no_set(other: object) -> None:
    both = json.dumps({"keys": [other, RSA]})
    assert [key.kid for key in read_key_set(both)] == ["a"]
    with pytest.raises(WebKeyInvalid, match="No key of the set"):
        read_key_set(json.dumps({"keys": [other]}))


@pytest.mark.parametrize("secret", [{"kty": "oct", "k": "c2VjcmV0"}, {**RSA, "d": "AQAB"}])
def test_a_set_with_a_secret_in_it_is_refused_whole(secret: dict[str, object]) -> None:
    with pytest.raises(WebKeyInvalid, match="Replace that key"):
        read_key_set(key_set(RSA, secret))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": {}}', '{"keys": []}', "{", '{"keys": [], "keys": []}', "[" * 9000]
)
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(WebKeyInvalid):
        read_key_set(text)


def test_a_set_of_too_many_keys_is_refused() -> None:
    with pytest.raises(WebKeyInvalid, match="more than"):
        read_key_set(key_set(*[RSA] * (MOST_KEYS + 1)))


def test_what_is_kept_of_a_set_is_canonical_and_public() -> None:
    text = key_set({**RSA, "x5c": ["AA"], "note": 1.5}, {"kty": "future"})
    kept = public_key_set(text)
    assert json.loads(kept) == {"keys": [RSA]}
    assert public_key_set(kept) == kept


def test_joined_sets_hold_each_key_once() -> None:
    other = jwk(key_for("ES256"), "b")
    joined = joined_key_sets(key_set(RSA), "", key_set(other, RSA))
    assert [key["kid"] for key in json.loads(joined)["keys"]] == ["a", "b"]
    assert joined_key_sets("", "") == ""


@pytest.mark.parametrize("text", [b"", b"A", b"QUI=", b"QU I", b"QU\nI", b"QQ+/", b"QR", "é".encode()])
def test_base64_that_has_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it says nothing more
        base64url_decode(text)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', '{"a": NaN}', "3", '{"a": ' + "[" * 99_999]
)
def test_json_that_two_readers_would_read_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it says nothing more
        json_object(text)
