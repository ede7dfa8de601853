"""Calls worth trying first: operations that need nothing but a key."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apim.catalog.models import APIVersion, Deployment, Revision
from apim.catalog.operations import matches
from apim.catalog.trial_calls import public_url
from portal.sandbox import has_sandbox, is_test_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from apim.gateways.models import Environment
    from apim.products.models import ProductItem

_MOST = 12
_EMPTY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleCall:
    """Shapes: path is below the version; summary may be empty."""

    version: APIVersion
    method: str
    path: str
    summary: str
    url: str
    is_sandbox: bool = False

    @property
    def is_of_test_system(self) -> bool:
        """True when a service of the owner's answers it."""
        return self.is_sandbox and is_test_system(self.version)

    @property
    def choice(self) -> str:
        """How a form names it."""
        return f"{self.version.id} {self.path}"

    def curl(self, key: str = "") -> str:
        """The command line, with the key or a variable in its place."""
        shown = f"{self.version.api.key_header}: {key or '$API_KEY'}"
        header = shlex.quote(shown) if key else f'"{shown}"'
        return f"curl {shlex.quote(self.url)} \\\n  -H {header}"


def sample_calls(items: Sequence[ProductItem], environment: Environment) -> list[SampleCall]:
    """GET operations without path parameters that the product opens and the gateway runs; the simplest first.

    Shapes: empty while the gateway's address is unknown.
    """
    if not environment.base_url:
        return []
    deployed = _deployed([item.version for item in items], environment)
    calls = []
    for item in items:
        revision = deployed.get(item.version_id)
        if revision is None:
            continue
        for operation in _candidates(revision.operations, item.operations, revision.passthrough):
            url = public_url(environment, item.version, operation["path"])
            calls.append(SampleCall(item.version, "GET", operation["path"], operation.get("summary", ""), url))
    return _simplest(calls)


def tryable_calls(items: Sequence[ProductItem], environment: Environment) -> list[SampleCall]:
    """The same of what the sandbox answers, for who has no key yet; the simplest first."""
    return sandbox_calls([item.version for item in items], environment)


def sandbox_calls(versions: Sequence[APIVersion], environment: Environment) -> list[SampleCall]:
    """GET operations without path parameters that the sandbox answers; the simplest first. Versions with their API."""
    if not environment.has_sandbox:
        return []
    deployed = _deployed(versions, environment)
    calls = [
        SampleCall(
            version,
            "GET",
            operation["path"],
            operation.get("summary", ""),
            public_url(environment, version, operation["path"], is_sandbox=True),
            is_sandbox=True,
        )
        for version in versions
        if has_sandbox(environment, version, deployed.get(version.pk))
        for operation in _candidates(deployed[version.pk].operations, _EMPTY, None)
    ]
    return _simplest(calls)


def _simplest(calls: list[SampleCall]) -> list[SampleCall]:
    return sorted(calls, key=lambda call: (call.path.count("/"), len(call.path)))[:_MOST]


def _deployed(versions: Sequence[APIVersion], environment: Environment) -> dict[str, Revision]:
    return {
        each.version_id: each.revision
        for each in Deployment.objects.filter(environment=environment, version__in=[one.pk for one in versions])
        .select_related("revision")
        .defer("revision__document", "revision__problems")
    }


def _candidates(
    operations: Sequence[Mapping[str, str]], patterns: Sequence[str], passthrough: Mapping[str, str] | None
) -> list[Mapping[str, str]]:
    if passthrough is not None and not operations:
        return [{"path": passthrough.get("prefix", "/"), "summary": _("Everything below this path is passed through")}]
    return [
        operation
        for operation in operations
        if operation["method"] == "GET"
        and "{" not in operation["path"]
        and (not patterns or any(matches(pattern, operation) for pattern in patterns))
    ]
