"""client-limits: what a worker grants its callers before it knows what they want: times, sizes, connections.

For environments only: they hold before a request names a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "client-limits"
SMALLEST_HEADER, LARGEST_HEADER = 4096, 65_536
LONGEST_S = 3600
LEAST_LAG_MS = 10
LEAST_KEPT = 1 << 20


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Units: seconds, bytes, and milliseconds for overload_lag; counts are of one worker, 0 = as many as fit.

    header_s from the first byte of a header to its last, body_s for each 4 KiB of a body, either way, idle_s between
    two requests. An IPv6 caller's address is its /64.
    """

    header_s: int = 10
    body_s: int = 30
    idle_s: int = 75
    header_bytes: int = LARGEST_HEADER
    connections: int = 0
    connections_per_address: int = 0
    tunnels: int = 0
    composites: int = 64
    overload_lag_ms: int = 250
    bodies_bytes: int = 128 << 20
    unsent_bytes: int = 64 << 20


POLICY = ClientLimits


_USUAL = ClientLimits()

DESCRIPTION = Description(
    KIND,
    "Limits of callers' connections",
    "Times, sizes and numbers that hold for every connection, whatever it asks for. For environments only. What is"
    " given on a gateway's command line holds there instead.",
    (
        Setting(
            "headerTimeout",
            "Header",
            "duration",
            "For a request's header, from its first byte to its last.",
            "Whole seconds.",
            default="10s",
        ),
        Setting(
            "bodyTimeout",
            "Body",
            "duration",
            "For each 4 KiB of a body, either way: slower callers are cut off.",
            default="30s",
        ),
        Setting("idleTimeout", "Idle", "duration", "Between two requests on a connection.", default="75s"),
        Setting(
            "header",
            "Largest header",
            "size",
            "The largest header; a larger one is refused with 431.",
            "From 4KiB to 64KiB.",
            default="64KiB",
        ),
        Setting(
            "connections",
            "Connections",
            "number",
            "Callers' connections of one worker at a time; as many as it may have files for when left out.",
        ),
        Setting(
            "perAddress",
            "Each address",
            "number",
            "Of these, those of one address (IPv6: one /64); no limit when left out, for many callers may share one.",
        ),
        Setting(
            "tunnels",
            "Tunnels",
            "number",
            "Of these, those turned over to WebSocket or another protocol; no limit of their own when left out.",
        ),
        Setting(
            "composites",
            "Composite operations",
            "number",
            "Calls of composite operations under way in one worker, at most half of them of one application; a further"
            " one is refused with 503, so that calls of plain operations never wait for them.",
            default="64",
        ),
        Setting(
            "overloadLag",
            "Overload",
            "duration",
            "A worker whose event loop lags so far behind refuses new requests with 503 until it has caught up.",
            "Such as 250ms.",
            default="250ms",
        ),
        Setting(
            "keptBodies",
            "Kept bodies",
            "size",
            "Of requests' bodies that one worker keeps at a time for policies that read them whole, further tries,"
            " copies, and composites with what their steps answered. One application, or one address without any, has a"
            " quarter of it, but 17 MiB at least. Beyond it a body that a policy needs is refused with 503; the others"
            " are sent without a further try or copy.",
            "At least 1MiB.",
            default="128MiB",
        ),
        Setting(
            "unsentAnswers",
            "Unsent answers",
            "size",
            "Of answers that wait in one worker until callers of HTTP/2 take them. Beyond it services are not read on,"
            " and new requests over HTTP/2 are turned away to be sent again.",
            "At least 1MiB.",
            default="64MiB",
        ),
    ),
    "client-limits: { headerTimeout: 5s, perAddress: 200 }",
    "overloaded",
    is_of_environment=True,
    has_operations=False,
    has_shadow=False,
)


def parse(settings: Mapping[str, object], where: Where) -> tuple[ClientLimits | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    if where.kind == "version":
        reader.refuse("", "These limits hold before a version is known.", "Put the policy on the environment.")
    policy = ClientLimits(
        reader.duration_s("headerTimeout", _USUAL.header_s),
        reader.duration_s("bodyTimeout", _USUAL.body_s),
        reader.duration_s("idleTimeout", _USUAL.idle_s),
        reader.size_bytes("header", _USUAL.header_bytes),
        reader.integer("connections", 0),
        reader.integer("perAddress", 0),
        reader.integer("tunnels", 0),
        reader.integer("composites", _USUAL.composites, least=1, most=10_000),
        reader.duration_ms("overloadLag", _USUAL.overload_lag_ms),
        reader.size_bytes("keptBodies", _USUAL.bodies_bytes),
        reader.size_bytes("unsentAnswers", _USUAL.unsent_bytes),
    )
    for field, value in (
        ("headerTimeout", policy.header_s),
        ("bodyTimeout", policy.body_s),
        ("idleTimeout", policy.idle_s),
    ):
        if not 1 <= value <= LONGEST_S:
            reader.refuse(field, f'"{field}" must be from 1s to 1h.')
    if not SMALLEST_HEADER <= policy.header_bytes <= LARGEST_HEADER:
        reader.refuse("header", '"header" must be from 4KiB to 64KiB.')
    if not LEAST_LAG_MS <= policy.overload_lag_ms <= LONGEST_S * 1000:
        reader.refuse("overloadLag", '"overloadLag" must be from 10ms to 1h.')
    for field, value in (("keptBodies", policy.bodies_bytes), ("unsentAnswers", policy.unsent_bytes)):
        if value < LEAST_KEPT:
            reader.refuse(field, f'"{field}" must be 1MiB or more.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: ClientLimits) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "headerTimeout": policy.header_s,
        "bodyTimeout": policy.body_s,
        "idleTimeout": policy.idle_s,
        "header": policy.header_bytes,
        "connections": policy.connections,
        "perAddress": policy.connections_per_address,
        "tunnels": policy.tunnels,
        "composites": policy.composites,
        "overloadLag": f"{policy.overload_lag_ms}ms",
        "keptBodies": policy.bodies_bytes,
        "unsentAnswers": policy.unsent_bytes,
    }
