"""Loader: what a gateway makes of a part, asked before the part is published; how it does so is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from gateway_sync.problems import Problem, Where
from gateway_sync.snapshot import API, Certificate, Environment, Fault, Host, Plan, Version


class Loader(Protocol):
    """Loads parts as gateways do. Each says why a part cannot be loaded, in one order; () = it can."""

    def environment(self, environment: Environment) -> Sequence[Fault]:
        """The environment alone."""

    def plan(self, plan: Plan) -> Sequence[Fault]:
        """The terms of one plan."""

    def version(self, api: API, version: Version, environment: Environment) -> Sequence[Fault]:
        """One version of an API, with the policies of its environment; what else the API has is not looked at."""

    def host(self, host: Host) -> Sequence[Fault]:
        """One host name."""

    def certificate(self, certificate: Certificate) -> Sequence[Fault]:
        """One certificate, as callers are shown it."""


class Trusting:
    """Loads everything: for whoever compiles and does not publish."""

    def environment(self, _environment: Environment) -> Sequence[Fault]:
        """Nothing."""
        return ()

    def plan(self, _plan: Plan) -> Sequence[Fault]:
        """Nothing."""
        return ()

    def version(self, _api: API, _version: Version, _environment: Environment) -> Sequence[Fault]:
        """Nothing."""
        return ()

    def host(self, _host: Host) -> Sequence[Fault]:
        """Nothing."""
        return ()

    def certificate(self, _certificate: Certificate) -> Sequence[Fault]:
        """Nothing."""
        return ()


def load_api(
    api: API, former: API | None, environment: Environment, loader: Loader
) -> tuple[API | None, list[Problem]]:
    """The API with each version that gateways load, in place of others their former ones; None when none is left.

    Shapes: what loads and is shut in part gives way to a former one that is whole, and is kept where there is none.
    """
    before = {version.id: version for version in former.versions} if former is not None else {}
    versions: list[Version] = []
    problems: list[Problem] = []
    for version in api.versions:
        kept: Version | None = version
        if faults := loader.version(api, version, environment):
            name = f"{api.name}/{version.name}"
            problems += told(faults, "version.E005", name, Where("version", version.id))
            last = before.get(version.id)
            is_fatal = any(fault.is_fatal for fault in faults)
            instead = loader.version(api, last, environment) if last is not None else faults
            if not instead or (is_fatal and last is not None and not any(fault.is_fatal for fault in instead)):
                kept = last
            elif is_fatal:
                kept = None
        if kept is not None:
            versions.append(kept)
    return (replace(api, versions=tuple(versions)) if versions else None), problems


def told(faults: Sequence[Fault], code: str, what: str, where: Where) -> list[Problem]:
    """Problems that say what gateways would say. Shapes: what names the part for people; where is without a field."""
    hint = "What was in force before stays; mend it, or tell those who run this installation."
    return [
        Problem(code, f"No gateway could load {what}: {fault}.", replace(where, field=fault.field), hint)
        for fault in faults
    ]
