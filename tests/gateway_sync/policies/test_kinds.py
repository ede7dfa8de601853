"""Policy settings: what owners write is checked, and what was checked reads back to the same value."""

from __future__ import annotations

import pytest

from gateway_sync.policies import DESCRIPTIONS, KINDS, dump_policy, parse_policy, read_policy, write_policy
from gateway_sync.policies.cors import CORS
from gateway_sync.policies.ip_filter import IPFilter
from gateway_sync.policies.units import format_rate, parse_duration_ms, parse_rate, parse_size_bytes
from gateway_sync.problems import Where

WHERE = Where("version", "ver_1", "policies")

GOOD = [
    ("rate-limit", {"limit": "10/s"}),
    ("rate-limit", {"limit": "5/10s", "burst": 7, "by": "address"}),
    ("size-limit", {"max": "1MiB"}),
    ("size-limit", {"max": 512}),
    ("cors", {"origins": "*"}),
    ("cors", {"origins": ["https://*.example.com"], "credentials": True, "maxAge": "10m", "expose": ["X-A"]}),
    ("client-certificate", {"only": True}),
    ("key-auth", {}),
    ("key-auth", {"header": "apikey", "bearer": False}),
    ("ip-filter", {"allow": ["10.0.0.0/8", "2001:db8::1"], "deny": "10.1.2.3"}),
    ("upgrade", {"protocols": "WebSocket"}),
    ("upgrade", {"protocols": ["websocket", "mqtt"], "idle": "1h", "longest": 60, "perApplication": 5}),
    ("upgrade", {"protocols": "none"}),
    ("upgrade", {"message": "64KiB", "origin": True}),
    ("upgrade", {"frames": False}),
    ("streaming", {"idle": "10m"}),
    ("key-auth", {"basic": True, "anonymous": True}),
    ("jwt", {"issuer": "https://login.example.com", "audiences": "bank", "claims": {"tier": ["gold", "silver"]}}),
    ("rate-limit", {"limit": "10/s", "by": "header", "header": "X-Tenant"}),
    ("rate-limit", {"limit": "10/s", "by": "operation"}),
    ("request-headers", {"set": {"X-A": "{application.id}", "X-N": 1}, "add": {"X-B": "b"}, "remove": "Cookie"}),
    ("response-headers", {"set": {"Cache-Control": "no-store"}}),
    ("query", {"set": {"a b": "{client.address}"}, "remove": ["debug"]}),
    ("path-rewrite", {"strip": "/api/", "prefix": "/v2"}),
    ("fault", {"share": 5, "header": "X-Try", "delay": "250ms", "abort": 503}),
    ("path-rewrite", {"path": "/customers/{id}/{application.id}"}),
    ("redirect", {"location": "https://a.example.com:8443{request.path}", "status": "301", "keepQuery": False}),
    ("redirect", {"location": "/bank/v2/{id}"}),
    ("validate-request", {}),
    ("validate-request", {"parameters": False, "max": "1KiB"}),
    ("mock", {"prefer": False}),
    ("compression", {"types": ["application/*+json", "text/*"], "least": 1, "level": 9}),
    ("concurrency-limit", {"most": 5, "by": "version"}),
    ("fixed-answer", {"status": 503, "headers": {"Retry-After": 60}, "body": "closed", "contentType": "text/plain"}),
    ("tracing", {}),
    ("tracing", {"oneIn": 1000, "parents": 0, "successes": 5}),
    ("client-limits", {}),
    ("client-limits", {"headerTimeout": "5s", "header": "8KiB", "perAddress": 200, "overloadLag": "100ms"}),
]

