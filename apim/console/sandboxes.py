"""Sandboxes as the console shows them: which belongs to which environment, and what answers in it.

Owns: the words and counts. Must not know: how gateways get them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from apim.catalog.models import APIVersion, Deployment
from apim.catalog.sandboxes import DOCUMENT, SERVICE, answers_from
from apim.gateways.sandbox import PATH_PREFIX
from gateway_sync.delivery.sandbox import sandboxed

if TYPE_CHECKING:
    from apim.gateways.models import Environment

SHOWN: Final = 50
_NEEDED: Final = (
    "environment_id",
    "revision__document_format", "revision__passthrough", "revision__version_id",
    "version__name", "version__state", "version__sandbox_upstream", "version__api_id",
    "version__api__name", "version__api__visibility",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SandboxLine:
    """A version in a sandbox. Shapes: source is service or document."""

    version: APIVersion
    source: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The sandbox of an environment. Shapes: address has the places that callers fill, "" = the gateway has none."""

    address: str
    lines: tuple[SandboxLine, ...]

    @property
    def services(self) -> int:
        """How many versions a service of their owner answers for."""
        return sum(line.source == SERVICE for line in self.lines)

    @property
    def documents(self) -> int:
        """How many versions their documents answer for."""
        return sum(line.source == DOCUMENT for line in self.lines)

    @property
    def shown(self) -> tuple[SandboxLine, ...]:
        """The first of them, as many as a page should have."""
        return self.lines[:SHOWN]


def sandboxes_of(environments: Collection[Environment]) -> dict[str, Sandbox]:
    """The sandbox of each environment that has one, by its id; one query."""
    having = {environment.pk: environment for environment in environments if environment.has_sandbox}
    found: Iterable[Deployment] = (
        Deployment.objects.filter(environment__in=having, version__api__archived_at=None)
        .filter(version__in=sandboxed(APIVersion.objects.all()))
        .select_related("version__api", "revision")
        .only(*_NEEDED)
        .order_by("version__api__name", "version__name")
        if having
        else ()
    )
    lines: dict[str, list[SandboxLine]] = {pk: [] for pk in having}
    for each in found:
        if source := answers_from(each.version, each.revision):
            lines[each.environment_id].append(SandboxLine(each.version, source))
    return {pk: Sandbox(address_in(environment), tuple(lines[pk])) for pk, environment in having.items()}


def address_in(environment: Environment, api: str = "{api}", version: str = "{version}") -> str:
    """Where callers reach the sandbox; "" while nobody said where the gateway is."""
    base = environment.base_url.rstrip("/")
    return f"{base}/{PATH_PREFIX}{api}/{version}/" if base else ""
