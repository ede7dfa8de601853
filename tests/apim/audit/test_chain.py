"""The chain of the audit log: what is changed or removed by hand is found (promise R17)."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit import chain
from apim.audit.models import AuditChain, AuditEvent
from apim.audit.searching import every, json_lines
from apim.audit.services import record
from apim.jobs import working
from apim.jobs.models import Job
from apim.platform.health import audit as health
from apim.platform.storage import purge_expired
from tests.conftest import LogIn
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


@pytest.fixture
def events(acme: Organization) -> list[AuditEvent]:
    """Six chained entries, the oldest first."""
    AuditEvent.objects.all().delete()
    for number in range(6):
        record(by=TESTER, action="thing.set", target=acme, before={"é": number}, after={"é": number + 1.5})
    assert chain.extend() == 6
    return list(AuditEvent.objects.order_by("number"))


def faults() -> list[tuple[int, str]]:
    while not chain.check(rows=2):
        pass
    return [(fault["number"], fault["kind"]) for fault in chain.chain_state().open_faults]


def test_entries_are_chained_once_in_the_order_of_their_making(events: list[AuditEvent], acme: Organization) -> None:
    assert [event.number for event in events] == [1, 2, 3, 4, 5, 6]
    assert chain.extend() == 0
    record(by=TESTER, action="thing.set", target=acme)
    assert chain.chain_state().unchained == 1
    assert chain.extend() == 1
    assert faults() == []
    assert health.chain().colour == "green"


@pytest.mark.parametrize("name", ["actor_label", "action", "reason", "target_id", "organization_id"])
def test_an_entry_that_was_changed_is_named(events: list[AuditEvent], name: str) -> None:
    AuditEvent.objects.filter(pk=events[2].pk).update(**{name: "forged"})
    assert faults() == [(3, "changed")]
    assert health.chain().colour == "red"


def test_a_changed_state_or_time_is_named(events: list[AuditEvent]) -> None:
    AuditEvent.objects.filter(pk=events[0].pk).update(after={"é": 2})
    AuditEvent.objects.filter(pk=events[4].pk).update(at=events[4].at + timedelta(microseconds=1))
    assert faults() == [(1, "changed"), (5, "changed")]


@pytest.mark.parametrize("index", [0, 3, 5], ids=["first", "inner", "last"])
def test_an_entry_that_was_removed_is_missed(events: list[AuditEvent], index: int) -> None:
    AuditEvent.objects.filter(pk=events[index].pk).delete()
    assert faults() == [(index + 1, "missing")]
    assert faults() == [(index + 1, "missing")]  # told once


def test_a_chain_that_was_made_anew_lacks_the_signature(events: list[AuditEvent]) -> None:
    row = AuditChain.objects.get()
    digest = chain.BEGINNING
    for event in events:
        event.reason = "forged"
        event.digest = digest = chain.digest_of(digest, event)
        event.save()
    AuditChain.objects.update(digest=digest)
    assert faults() == [(row.number, "unsigned")]
    AuditChain.objects.all().delete()
    assert faults() == [(row.number, "unsigned")]


def test_what_retention_took_leaves_an_anchor_to_check_the_rest_by(events: list[AuditEvent]) -> None:
    years = timezone.now() - timedelta(days=365 * 8)
    AuditEvent.objects.filter(number__lte=2).update(at=years)
    AuditEvent.objects.filter(number__in=(1, 2)).update(number=None, digest="")  # as if they had been written then
    AuditEvent.objects.exclude(number=None).update(number=None, digest="")
    AuditChain.objects.all().delete()
    chain.extend()
    assert faults() == []

    assert purge_expired(now=timezone.now()) == 2
    assert not AuditEvent.objects.filter(number__lte=2).exists()
    assert chain.chain_state().anchor_number == 2
    chain.extend()
    assert faults() == []
    AuditEvent.objects.filter(pk=events[2].pk).delete()
    assert faults() == [(3, "missing")]


def test_retention_takes_no_entry_behind_one_that_stays(events: list[AuditEvent]) -> None:
    assert chain.purge(events[1].at, 10) == 1
    AuditEvent.objects.filter(number=4).update(at=events[0].at)
    assert chain.purge(events[1].at, 10) == 0


def test_a_file_of_all_entries_can_be_checked_by_anybody(events: list[AuditEvent]) -> None:
    digest = "0" * 64
    for line in reversed(list(json_lines(every(AuditEvent.objects.all())))):
        row = json.loads(line)
        expected = row.pop("digest")
        row.pop("number")
        told = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256((digest + told).encode()).hexdigest()
        assert digest == expected
    assert digest == events[-1].digest


def test_faults_are_taken_note_of_with_a_reason(events: list[AuditEvent], log_in: LogIn, admin: User) -> None:
    client = log_in(admin)
    AuditEvent.objects.filter(pk=events[3].pk).delete()
    client.post("/console/admin/audit/check")
    job = Job.objects.get()
    assert working.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.page) == ("done", "/console/admin/audit")
    assert "Entry 4 is missing." in client.get("/console/admin/audit").content.decode()

    client.post("/console/admin/audit/accept", {"reason": "A court told us to."})
    assert "Entry 4 is missing." not in client.get("/console/admin/audit").content.decode()
    assert faults() == []
    event = AuditEvent.objects.get(action="audit.accept_faults")
    assert (event.after, event.reason) == ({"faults": ["missing 4"]}, "A court told us to.")


def test_entries_that_nobody_chains_are_told(acme: Organization) -> None:
    record(by=TESTER, action="thing.set", target=acme)
    AuditEvent.objects.update(at=timezone.now() - timedelta(hours=1))
    assert health.chain().colour == "amber"
