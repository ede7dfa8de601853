"""Reading: the last calls of a version, its two states, and the access records of those who called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from apim.access.models import Subscription
from apim.catalog.models import Revision
from apim.gateways.models import AccessRecord, Environment
from apim.usage.models import UsageRecord
from apim.usage.records import Asked, record_log
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.collect import rows_of_version
from gateway_sync.delivery.replay.judging import Call, Difference, States, differences
from gateway_sync.problems import Problem
from gateway_sync.rows import Rows
from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.usage_wire import MAX_PATH

CALLS_AT_MOST: Final = 500
_DATABASE: Final = "default"


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the calls.

    Shapes: calls = how many were decided anew; problems are those that the compiler finds with the revision only.
    """

    calls: int
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]
    records: dict[int, UsageRecord]

    @property
    def certain(self) -> int:
        """How many calls would be answered otherwise for sure."""
        return sum(each.is_certain for each in self.differences)


def replay(environment: Environment, revision: Revision) -> Replay:
    """The last calls of the revision's version in an environment, as if the revision ran there.

    Shapes: only calls whose caller is known are in the log. A fixed number of queries; nothing is sent to anybody.
    """
    version_id = revision.version_id
    now, known = _compiled(rows_of_version(environment, version_id, None, _DATABASE))
    then, found = _compiled(rows_of_version(environment, version_id, revision, _DATABASE))
    asked = Asked({"version_id": [version_id], "environment_id": [environment.id]})
    newest = record_log().newest(asked, limit=CALLS_AT_MOST)
    records = {record.id: record for record in newest if len(record.path.encode()) < MAX_PATH}
    calls = [_call(record) for record in records.values()]
    access = _access_of(environment, records.values())
    differing = differences(calls, States(now, then, access), int(timezone.now().timestamp()))
    fresh = tuple(problem for problem in found if problem not in known)
    return Replay(len(calls), tuple(differing), fresh, records)


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