BAD = [
    ("ratelimit", {}, "policy.E001", '"rate-limit"'),
    ("rate-limit", "10/s", "policy.E002", ""),
    ("rate-limit", {}, "rate_limit.E003", ""),
    ("rate-limit", {"limit": "0/s"}, "rate_limit.E002", ""),
    ("rate-limit", {"limit": "10/s", "burts": 4}, "rate_limit.E001", '"burst"'),
    ("rate-limit", {"limit": "10/s", "by": "aplication"}, "rate_limit.E002", '"application"'),
    ("rate-limit", {"limit": "10/s", "burst": True}, "rate_limit.E002", ""),
    ("size-limit", {"mx": "1MiB"}, "size_limit.E001", '"max"'),
    ("size-limit", {"max": "1 megabyte"}, "size_limit.E002", ""),
    ("cors", {"origins": ["example.com"]}, "cors.E002", ""),
    ("cors", {"origins": "*", "credentials": True}, "cors.E002", ""),
    ("cors", {"origins": "*", "headers": ["X-A\r\nX-B: 1"]}, "cors.E002", ""),
    ("key-auth", {"header": "Host"}, "key_auth.E002", ""),
    ("key-auth", {"header": "a b"}, "key_auth.E002", ""),
    ("ip-filter", {}, "ip_filter.E003", ""),
    ("ip-filter", {"deny": ["10.0.0.300"]}, "ip_filter.E002", ""),
    ("upgrade", {"protocols": ["h2c"]}, "upgrade.E002", ""),
    ("upgrade", {"protocols": ["TLS/1.2"]}, "upgrade.E002", ""),
    ("upgrade", {"protocols": ["web socket"]}, "upgrade.E002", "websocket"),
    ("upgrade", {"protocols": ["none", "websocket"]}, "upgrade.E002", ""),
    ("upgrade", {"longest": "2d"}, "upgrade.E002", ""),
    ("upgrade", {"idle": 0}, "upgrade.E002", ""),
    ("upgrade", {"message": "1KiB", "frames": False}, "upgrade.E002", ""),
    ("streaming", {}, "streaming.E003", ""),
    ("streaming", {"idle": "25h"}, "streaming.E002", ""),
    ("rate-limit", {"limit": "1/s", "by": "header"}, "rate_limit.E002", "X-Tenant"),
    ("rate-limit", {"limit": "1/s", "header": "X-A"}, "rate_limit.E002", "by: header"),
    ("request-headers", {}, "request_headers.E003", ""),
    ("request-headers", {"set": {"Host": "a"}}, "request_headers.E002", ""),
    ("request-headers", {"set": {"content_length": "1"}}, "request_headers.E002", ""),
    ("request-headers", {"add": {"Transfer-Encoding": "chunked"}}, "request_headers.E002", ""),
    ("request-headers", {"remove": ["X-Forwarded-For"]}, "request_headers.E002", ""),
    ("request-headers", {"set": {"X-A": "a\r\nX-B: b"}}, "request_headers.E002", ""),
    ("request-headers", {"set": {"X-A": "{aplication.id}"}}, "request_headers.E002", "{application.id}"),
    ("request-headers", {"set": {"X-A": "{"}}, "request_headers.E002", ""),
    ("request-headers", {"set": ["X-A"]}, "request_headers.E002", "X-Team"),
    ("response-headers", {"set": {"Content-Encoding": "gzip"}}, "response_headers.E002", ""),
    ("response-headers", {"remove": ["Via"]}, "response_headers.E002", ""),
    ("query", {}, "query.E003", ""),
    ("query", {"set": {"a": "{b}"}}, "query.E002", "{application.id}"),
    ("path-rewrite", {}, "path_rewrite.E003", ""),
    ("fault", {"share": 5}, "fault.E003", "delay"),
    ("fault", {"abort": 200}, "fault.E002", "400"),
    ("fault", {"delay": "2m"}, "fault.E002", ""),
    ("fault", {"delay": "1s", "header": "Host"}, "fault.E002", ""),
    ("path-rewrite", {"prefix": "v2"}, "path_rewrite.E002", ""),
    ("path-rewrite", {"prefix": "/a/../b"}, "path_rewrite.E002", ".."),
    ("path-rewrite", {"prefix": "/a/%2e%2E/b"}, "path_rewrite.E002", ".."),
    ("path-rewrite", {"prefix": "/a?b"}, "path_rewrite.E002", ""),
    ("path-rewrite", {"path": "/a", "strip": "/b"}, "path_rewrite.E002", ""),
    ("redirect", {}, "redirect.E003", ""),
    ("redirect", {"location": "//evil.example.com"}, "redirect.E002", "in full"),
    ("redirect", {"location": "https://{id}.example.com/"}, "redirect.E002", "in full"),
    ("redirect", {"location": "https://example.com{id}"}, "redirect.E002", "in full"),
    ("redirect", {"location": "javascript:alert(1)"}, "redirect.E002", "in full"),
    ("redirect", {"location": "/a", "status": "200"}, "redirect.E002", ""),
    ("fixed-answer", {}, "fixed_answer.E003", ""),
    ("validate-request", {"parameters": False, "body": False}, "validate_request.E002", ""),
    ("validate-request", {"max": "1GiB"}, "validate_request.E002", ""),
    ("mock", {"prefer": "yes"}, "mock.E002", ""),
    ("compression", {"types": ["json"]}, "compression.E002", "application/json"),
    ("compression", {"level": 10}, "compression.E002", ""),
    ("concurrency-limit", {}, "concurrency_limit.E003", ""),
    ("concurrency-limit", {"most": 0}, "concurrency_limit.E002", ""),
    ("fixed-answer", {"status": 101}, "fixed_answer.E002", ""),
    ("fixed-answer", {"status": 204, "body": "x"}, "fixed_answer.E002", ""),
    ("fixed-answer", {"status": 200, "headers": {"Content-Length": "3"}}, "fixed_answer.E002", ""),
    ("size-limit", {"max": 1, "operations": ["accounts"]}, "policy.E004", "GET /accounts*"),
    ("size-limit", {"max": 1, "shadow": "yes"}, "policy.E002", ""),
    ("cors", {"origins": "*", "operations": ["GET /a"]}, "policy.E005", ""),
    ("key-auth", {"shadow": True}, "policy.E006", ""),
    ("tracing", {}, "tracing.E002", "environment"),
    ("tracing", {"oneIn": -1}, "tracing.E002", ""),
    ("tracing", {"parents": 100_000}, "tracing.E002", ""),
    ("client-limits", {}, "client_limits.E002", "environment"),
    ("client-limits", {"header": "1MiB"}, "client_limits.E002", ""),
    ("client-limits", {"headerTimeout": "0s"}, "client_limits.E002", ""),
    ("client-limits", {"overloadLag": "1ms"}, "client_limits.E002", ""),
]


