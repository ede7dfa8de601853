"""key-auth: how a caller may say who it is. Without this policy: by an API key, in a header or as a bearer token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "key-auth"

DESCRIPTION = Description(
    KIND,
    "Who may call, and how they say so",
    "Each way that is on is enough by itself. A key that is sent must be valid, also where anonymous calls may pass.",
    (
        Setting(
            "header", "Header", "text", "The header that carries the key.", "Empty: the header of the API's settings."
        ),
        Setting(
            "bearer",
            "Also read Authorization: Bearer",
            "flag",
            "Whether a key in Authorization counts as well.",
            default="true",
        ),
        Setting(
            "basic",
            "Also as password",
            "flag",
            "Whether the key may be the password of HTTP Basic; the user name may be any.",
            default="false",
        ),
        Setting(
            "anonymous",
            "Anonymous calls",
            "flag",
            "Whether calls without a key pass. They are counted by operation; rates by application, credential or"
            " subscription count them by address.",
            default="false",
        ),
    ),
    "key-auth: { header: X-Bank-Key, bearer: false }",
    "unauthenticated",
    has_shadow=False,
)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_TAKEN = frozenset({
    "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "cookie", "expect",
    "keep-alive", "proxy-connection", "proxy-authorization", "via", "forwarded", "origin", "traceparent", "tracestate",
    "content-type", "accept", "x-request-id", "x-real-ip", "access-control-request-method",
    "access-control-request-headers",
})  # fmt: skip
_TAKEN_PREFIXES = ("x-forwarded",)


def can_carry_key(name: str) -> bool:
    """True for a field name without a meaning of its own: a gateway reads the key fields of all APIs alike."""
    plain = name.lower().replace("_", "-")
    return _TOKEN.fullmatch(name) is not None and plain not in _TAKEN and not plain.startswith(_TAKEN_PREFIXES)


@dataclass(frozen=True, slots=True)
class KeyAuth:
    """The header that carries the key; "" stands for the API's own. `bearer` reads `Authorization: Bearer` too."""

    header: str = ""
    bearer: bool = True
    basic: bool = False
    anonymous: bool = False

    def header_or(self, default: str) -> str:
        """The header's name in lower case."""
        return (self.header or default).lower()


POLICY = KeyAuth


def parse(settings: Mapping[str, object], where: Where) -> tuple[KeyAuth | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = KeyAuth(
        reader.text("header"),
        reader.flag("bearer", default=True),
        reader.flag("basic", default=False),
        reader.flag("anonymous", default=False),
    )
    if policy.header and not can_carry_key(policy.header):
        reader.refuse("header", f'"{policy.header}" cannot carry a key.', 'Use a name such as "X-API-Key".')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: KeyAuth) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "header": policy.header,
        "bearer": policy.bearer,
        "basic": policy.basic,
        "anonymous": policy.anonymous,
    }
