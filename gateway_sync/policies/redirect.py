"""redirect: sends callers elsewhere instead of asking the service.

Where to is the owner's alone: scheme and host are written out, and what callers send can only fill in path and query,
escaped (CWE-601, open redirect).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.placeholders import LISTED, PathText, path_names, require_parameters, unknown_names
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import Answer, RequestView, RouteFacts
from gateway_sync.problems import Problem, Where

KIND = "redirect"
STATUSES = ("301", "302", "303", "307", "308")
_ABSOLUTE = re.compile(r"https?://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?(?=$|[/?]|\{request\.path\})")
_LOCATION = re.compile(r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=%{}\[\]]{1,2048}")
_RELATIVE = re.compile(r"(?:/(?![/\\])|\{request\.path\})")

DESCRIPTION = Description(
    KIND,
    "Redirect",
    "Answers with another address, and does not ask the service.",
    (
        Setting(
            "location",
            "Address",
            "text",
            "Where callers are sent: an address with its host written out, or a path at this gateway.",
            f"Such as https://new.example.com/accounts/{{id}}; parameters of the operation, and {LISTED}.",
            is_required=True,
        ),
        Setting("status", "Status", "text", "307 and 308 keep the method.", default="308", choices=STATUSES),
        Setting("keepQuery", "Keep the query", "flag", "Adds the caller's query string.", default="true"),
    ),
    'redirect: { location: "https://new.example.com{request.path}", status: "307" }',
)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Shapes: location is a template whose authority is fixed."""

    location: str
    status: int = 308
    keeps_query: bool = True


@dataclass(frozen=True, slots=True)
class BoundRedirect:
    """A redirect for the parameters of one route."""

    policy: Redirect
    text: PathText

    def on_request(self, request: RequestView) -> Answer:
        """The redirect."""
        location = self.text.render(request, request.path)
        if location.startswith("//"):  # a placeholder gave nothing: what follows would be read as a host
            location = "/" + location.lstrip("/")
        if self.policy.keeps_query and request.query:
            location += ("&" if "?" in location else "?") + request.query
        return Answer(self.policy.status, (("Location", location),))


POLICY = Redirect


def bind(policy: Redirect, route: RouteFacts) -> BoundRedirect:
    """The policy for one route. Errors: Unbindable."""
    require_parameters(policy.location, route)
    return BoundRedirect(policy, PathText(policy.location, route.path))


def parse(settings: Mapping[str, object], where: Where) -> tuple[Redirect | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("location")
    policy = Redirect(
        reader.text("location"),
        int(reader.choice("status", STATUSES, "308")),
        reader.flag("keepQuery", default=True),
    )
    location = policy.location
    if location and not (_LOCATION.fullmatch(location) and (_ABSOLUTE.match(location) or _RELATIVE.match(location))):
        hint = 'Write "https://new.example.com/path" with the host in full, or a path that begins with one "/".'
        reader.refuse("location", f'"{location}" is no address to send callers to.', hint)
    for name in unknown_names(location, path_names(location)):
        reader.refuse("location", f'"{name}" is no placeholder.', f"Known: {LISTED}.")
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Redirect) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"location": policy.location, "status": str(policy.status), "keepQuery": policy.keeps_query}
