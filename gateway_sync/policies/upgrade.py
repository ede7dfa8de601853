"""upgrade: which protocols a connection may be turned over to, WebSocket (RFC 6455) unless told otherwise.

Source: RFC 9110 section 7.8 (Upgrade). What is never possible are protocols in which further HTTP requests would pass
unseen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "upgrade"
WEBSOCKET = "websocket"
NONE = "none"
_IDLE_S = 300
_LONGEST_S = 86_400

DESCRIPTION = Description(
    KIND,
    "Upgrade to another protocol",
    "WebSocket works without this policy; it says what else may pass, for how long, and for how many at once. The"
    " handshake is a call like any other: key, subscription and limits apply.",
    (
        Setting(
            "protocols",
            "Protocols",
            "words",
            "What a connection may be turned over to.",
            "Names as in the Upgrade header; `none` alone forbids it.",
            default=WEBSOCKET,
        ),
        Setting(
            "idle",
            "Idle time",
            "duration",
            "How long nothing may move in either direction before the connection is ended.",
            "Such as 30s or 10m.",
            default="5m",
        ),
        Setting(
            "longest",
            "Longest life",
            "duration",
            "How long such a connection may last at most; clients connect again.",
            "At most 1d.",
            default="1d",
        ),
        Setting(
            "perApplication",
            "Each application",
            "number",
            "Such connections of one application at a time, in each worker of a gateway; as many as fit when left out.",
        ),
        Setting(
            "frames",
            "Check frames",
            "flag",
            "Whether each WebSocket frame must be what RFC 6455 says; who breaks it is told 1002 or 1007, and cut off."
            " Whether the text of messages is UTF-8 is for the two ends to check (section 8.1).",
            default="true",
        ),
        Setting(
            "message",
            "Longest message",
            "size",
            "How long a WebSocket message may be, either way; a longer one ends the connection with 1009. Compression"
            " is not agreed on then, for nobody knows how large a compressed message becomes.",
            "Such as 1MiB; any when left out.",
        ),
        Setting(
            "origin",
            "Origin needed",
            "flag",
            "Whether a WebSocket handshake must say its Origin, as those of browsers do.",
            default="false",
        ),
    ),
    "upgrade: { protocols: [websocket], idle: 10m, perApplication: 100 }",
    "overloaded",
    has_operations=False,
    has_shadow=False,
)

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+(/[!#$%&'*+.^_`|~0-9a-z-]+)?")
# What follows would be HTTP again, whose requests nobody would check (request smuggling by h2c).
_HTTP = ("h2c", "h2", "http", "tls")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Protocols in lower case, none = no upgrade; per_application and message_bytes 0 = any. Units: seconds."""

    protocols: tuple[str, ...] = (WEBSOCKET,)
    idle_s: int = _IDLE_S
    longest_s: int = _LONGEST_S
    per_application: int = 0
    is_checked: bool = True
    message_bytes: int = 0
    needs_origin: bool = False

    def chosen(self, offered: str) -> str:
        """The first protocol of an Upgrade header, in lower case, that may be turned over to; "" when none may."""
        names = (name.strip(" \t").lower() for name in offered.split(","))
        return next((name for name in names if name in self.protocols), "")


POLICY = Upgrade


def parse(settings: Mapping[str, object], where: Where) -> tuple[Upgrade | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    protocols = tuple(name.lower() for name in reader.names("protocols", (WEBSOCKET,)))
    for name in protocols:
        if name.startswith(_HTTP):
            reader.refuse("protocols", f'Requests would pass unchecked after an upgrade to "{name}".')
        elif not _NAME.fullmatch(name):
            reader.refuse("protocols", f'"{name}" is no name of a protocol.', 'Write "websocket".')
    if not protocols or (NONE in protocols and len(protocols) > 1):
        reader.refuse("protocols", '"protocols" names protocols, or "none" alone.')
    idle_s = reader.duration_s("idle", _IDLE_S)
    longest_s = reader.duration_s("longest", _LONGEST_S)
    if idle_s < 1:
        reader.refuse("idle", '"idle" must be at least 1s.')
    if not 1 <= longest_s <= _LONGEST_S:
        reader.refuse("longest", '"longest" must be from 1s to 1d.')
    most = reader.integer("perApplication", 0, most=10**6)
    policy = Upgrade(
        () if protocols == (NONE,) else protocols,
        idle_s,
        longest_s,
        most,
        reader.flag("frames", default=True),
        reader.size_bytes("message", 0),
        reader.flag("origin", default=False),
    )
    if policy.message_bytes and not policy.is_checked:
        reader.refuse("message", 'Messages are measured by their frames: leave "frames" on.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Upgrade) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "protocols": list(policy.protocols) or [NONE],
        "idle": policy.idle_s,
        "longest": policy.longest_s,
        "perApplication": policy.per_application,
        "frames": policy.is_checked,
        "message": policy.message_bytes,
        "origin": policy.needs_origin,
    }
