"""Rehearsal: parts of a state, loaded as a gateway loads them, before they are published; nothing of it is kept.

It runs what workers run when they take a state in use: the bounds of acceptance, the look-ups of routes and policies,
how calls are spread, rules of networks, bounds of callers, what is recorded, plans, hosts, certificates on both sides.
Opens no socket and no file, and knows no worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Final

from gateway_sync.policies import BUILT_IN
from gateway_sync.runtime.bounds import Given, bounds_of
from gateway_sync.runtime.core.balancing import hash_of
from gateway_sync.runtime.core.hosts import HostTable
from gateway_sync.runtime.core.index import Part, fill_part
from gateway_sync.runtime.core.networks import rules_for
from gateway_sync.runtime.core.plans import PlanEntry
from gateway_sync.runtime.core.targets import TargetEntry
from gateway_sync.runtime.listener_tls import ListenerTLS
from gateway_sync.runtime.overrun import Overrun, ended_after
from gateway_sync.runtime.tracing import settings_of
from gateway_sync.runtime.upstream_tls import UpstreamContexts
from gateway_sync.snapshot import (
    API,
    Certificate,
    Edge,
    Environment,
    Fault,
    Host,
    Plan,
    Policy,
    Products,
    Version,
    canonical_bytes,
    decode_fragment,
    faults_in,
    faults_in_version,
)

BUDGET_S: Final = 5.0  # of the processor; 20,000 operations with policies take a tenth


class Rehearsal:
    """A loader of parts. See compiler.Loader."""

    def __init__(
        self, sealing_key: bytes, budget_s: float = BUDGET_S, clock: Callable[[], float] = time.thread_time
    ) -> None:
        """sealing_key opens the secrets of the state; clock counts the seconds that this thread used."""
        self._sealing_key = sealing_key
        self._budget_s = budget_s
        self._clock = clock

    def environment(self, environment: Environment) -> Sequence[Fault]:
        """Why the environment cannot be loaded."""
        found = list(faults_in(environment))
        with _told(found, "allowed_networks"):
            rules_for(environment)
        with _told(found, "policies"):
            bounds_of(environment.policies, Given())
            settings_of(environment.policies)
        with _told(found, ""):
            _is_same(environment, Environment)
        return found

    def plan(self, plan: Plan) -> Sequence[Fault]:
        """Why the terms of a plan cannot be loaded."""
        found = list(faults_in(Products((), (plan,))))
        with _told(found, ""):
            entry = PlanEntry(plan)
            entry.terms_for(0, is_restricted=True)
            entry.measured_for(0, "GET /")
        return found

    def version(self, api: API, version: Version, environment: Environment) -> Sequence[Fault]:
        """Why a version cannot be loaded, or what of it would be shut, within the budget."""
        found = list(faults_in_version(version))
        if found:
            return found
        place, one = f"versions.{version.name}", replace(api, versions=(version,))
        with _told(found, place):
            began = self._clock()
            part = Part()
            with self._ended_in_time((*version.policies, *environment.policies)):
                for _ in fill_part(part, one, environment):
                    if self._clock() - began > self._budget_s:
                        break
            if (took_s := self._clock() - began) > self._budget_s:
                message = f"it takes {took_s:.1f} s to load; {self._budget_s:g} are the most"
                return [Fault(f"{place}.policies", message)]
            for entry in part.versions.values():
                if entry.pool is not None:
                    entry.pool.settle(1, lambda text: f"{hash_of(text):020}")
                found += self._ways(entry.targets, place)
            _is_same(one, API)
            shut = [problem for problem in part.problems if problem.is_error]
            found += [Fault(f"{place}.{each.where.field}", each.message, is_fatal=False) for each in shut]
        return found

    def _ended_in_time(self, policies: Iterable[Policy]) -> AbstractContextManager[None]:
        """What ends a single step that takes too long: steps of kinds of ours do not, those of other packages may."""
        is_ours = all(policy.kind in BUILT_IN for policy in policies)
        return nullcontext() if is_ours else ended_after(self._budget_s)

    def _ways(self, targets: Sequence[TargetEntry], place: str) -> Iterator[Fault]:
        """Targets that nobody could connect to. One that shows a certificate of the edge is tried with that alone."""
        contexts = UpstreamContexts(self._sealing_key)
        for target in targets:
            if target.tls is None or target.tls.settings.client_certificate:
                continue
            if fault := contexts.way_to(target, Edge()).fault:
                yield Fault(f"{place}.upstream.tls", fault)
                return

    def host(self, host: Host) -> Sequence[Fault]:
        """Why a host cannot be served."""
        found = list(faults_in(Edge((), (host,))))
        with _told(found, "client_ca"):
            HostTable((host,))
            if host.client_certificates != "off" and host.client_ca:
                ListenerTLS(self._sealing_key).use(Edge((), (host,)))
        return found

    def certificate(self, certificate: Certificate) -> Sequence[Fault]:
        """Why a certificate cannot be shown, to callers or to upstreams."""
        found = list(faults_in(Edge((certificate,))))
        with _told(found, "chain"):
            shown = replace(certificate, organization="")
            problems = ListenerTLS(self._sealing_key).use(Edge((shown,)))
            found += [Fault("chain", problem.message) for problem in problems]
        return found


@contextmanager
def _told(found: list[Fault], field: str) -> Iterator[None]:
    """Whatever goes wrong in the block as a fault: on a gateway it would end the loading."""
    try:
        yield
    except Overrun:
        found.append(Fault(field, "it takes too long to load"))
    except Exception as error:  # noqa: BLE001 - the edge of what is published
        found.append(Fault(field, f"{type(error).__name__}: {error}"))


def _is_same(part: object, shape: type[object]) -> None:
    """Errors: SnapshotInvalid, ValueError when a gateway would read something else than was written."""
    content = canonical_bytes(part)
    if canonical_bytes(decode_fragment(content, shape)) != content:
        message = "gateways would not read all of it"
        raise ValueError(message)
