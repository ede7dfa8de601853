"""query: parameters of the query string that the service gets beside those of the caller, or does not get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote_plus

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.placeholders import LISTED, Text, unknown_names
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import RequestView
from gateway_sync.problems import Problem, Where

KIND = "query"
_MOST = 50

DESCRIPTION = Description(
    KIND,
    "Query parameters that the service gets",
    "Sets and removes parameters of the query string; the others stay as they were sent. A policy of a narrower scope"
    " acts after a wider one.",
    (
        Setting(
            "set",
            "Set",
            "fields",
            "Parameters that replace what the caller sent under these names.",
            f"Placeholders: {LISTED}.",
        ),
        Setting("remove", "Remove", "words", "Names of parameters that the service does not get."),
    ),
    "query: { set: { client: shop }, remove: [debug] }",
    accumulates=True,
)


@dataclass(frozen=True)
class Query:
    """Shapes: pairs of name and text with placeholders, names unescaped."""

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    @cached_property
    def _replaced(self) -> frozenset[str]:
        return frozenset({*(name for name, _ in self.set), *self.remove})

    @cached_property
    def _set(self) -> tuple[tuple[str, Text], ...]:
        return tuple((quote(name, safe=""), Text(text)) for name, text in self.set)

    def on_request(self, request: RequestView) -> None:
        """Change the parameters; what is kept keeps its order and its spelling."""
        kept = [
            part
            for part in request.query.split("&")
            if part and unquote_plus(part.partition("=")[0]) not in self._replaced
        ]
        kept += [f"{name}={quote(text.render(request), safe='')}" for name, text in self._set]
        request.query = "&".join(kept)


POLICY = Query


def parse(settings: Mapping[str, object], where: Where) -> tuple[Query | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = Query(reader.pairs("set"), reader.names("remove"))
    if not policy.set and not policy.remove:
        reader.refuse("", "Say what to set or remove.", number=3)
    if len(policy.set) + len(policy.remove) > _MOST:
        reader.refuse("", f"At most {_MOST} parameters.")
    for name, text in policy.set:
        for unknown in unknown_names(text):
            reader.refuse("set", f'"{unknown}", written for "{name}", is no placeholder.', f"Known: {LISTED}.")
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Query) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"set": dict(policy.set), "remove": list(policy.remove)}
