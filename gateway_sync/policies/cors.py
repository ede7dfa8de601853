"""cors: which web pages of other origins may call, and what they may see.

Source: the Fetch standard, section 3.2 (CORS protocol).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "cors"

_ORIGIN = re.compile(r"\*|https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

DESCRIPTION = Description(
    KIND,
    "Cross-origin calls (CORS)",
    "Lets pages of other sites call from a browser, and answers their preflights.",
    (
        Setting(
            "origins",
            "Origins",
            "words",
            "The sites whose pages may read answers.",
            "https://app.example.com, https://*.example.com for each subdomain, or * for every site.",
            is_required=True,
        ),
        Setting("methods", "Methods", "methods", "The methods that these pages may use.", default=", ".join(_METHODS)),
        Setting("headers", "Request headers", "words", "The fields that these pages may send.", "* for all.", "*"),
        Setting(
            "expose", "Response headers that pages may read", "words", "Fields beyond those that the standard opens."
        ),
        Setting(
            "credentials",
            "Pages may send cookies",
            "flag",
            "Allows cookies and other credentials of the browser; not together with origin *.",
            default="false",
        ),
        Setting(
            "maxAge",
            "Browsers remember the answer for",
            "duration",
            "How long a preflight holds.",
            "Such as 10m.",
            "10m",
        ),
    ),
    "cors: { origins: [https://app.example.com], maxAge: 10m }",
    has_operations=False,
    has_shadow=False,
)


@dataclass(frozen=True, slots=True)
class CORS:
    """Origins are exact, `*`, or `https://*.example.com` for each subdomain.

    Units: max_age_s in seconds.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...] = _METHODS
    headers: tuple[str, ...] = ("*",)
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age_s: int = 600

    def admits(self, origin: str) -> bool:
        """True when pages of this origin may read answers."""
        return any(_matches(pattern, origin) for pattern in self.origins)

    def response_fields(self, origin: str) -> tuple[tuple[str, str], ...]:
        """Fields of an answer to a page of an admitted origin."""
        is_any = self.origins == ("*",) and not self.credentials
        fields = [("Access-Control-Allow-Origin", "*" if is_any else origin)]
        if not is_any:
            fields.append(("Vary", "Origin"))
        if self.credentials:
            fields.append(("Access-Control-Allow-Credentials", "true"))
        if self.expose:
            fields.append(("Access-Control-Expose-Headers", ", ".join(self.expose)))
        return tuple(fields)

    def preflight_fields(self, origin: str, requested_headers: str) -> tuple[tuple[str, str], ...]:
        """Fields of the answer to a preflight; `*` in headers grants the requested ones by name.

        By name, because with credentials the standard reads a literal `*` as a field called "*".
        """
        granted = [name for name in (part.strip() for part in requested_headers.split(",")) if _TOKEN.fullmatch(name)]
        if self.headers != ("*",):
            known = {name.lower() for name in self.headers}
            granted = [name for name in granted if name.lower() in known]
        fields = [*self.response_fields(origin), ("Access-Control-Allow-Methods", ", ".join(self.methods))]
        if granted:
            fields.append(("Access-Control-Allow-Headers", ", ".join(granted)))
        fields.append(("Access-Control-Max-Age", str(self.max_age_s)))
        return tuple(fields)


POLICY = CORS


def _matches(pattern: str, origin: str) -> bool:
    if pattern in ("*", origin):
        return True
    scheme, star, domain = pattern.partition("*.")
    if not star or not origin.startswith(scheme) or not origin.endswith("." + domain):
        return False
    return _ORIGIN.fullmatch(origin) is not None


def parse(settings: Mapping[str, object], where: Where) -> tuple[CORS | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("origins")
    policy = CORS(
        reader.names("origins"),
        reader.names("methods", _METHODS),
        reader.names("headers", ("*",)),
        reader.names("expose"),
        reader.flag("credentials", default=False),
        reader.duration_s("maxAge", 600),
    )
    for origin in policy.origins:
        if not _ORIGIN.fullmatch(origin):
            reader.refuse("origins", f'"{origin}" is not an origin.', 'Write "https://app.example.com" or "*".')
    for field, words in (("methods", policy.methods), ("headers", policy.headers), ("expose", policy.expose)):
        for word in words:
            if not _TOKEN.fullmatch(word):
                reader.refuse(field, f'"{word}" cannot be sent in a header.')
    if policy.credentials and "*" in policy.origins:
        reader.refuse("credentials", "Credentials and origin * do not go together.", "Name the origins.")
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: CORS) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "origins": list(policy.origins),
        "methods": list(policy.methods),
        "headers": list(policy.headers),
        "expose": list(policy.expose),
        "credentials": policy.credentials,
        "maxAge": policy.max_age_s,
    }