@pytest.mark.parametrize(("kind", "written"), GOOD)
def test_good_settings_survive_a_round_trip(kind: str, written: dict[str, object]) -> None:
    where = Where("environment", "env_1") if DESCRIPTIONS[kind].is_of_environment else WHERE
    policy, problems = parse_policy(kind, written, where)
    assert problems == ()
    assert policy is not None
    dumped = dump_policy(policy)
    assert not any(isinstance(value, float) for value in dumped.values())
    assert parse_policy(kind, dumped, where) == (policy, ())


@pytest.mark.parametrize(("kind", "written", "code", "hint"), BAD)
def test_bad_settings_are_problems_with_code_and_hint(kind: str, written: object, code: str, hint: str) -> None:
    policy, problems = parse_policy(kind, written, WHERE)
    assert policy is None
    assert code in {problem.code for problem in problems}
    assert any(hint in problem.hint for problem in problems)
    assert all(problem.where.id == "ver_1" for problem in problems)


def test_every_kind_is_tried_above() -> None:
    assert {kind for kind, _ in GOOD} == set(KINDS)


def test_units() -> None:
    assert [parse_duration_ms(text) for text in ("250ms", "5s", "10m", "7", "5 parsecs")] == [
        250,
        5000,
        600_000,
        7000,
        None,
    ]
    assert [parse_size_bytes(text) for text in ("1MiB", "10MB", "512", "-1")] == [2**20, 10**7, 512, None]
    assert [parse_rate(text) for text in ("10/s", "100/m", "5/10s", "0/s", "x/s")] == [
        (10, 1),
        (100, 60),
        (5, 10),
        None,
        None,
    ]
    for rate in ((10, 1), (100, 60), (5, 10), (7, 86400), (3, 7200)):
        assert parse_rate(format_rate(*rate)) == rate


def test_address_filter_sees_through_mapped_addresses_and_refuses_what_it_cannot_read() -> None:
    policy = IPFilter(deny=("10.0.0.0/8",))
    assert [policy.admits(address) for address in ("10.1.1.1", "::ffff:10.1.1.1", "192.0.2.1", "nonsense")] == [
        False,
        False,
        True,
        False,
    ]
    assert not IPFilter(allow=("10.0.0.0/8",)).admits("192.0.2.1")


def test_origin_patterns_match_subdomains_only() -> None:
    policy = CORS(("https://*.example.com",))
    origins = (
        "https://a.example.com",
        "https://example.com",
        "http://a.example.com",
        "https://evil-example.com",
        "https://a.example.com.evil",
    )
    assert [policy.admits(origin) for origin in origins] == [True, False, False, False, False]


def test_preflight_grants_only_names_that_can_be_sent() -> None:
    fields = dict(CORS(("*",)).preflight_fields("https://a", "x-api-key, bad name, x-ok"))
    assert fields["Access-Control-Allow-Headers"] == "x-api-key, x-ok"


def test_operations_and_shadow_survive_a_round_trip() -> None:
    written = {"max": 1, "operations": ["GET /accounts*", "* /x"], "shadow": True}
    policy, problems = read_policy("size-limit", written, WHERE)
    assert policy is not None
    assert (policy.operations, policy.is_shadow, problems) == (("GET /accounts*", "* /x"), True, ())
    assert write_policy(policy) == written
