"""What policies do to requests and answers, on the wire; each policy set stands on a version of its own."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.policies import call, policies_of, seen
from tests.wire.raw import RawUpstream, answer_with

SETS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "headers": [
        {"request-headers": {
            "set": {
                "X-App": "{application.id}/{application.name}",
                "X-Sub": "{subscription.id}",
                "X-From": "{client.address}",
            },
            "add": {"X-More": "1"},
            "remove": ["Cookie"],
        }},
        {"request-headers": {"set": {"X-One": "only"}, "operations": ["GET /accounts/{id}"]}},
        {"response-headers": {"set": {"Cache-Control": "no-store", "X-Id": "{request.id}"}, "remove": ["X-Debug"]}},
    ],
    "query": [{"query": {"set": {"client": "{application.id}", "a b": "ü&"}, "remove": ["debug"]}}],
    "moved": [
        {"path-rewrite": {"strip": "/accounts", "prefix": "/v2/konten"}},
        {"path-rewrite": {"path": "/customers/{id}/data", "operations": ["GET /users/{id}"]}},
    ],
    "redirected": [
        {"redirect": {"location": "https://new.example.com/a/{id}?x=1", "operations": ["GET /accounts/{id}"]}},
    ],
    "fixed": [
        {"fixed-answer": {"status": 503, "headers": {"Retry-After": "60"}, "body": '{"closed":true}'}},
        {"fixed-answer": {"status": 204, "operations": ["POST /accounts"]}},
        {"response-headers": {"set": {"X-Seen": "yes"}}},
    ],
    "shadowed": [
        {"fixed-answer": {"status": 503, "shadow": True}},
        {"rate-limit": {"limit": "1/h", "shadow": True}},
        {"size-limit": {"max": 1, "shadow": True}},
        {"ip-filter": {"deny": ["127.0.0.0/8"], "shadow": True}},
    ],
    "rates": [
        {"rate-limit": {"limit": "2/h", "by": "header", "header": "X-Tenant"}},
        {"rate-limit": {"limit": "1/h", "by": "operation", "operations": ["GET /users/me"]}},
    ],
    "open": [{"key-auth": {"anonymous": True, "basic": True, "operations": ["GET /accounts*"]}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A version for each set; v1 is plain."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    versions = [make_version(upstream.port)]
    versions += [
        make_version(upstream.port, id=f"ver_{name}", name=name, policies=policies_of(written))
        for name, written in SETS.items()
    ]
    home.install(make_snapshot(versions))
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def test_headers_are_set_added_and_removed_for_the_service(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    extra = "X-App: mine\r\nx-app: mine too\r\nX_App: mine as well\r\nX-More: 0\r\nCookie: a=b\r\nX-One: mine\r\n"
    assert call(gateway, "/headers/accounts", extra)[0] == 200
    request = seen(upstream)
    assert "X-App: app_1/shop\r\n" in request
    assert "mine" not in request.replace("X-One: mine", "")
    assert "X-Sub: sub_1\r\n" in request
    assert "X-From: 127.0.0.1\r\n" in request
    assert "X-More: 0\r\n" in request
    assert "X-More: 1\r\n" in request
    assert "Cookie" not in request
    assert "X-One: mine\r\n" in request


def test_a_policy_is_for_its_operations_only(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "/headers/accounts/7", "X-One: mine\r\n")[0] == 200
    assert "X-One: only\r\n" in seen(upstream)


def test_headers_are_set_and_removed_for_the_caller(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Debug: 1\r\nCache-Control: public\r\n\r\nok"
    )
    for _ in range(2):  # the second answer has a head that was read before
        status, fields, body = call(gateway, "/headers/accounts")
        assert (status, body, fields["cache-control"]) == (200, b"ok", "no-store")
        assert fields["x-id"] == fields["x-request-id"]
        assert "x-debug" not in fields
    status, fields, _ = call(gateway, "/v1/accounts")
    assert fields["cache-control"] == "public"


def test_query_parameters_are_set_and_removed(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "/query/accounts?x=1&debug=1&client=me&%64ebug=2&y")[0] == 200
    assert seen(upstream).startswith("GET /accounts?x=1&y&a%20b=%C3%BC%26&client=app_1 HTTP/1.1\r\n")


def test_the_service_gets_another_path(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "/moved/accounts/7?x=1")[0] == 200
    assert seen(upstream).startswith("GET /v2/konten/7?x=1 HTTP/1.1\r\n")


def test_the_service_gets_a_path_with_the_parameters_of_the_operation(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    assert call(gateway, "/moved/users/a%20b")[0] == 200
    assert seen(upstream).startswith("GET /customers/a%20b/data HTTP/1.1\r\n")


def test_callers_are_redirected_without_the_service(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, fields, body = call(gateway, "/redirected/accounts/7?next=https://evil.example")
    assert (status, fields["location"], body) == (
        308, "https://new.example.com/a/7?x=1&next=https://evil.example", b"",
    )  # fmt: skip
    assert upstream.requests == []
    assert call(gateway, "/redirected/accounts")[0] == 200


def test_a_fixed_answer_passes_the_policies_for_answers(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, fields, body = call(gateway, "/fixed/accounts")
    assert (status, body) == (503, b'{"closed":true}')
    assert fields["retry-after"] == "60"
    assert fields["content-type"] == "application/json"
    assert fields["x-seen"] == "yes"
    assert fields["content-length"] == "15"
    status, fields, body = call(gateway, "/fixed/accounts", method="HEAD")
    assert (status, body, fields["content-length"]) == (503, b"", "15")
    status, fields, body = call(gateway, "/fixed/accounts", method="POST", body=b"{}")
    assert (status, body, "content-length" in fields) == (204, b"", False)
    assert upstream.requests == []


def test_a_shadow_policy_is_counted_and_does_nothing(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    gateway.admin("/metrics")  # the counts begin with the first look
    for _ in range(2):
        assert call(gateway, "/shadowed/accounts", method="POST", body=b"{}")[0] == 200
    assert len(upstream.requests) == 2
    wanted = {
        ("fixed-answer", "answered", "2"),
        ("ip-filter", "refused", "2"),
        ("rate-limit", "passed", "1"),
        ("rate-limit", "refused", "1"),
        ("size-limit", "refused", "2"),
    }
    deadline = time.monotonic() + PATIENCE_S
    while (found := shadows_of(gateway)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == wanted


def shadows_of(gateway: GatewayProcess) -> set[tuple[str, str, str]]:
    """(kind, done, count) of the metric."""
    pattern = re.compile(
        r'^apim_policy_shadow_total\{api="bank",version="shadowed",kind="(.+)",done="(.+)"\} (\d+)$', re.MULTILINE
    )
    return {tuple(found) for found in pattern.findall(gateway.admin("/metrics")[1].decode())}


def test_rates_are_counted_by_header_and_by_operation(gateway: GatewayProcess) -> None:
    statuses = [call(gateway, "/rates/accounts", f"X-Tenant: {tenant}\r\n")[0] for tenant in "aaabb"]
    assert statuses == [200, 200, 429, 200, 200]
    assert [call(gateway, "/rates/users/me", f"X-Tenant: {tenant}\r\n")[0] for tenant in "cd"] == [200, 429]


def test_anonymous_calls_pass_where_they_may_and_wrong_keys_do_not(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    assert call(gateway, "/open/accounts", key="")[0] == 200
    assert call(gateway, "/open/accounts", key="apim_live_wrong")[0] == 401
    status, fields, _ = call(gateway, "/open/users/me", key="")
    assert (status, "Basic" in fields["www-authenticate"]) == (401, False)


def test_a_key_may_be_the_password_of_basic(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    good = base64.b64encode(f"anyone:{KEY}".encode()).decode()
    assert call(gateway, "/open/accounts", f"Authorization: Basic {good}\r\n", key="")[0] == 200
    assert "uthorization" not in seen(upstream)
    bad = base64.b64encode(b"anyone:apim_live_wrong").decode()
    status, fields, body = call(gateway, "/open/accounts", f"Authorization: Basic {bad}\r\n", key="")
    assert (status, json.loads(body)["code"]) == (401, "unauthenticated")
    assert fields["www-authenticate"].startswith("Basic")  # the last of two
