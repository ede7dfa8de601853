"""Policy settings: what owners write is checked, and what was checked reads back to the same value."""

from __future__ import annotations

import pytest

from gateway_sync.policies import DESCRIPTIONS, KINDS, dump_policy, parse_policy
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
    ("key-auth", {}),
    ("key-auth", {"header": "apikey", "bearer": False}),
    ("ip-filter", {"allow": ["10.0.0.0/8", "2001:db8::1"], "deny": "10.1.2.3"}),
    ("upgrade", {"protocols": "WebSocket"}),
    ("upgrade", {"protocols": ["websocket", "mqtt"], "idle": "1h", "longest": 60, "perApplication": 5}),
    ("upgrade", {"protocols": "none"}),
    ("streaming", {"idle": "10m"}),
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
    ("streaming", {}, "streaming.E003", ""),
    ("streaming", {"idle": "25h"}, "streaming.E002", ""),
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
