"""path-rewrite: the path that the service gets instead of the operation's own.

The result is below the target's base path, whatever callers send: it is brought into canonical form like every path
(runtime.core.paths), and one that would climb out is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.placeholders import PathText, path_names, require_parameters, unknown_names
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import RequestView, RouteFacts
from gateway_sync.problems import Problem, Where

KIND = "path-rewrite"
_PATH = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_BRACES = re.compile(r"\{[^{}]*\}")
_LONGEST = 1024

DESCRIPTION = Description(
    KIND,
    "Path that the service gets",
    "Replaces the path of the operation, below the target's own base path. What callers see stays as it is.",
    (
        Setting(
            "strip", "Take off", "text", "A beginning that is taken off the path, when it is there.", "Such as /api."
        ),
        Setting("prefix", "Put before", "text", "A beginning that is put before the path.", "Such as /v2."),
        Setting(
            "path",
            "Path",
            "text",
            "The whole path instead; parameters of the operation by their names.",
            "Such as /customers/{id}/accounts. Not together with the other two.",
        ),
    ),
    "path-rewrite: { strip: /accounts, prefix: /v2/konten }",
)


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """Shapes: path, or strip and prefix, "" = not used; each begins with / and has no / at its end."""

    strip: str = ""
    prefix: str = ""
    path: str = ""

    def on_request(self, request: RequestView) -> None:
        """Change the beginning of the path."""
        path = request.path
        if self.strip and (path == self.strip or path.startswith(self.strip + "/")):
            path = path[len(self.strip) :]
        request.path = self.prefix + path if path.startswith("/") else self.prefix + "/" + path


@dataclass(frozen=True, slots=True)
class WholePath:
    """A path-rewrite with `path`, bound to a route."""

    text: PathText

    def on_request(self, request: RequestView) -> None:
        """Replace the path."""
        request.path = self.text.render(request, request.path)


POLICY = PathRewrite


def bind(policy: PathRewrite, route: RouteFacts) -> PathRewrite | WholePath:
    """The policy, or what it is for the parameters of this route. Errors: Unbindable."""
    require_parameters(policy.path, route)
    return WholePath(PathText(policy.path, route.path)) if policy.path else policy


def parse(settings: Mapping[str, object], where: Where) -> tuple[PathRewrite | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings. Whether parameters exist is seen where routes are."""
    reader = SettingsReader(KIND, settings, where)
    policy = PathRewrite(reader.text("strip").rstrip("/"), reader.text("prefix").rstrip("/"), reader.text("path"))
    if not (policy.strip or policy.prefix or policy.path):
        reader.refuse("", 'Give "path", or "strip" and "prefix".', number=3)
    if policy.path and (policy.strip or policy.prefix):
        reader.refuse("path", '"path" replaces the whole path.', 'Leave out "strip" and "prefix".')
    for field, text in (("strip", policy.strip), ("prefix", policy.prefix), ("path", _BRACES.sub("x", policy.path))):
        if text and not is_safe_path(text):
            reader.refuse(field, f'"{text}" cannot be part of a path.', 'Begin with "/"; no "..", "?", "#" or "//".')
    if len(policy.path) > _LONGEST:
        reader.refuse("path", f'"path" is longer than {_LONGEST} characters.')
    for name in unknown_names(policy.path, path_names(policy.path)):
        reader.refuse("path", f'"{name}" is no placeholder.')
    problems = reader.problems()
    return (None if problems else policy), problems


def is_safe_path(text: str) -> bool:
    """True for a path that means the same to every reader and stays below where it is put."""
    segments = text.split("/")[1:]
    return (
        _PATH.fullmatch(text) is not None
        and "//" not in text
        and not any(segment.partition(";")[0] in {".", ".."} for segment in segments)
        and not re.search(r"%(?:2[Ff]|5[Cc]|2[Ee]|[01][0-9A-Fa-f]|7[Ff])", text)
    )


def dump(policy: PathRewrite) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"strip": policy.strip, "prefix": policy.prefix, "path": policy.path}
