"""Reading: the last calls of a version, its two states, and the access records of those who called."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils import timezone

from apim.access.models import Subscription
from apim.catalog.models import Revision
from apim.gateways.models import AccessRecord, Environment
from apim.usage.models import UsageRecord
from apim.usage.records import Asked
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.collect import rows_of_versions
from gateway_sync.delivery.replay.finding import Found, last_calls
from gateway_sync.delivery.replay.judging import Call, Difference, States, differences
from gateway_sync.problems import Problem
from gateway_sync.rows import Rows
from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.snapshot import (
    API,
    ENVIRONMENT_FRAGMENT,
    PRODUCTS_FRAGMENT,
    Products,
    api_fragment,
    decode_fragment,
)
from gateway_sync.snapshot import Environment as Settings
from gateway_sync.usage_wire import MAX_PATH

JUDGING_S: Final = 3.0
_DATABASE: Final = "default"


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the calls.

    Shapes: calls = how many were decided anew; problems are those that the compiler finds with the revision only;
    is_cut_off = there was no time to find all of the last calls, or to decide about them.
    """

    calls: int
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]
    records: dict[int, UsageRecord]
    is_cut_off: bool = False

    @property
    def certain(self) -> int:
        """How many calls would be answered otherwise for sure."""
        return sum(each.is_certain for each in self.differences)


def replay(environment: Environment, revision: Revision) -> Replay:
    """The last calls of the revision's version in an environment, as if the revision ran there.

    Shapes: only calls whose caller is known are in the log. A fixed number of queries; nothing is sent to anybody.
    """
    return replay_revisions(environment, [revision])


def replay_revisions(environment: Environment, revisions: Collection[Revision]) -> Replay:
    """The last calls of the revisions' versions in an environment, as if all of these ran there."""
    ids = [revision.version_id for revision in revisions]
    now, known = _compiled(rows_of_versions(environment, ids, (), _DATABASE))
    then, found = _compiled(rows_of_versions(environment, ids, revisions, _DATABASE))
    asked = Asked({"version_id": ids, "environment_id": [environment.id]})
    newest = last_calls(asked)
    records = {record.id: record for record in newest.records if is_whole(record)}
    judged = judge(environment, list(records.values()), now, then)
    fresh = tuple(problem for problem in found if problem not in known)
    return replace(judged, problems=fresh, is_cut_off=judged.is_cut_off or newest.is_cut_off)


def replay_states(environment: Environment, now: Mapping[str, str], then: Mapping[str, str]) -> Replay:
    """The last calls of an environment that may be decided otherwise by another state. A fixed number of queries.

    Shapes: fragments of the state in force and of the other one, by name.
    """
    differing = {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)}
    is_for_all = not differing.isdisjoint({ENVIRONMENT_FRAGMENT, PRODUCTS_FRAGMENT})
    owners = _apis_by_version(now, then, None if is_for_all else differing)
    chosen = {} if is_for_all else {"version_id": sorted(owners)}
    asked = Asked({**chosen, "environment_id": [environment.id]})
    newest = last_calls(asked) if owners else Found([], is_cut_off=False)
    found = [record for record in newest.records if record.version_id in owners and is_whole(record)]
    called = {name for record in found for name in owners[record.version_id]}
    judged = judge(environment, found, _loaded(now, called), _loaded(then, called))
    return replace(judged, is_cut_off=judged.is_cut_off or newest.is_cut_off)


def is_whole(record: UsageRecord) -> bool:
    """True when the log kept the whole path of a call."""
    return len(record.path.encode()) < MAX_PATH


def state_of(environment: Environment, version_ids: Collection[str]) -> Index:
    """What an environment's gateways would be sent of these versions now, as its transaction sees it."""
    return _compiled(rows_of_versions(environment, version_ids, (), _DATABASE))[0]


def judge(
    environment: Environment, records: Sequence[UsageRecord], now: Index, then: Index, *, budget_s: float = JUDGING_S
) -> Replay:
    """The calls under both states, by who may call what now; as many as there is time for."""
    states, now_s = States(now, then, _access_of(environment, records)), int(timezone.now().timestamp())
    ends_at = time.monotonic() + budget_s
    decided: dict[int, UsageRecord] = {}
    differing: list[Difference] = []
    for record in records:
        if time.monotonic() > ends_at:
            break
        differing += differences([_call(record)], states, now_s)
        decided[record.id] = record
    return Replay(len(decided), tuple(differing), (), decided, len(decided) < len(records))


def _apis_by_version(
    now: Mapping[str, str], then: Mapping[str, str], chosen: Collection[str] | None
) -> dict[str, set[str]]:
    """The fragments of APIs that hold a version, by the version's id. Shapes: chosen None = of all APIs."""
    owners: dict[str, set[str]] = {}
    for side in (now, then):
        for name, text in side.items():
            if name.startswith(api_fragment("")) and (chosen is None or name in chosen):
                for version in decode_fragment(text, API).versions:
                    owners.setdefault(version.id, set()).add(name)
    return owners


def _loaded(fragments: Mapping[str, str], apis: Collection[str]) -> Index:
    """The look-ups of these APIs in a state."""
    environment = decode_fragment(fragments[ENVIRONMENT_FRAGMENT], Settings)
    index = Index(environment, decode_fragment(fragments[PRODUCTS_FRAGMENT], Products), 0, "")
    for _ in build_index(index, (decode_fragment(fragments[name], API) for name in sorted(apis) if name in fragments)):
        pass
    return index


def _compiled(rows: Rows) -> tuple[Index, tuple[Problem, ...]]:
    """The look-ups of a state, built by the compiler and the loader that publishing uses."""
    compiled = compile_snapshot(rows, {})
    snapshot = compiled.snapshot
    index = Index(snapshot.environment, snapshot.products, 0, "", snapshot.edge)
    for _ in build_index(index, snapshot.apis):
        pass
    return index, (*compiled.problems, *index.problems)


def _call(record: UsageRecord) -> Call:
    method = record.operation.partition(" ")[0]
    return Call(record.id, method, record.path, record.credential_id, record.request_bytes)


def _access_of(environment: Environment, records: Iterable[UsageRecord]) -> AccessTable:
    """What gateways know of the callers; each credential goes by its id, since the log knows no secret of it."""
    callers = {record.credential_id: record for record in records if record.credential_id}
    applications = {record.application_id for record in callers.values()}
    organizations = {record.organization_id for record in callers.values()}
    held = Subscription.objects.filter(environment=environment, applications__in=applications)
    wanted = {*applications, *organizations, *held.values_list("id", flat=True)}
    kinds = (AccessRecord.Kind.APPLICATION, AccessRecord.Kind.ORGANIZATION, AccessRecord.Kind.SUBSCRIPTION)
    stored = AccessRecord.objects.filter(environment=environment, kind__in=kinds, key__in=wanted)
    entries = list(stored.values_list("kind", "key", "body"))
    credentials = [(AccessRecord.Kind.CREDENTIAL.value, key, _credential(record)) for key, record in callers.items()]
    table = AccessTable(None)
    table.apply(encode_records([*entries, *credentials]), 1)
    return table


def _credential(record: UsageRecord) -> dict[str, object]:
    return {
        "id": record.credential_id,
        "application": record.application_id,
        "organization": record.organization_id,
        "product": "",
        "state": "active",
        "expires_at": 0,
    }
