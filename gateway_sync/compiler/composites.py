"""Composites: operations made of several calls, checked and made canonical; and whether the services they call run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway_sync.compositions import Composite, read_composite
from gateway_sync.policies.settings import nearest_hint
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import VersionRow
from gateway_sync.snapshot import API, JSON, Route, Version

FIELD = "composites"


def compile_composites(version: VersionRow, routes: Iterable[Route]) -> tuple[Mapping[str, JSON], list[Problem]]:
    """The composites by the id of their route, and what is wrong with them.

    Errors: total; composite.E011 for one of an operation that the version does not have.
    """
    where = Where("version", version.id, FIELD)
    known = {route.id: route for route in routes if not route.path.endswith("{*}")}
    compiled: dict[str, JSON] = {}
    problems: list[Problem] = []
    for operation, settings in sorted(version.composites.items()):
        composite, found = read_composite(operation, settings, where)
        problems += found
        if operation not in known:
            at = Where("version", version.id, f"{FIELD}.{operation}")
            message = f'The version has no operation "{operation}".'
            problems.append(Problem("composite.E011", message, at, nearest_hint(operation, known)))
        else:
            compiled[operation] = composite.dump()
    return compiled, problems


def service_problems(apis: Iterable[API]) -> Iterator[Problem]:
    """What is wrong with the services that composites call, once it is known what runs.

    A gateway refuses such a step by itself: composite.W003 a service that does not run, .W004 one of another
    organization.
    """
    listed = list(apis)
    owners = {f"{api.name}/{version.name}": api.organization for api in listed for version in api.versions}
    for api in listed:
        for version in api.versions:
            for operation, number, service in _services(version):
                where = Where("version", version.id, f"{FIELD}.{operation}.steps.{number}.service")
                if service not in owners:
                    mine = [name for name, owner in owners.items() if owner == api.organization]
                    message = f'"{service}" does not run here, so the step always fails.'
                    yield Problem("composite.W003", message, where, nearest_hint(service, mine))
                elif owners[service] != api.organization:
                    message = f'"{service}" belongs to another organization, so the step always fails.'
                    yield Problem(
                        "composite.W004", message, where, "Call it as its subscribers do: through an API of your own."
                    )


def _services(version: Version) -> Iterator[tuple[str, int, str]]:
    for operation, settings in version.composites.items():
        composite: Composite
        composite, _ = read_composite(operation, settings, Where("version", version.id, FIELD))
        for number, step in enumerate(composite.steps):
            undoing = step.compensate.call.service if step.compensate is not None else ""
            yield from ((operation, number, service) for service in {step.call.service, undoing} - {""})
