"""Placeholders: texts that a policy fills in for each call, such as `{application.id}`, from a fixed list.

A name without a dot is a parameter of the operation's path. What a placeholder gives never holds a line end; in paths
and query strings it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import quote

from gateway_sync.policies.views import RequestView, RouteFacts, Unbindable

_BRACES = re.compile(r"\{([^{}]*)\}")
_NOT_SENDABLE = re.compile(r"[^\x20-\x7e]")
_SEGMENT_SAFE = "!$&'()*+,;=:@-._~%"

NAMES: Mapping[str, Callable[[RequestView], str]] = {
    "application.id": lambda request: request.caller.application,
    "application.name": lambda request: _sendable(request.caller.application_name),
    "organization.id": lambda request: request.caller.organization,
    "credential.id": lambda request: request.caller.credential,
    "subscription.id": lambda request: request.caller.subscription,
    "plan.id": lambda request: request.caller.plan,
    "client.address": lambda request: request.address,
    "request.id": lambda request: request.request_id,
    "request.method": lambda request: request.method,
    "request.path": lambda request: request.path,
    "operation": lambda request: request.operation,
}
OF_CALLERS: Final = frozenset(name for name in NAMES if name.partition(".")[0] not in ("request", "operation"))
LISTED: Final = ", ".join(f"{{{name}}}" for name in NAMES)


def _sendable(text: str) -> str:
    """Text with what a field cannot carry escaped, as in a URL."""
    return _NOT_SENDABLE.sub(lambda match: quote(match[0]), text).strip()


def unknown_names(text: str, more: Iterable[str] = ()) -> list[str]:
    """The placeholders in text that are neither on the list nor among more; "{" or "}" for braces that do not pair."""
    known = {*NAMES, *more}
    found = [name for name in _BRACES.findall(text) if name not in known]
    rest = _BRACES.sub("", text)
    return found + [brace for brace in "{}" if brace in rest]


def path_names(template: str) -> tuple[str, ...]:
    """The parameters of a path template, in order; the rest `{*}` included."""
    return tuple(_BRACES.findall(template))


def require_parameters(text: str, route: RouteFacts) -> None:
    """Errors: Unbindable when text names a parameter that the operation's path does not have."""
    if missing := [name for name in path_names(text) if name not in NAMES and name not in path_names(route.path)]:
        raise Unbindable(f"{{{missing[0]}}} is no parameter of its path")


class Text:
    """A text with placeholders."""

    __slots__ = ("_parts", "is_fixed", "is_of_caller", "text")

    def __init__(self, text: str) -> None:
        """Errors: total; a placeholder that is not on the list gives nothing."""
        self.text = text
        parts = _BRACES.split(text)
        self._parts = [
            part if number % 2 == 0 else NAMES.get(part, lambda _: "") for number, part in enumerate(parts) if part
        ]
        self.is_fixed = len(parts) == 1
        self.is_of_caller = OF_CALLERS.issuperset(parts[1::2])

    def render(self, request: RequestView) -> str:
        """The text for one call."""
        if self.is_fixed:
            return self.text
        return "".join(part if isinstance(part, str) else part(request) for part in self._parts)


class PathText:
    """A text that becomes part of a URL: parameters of one operation's path beside the placeholders.

    What a parameter gives stands escaped in the path already; placeholders are escaped here, except request.path.
    """

    __slots__ = ("_expression", "_parts", "text")

    def __init__(self, text: str, template: str) -> None:
        """template is the operation's path. Errors: total."""
        self.text = text
        self._parts = _BRACES.split(text)
        self._expression = path_expression(template) if len(self._parts) > 1 else None

    def render(self, request: RequestView, path: str) -> str:
        """The text for one call, whose path was `path` before any step changed it."""
        if self._expression is None:
            return self.text
        match = self._expression.fullmatch(path)
        values = match.groupdict() if match else {}
        return "".join(
            part if number % 2 == 0 else self._value(part, request, values) for number, part in enumerate(self._parts)
        )

    @staticmethod
    def _value(name: str, request: RequestView, values: Mapping[str, str]) -> str:
        if name == "request.path":
            return request.path
        if name in NAMES:
            return quote(NAMES[name](request), safe=_SEGMENT_SAFE.replace("%", ""))
        return values.get(path_group(name)) or ""


def path_group(name: str) -> str:
    """The group of path_expression that holds a parameter."""
    return "p_" + "".join(
        character if character.isalnum() and character.isascii() else f"_{ord(character)}_" for character in name
    )


def path_expression(template: str) -> re.Pattern[str]:
    """The regular expression of a path template; a parameter is one segment or a part of one, `{*}` the rest."""
    parts = _BRACES.split(template)
    texts = []
    for number, part in enumerate(parts):
        if number % 2 == 0:
            texts.append(re.escape(part))
        elif part == "*":
            texts.append(f"(?P<{path_group(part)}>.*)")
        else:
            texts.append(f"(?P<{path_group(part)}>[^/]+?)")
    return re.compile("".join(texts))
