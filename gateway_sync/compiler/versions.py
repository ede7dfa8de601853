"""Versions and the APIs they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from gateway_sync.compiler.bindings import compile_contract
from gateway_sync.compiler.composites import compile_composites
from gateway_sync.compiler.places import compile_policies
from gateway_sync.compiler.routes import compile_routes
from gateway_sync.compiler.upstream_tls import http_problems, tls_problems
from gateway_sync.compiler.upstreams import compile_settings, compile_targets
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import APIRow, EnvironmentRow, VersionRow
from gateway_sync.snapshot import API, Version

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110 section 5.1: token
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_STATES = ("published", "deprecated", "retired")


def compile_api(row: APIRow, environment: EnvironmentRow, last: API | None) -> tuple[API | None, list[Problem]]:
    """The API with each version as it is or, where a version is broken, as it last was good.

    Shapes: None when nothing of it can be served. Routes are not opened by products yet.
    """
    if problems := _own_problems(row):
        return last_form(row, last), problems
    last_versions = {version.id: version for version in last.versions} if last else {}
    names = {version.name for version in row.versions}
    versions: dict[str, Version] = {}
    for version_row in sorted(row.versions, key=lambda version: version.name):
        version, found = _compile_version(version_row, environment)
        on_the_way = [*tls_problems(version_row, row.organization_id, environment), *http_problems(version_row)]
        if any(problem.is_error for problem in on_the_way):
            version = None  # it would trust whom it may not, or nobody would answer
        found += on_the_way
        found += _lifecycle_problems(version_row, names - {version_row.name}, is_taken=version_row.name in versions)
        if any(problem.is_error for problem in found):
            version, notice = _fall_back(version_row, version, last_versions.get(version_row.id))
            found.append(notice)
        problems += found
        if version is not None:
            versions.setdefault(version.name, version)
    if not versions:
        return None, problems
    return API(row.id, row.name, row.organization_id, row.key_header, tuple(versions.values())), problems


def last_form(row: APIRow, last: API | None) -> API | None:
    """The API as it last was good, of it only what still runs, in the state it has now."""
    rows = {version.id: version for version in row.versions if version.state in _STATES}
    if last is None or not (kept := [version for version in last.versions if version.id in rows]):
        return None
    return replace(last, versions=tuple(_with_lifecycle(version, rows[version.id]) for version in kept))


def _own_problems(row: APIRow) -> list[Problem]:
    problems = []
    if not _SEGMENT.fullmatch(row.name):
        problems.append(Problem("api.E001", f'"{row.name}" cannot be part of a path.', Where("api", row.id, "name")))
    if not _FIELD_NAME.fullmatch(row.key_header):
        message = f'"{row.key_header}" is not a header name.'
        problems.append(Problem("api.E002", message, Where("api", row.id, "key_header"), "Use a name like X-API-Key."))
    return problems


def _compile_version(row: VersionRow, environment: EnvironmentRow) -> tuple[Version | None, list[Problem]]:
    """The version; None when it would be unsafe or useless without what is wrong with it."""
    if row.state == "retired":  # answers 410 whatever its operations were
        return _with_lifecycle(_blank(row), row), []
    targets, upstream_problems = compile_targets(row, environment)
    upstream, found = compile_settings(row, targets, environment)
    upstream_problems += found
    policies, policy_problems = compile_policies(row.policies, Where("version", row.id, "policies"), environment)
    routes, route_problems = compile_routes(row)
    contract, found = compile_contract(row, environment, policies, routes)
    policy_problems += found
    composites, found = compile_composites(row, routes)
    policy_problems += found  # a composite that is left out would open the service's own operation of that name
    problems = upstream_problems + policy_problems + route_problems
    # An operation that cannot be routed is closed, which is safe; a policy that is left out might open what it guards.
    if any(problem.is_error for problem in upstream_problems + policy_problems) or not _SEGMENT.fullmatch(row.name):
        return None, problems
    version = replace(
        _blank(row),
        targets=targets,
        timeout_ms=max(1, round(row.upstream.timeout_s * 1000)),
        policies=policies,
        routes=routes,
        upstream=upstream,
        contract=contract,
        composites=composites,
    )
    return _with_lifecycle(version, row), problems


def _blank(row: VersionRow) -> Version:
    return Version(
        id=row.id,
        name=row.name,
        state=row.state,
        revision=row.revision,
        targets=(),
        timeout_ms=0,
        policies=(),
        routes=(),
        deprecated_at=0,
        sunset_at=0,
        successor="",
        documentation_url="",
    )


def _with_lifecycle(version: Version, row: VersionRow) -> Version:
    return replace(
        version,
        name=row.name,
        state=row.state,
        deprecated_at=row.deprecated_at,
        sunset_at=row.sunset_at,
        successor=row.successor,
        documentation_url=row.documentation_url,
    )


def _lifecycle_problems(row: VersionRow, others: Iterable[str], *, is_taken: bool) -> list[Problem]:
    problems = []
    if row.state not in _STATES:
        problems.append(
            Problem("version.E002", f'"{row.state}" is no state that can run.', Where("version", row.id, "state"))
        )
    if is_taken:
        message = f'Another version of the API is named "{row.name}".'
        problems.append(Problem("version.E003", message, Where("version", row.id, "name")))
    elif not _SEGMENT.fullmatch(row.name):
        problems.append(
            Problem("version.E004", f'"{row.name}" cannot be part of a path.', Where("version", row.id, "name"))
        )
    if row.successor and row.successor not in others:
        message = f'The successor "{row.successor}" does not run here.'
        problems.append(Problem("version.W002", message, Where("version", row.id, "successor"), "Publish it."))
    return problems


def _fall_back(row: VersionRow, version: Version | None, last: Version | None) -> tuple[Version | None, Problem]:
    """What is served of a version with errors: its last good form, else what is left of it, else nothing."""
    where = Where("version", row.id)
    if row.state in _STATES and last is not None:
        message = f"Callers get the last good state, of revision {last.revision}, until this is mended."
        return _with_lifecycle(last, row), Problem("version.W003", message, where)
    if row.state in _STATES and version is not None:
        return version, Problem("version.W004", "The rest of the version is served.", where)
    return None, Problem("version.W005", "The version is not served until this is mended.", where)
