"""Finding in the audit log: filters, pages by key, files."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.audit.searching import COLUMNS, csv_lines, filtered, json_lines, page_of
from apim.audit.services import record

EVERYTHING = {"actor": "", "action": "", "target": "", "kind": "", "since": None, "until": None}
ANA = Actor("user", "usr_1", "=ana@example.com")


@pytest.fixture
def events(acme: Organization) -> list[AuditEvent]:
    """Seven events about acme, each with a number."""
    AuditEvent.objects.all().delete()
    for number in range(7):
        record(by=ANA, action=f"thing.{number % 2}", target=acme, before={"n": number}, after={"n": number + 1})
    return list(AuditEvent.objects.order_by("-id"))


def test_pages_by_key_hold_each_event_once_though_newer_ones_come(events: list[AuditEvent], acme: Organization) -> None:
    first = page_of(AuditEvent.objects.all(), after="", rows=3)
    record(by=ANA, action="thing.new", target=acme)
    second = page_of(AuditEvent.objects.all(), after=first.next_after, rows=3)
    third = page_of(AuditEvent.objects.all(), after=second.next_after, rows=3)

    assert [*first.events, *second.events, *third.events] == events
    assert third.next_after == ""


def test_filters_leave_what_fits(events: list[AuditEvent]) -> None:
    def count(**wanted: object) -> int:
        return filtered(AuditEvent.objects.all(), EVERYTHING | wanted).count()

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert count() == len(events)
    assert count(action="thing.1") == 3
    assert count(actor="ANA@") == count(actor="usr_1") == count(target="Acme") == count(kind="organization") == 7
    assert count(actor="bob") == count(kind="api") == 0
    assert count(since=today - timedelta(days=1), until=today + timedelta(days=1)) == 7
    assert count(until=today - timedelta(days=2)) == 0


def test_a_spreadsheet_takes_nothing_of_the_file_for_a_formula(events: list[AuditEvent]) -> None:
    text = "".join(csv_lines(AuditEvent.objects.all()))
    assert text.startswith("\ufeffid,at,")
    header, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert tuple(header) == COLUMNS
    assert {row[3] for row in rows} == {"'=ana@example.com"}
    after = COLUMNS.index("after")
    assert [json.loads(row[after]) for row in rows] == [event.after for event in events]


def test_json_lines_have_the_states_as_they_are(events: list[AuditEvent]) -> None:
    rows = [json.loads(line) for line in json_lines(AuditEvent.objects.all())]
    assert [row["after"] for row in rows] == [event.after for event in events]
    assert rows[0]["actor_label"] == "=ana@example.com"


def test_the_page_and_its_files_follow_the_same_filters(events: list[AuditEvent], admin: User) -> None:
    client = Client()
    client.force_login(admin)
    shown = client.get("/console/admin/audit?action=thing.1")
    assert len(shown.context["events"]) == 3
    assert b"audit/export?action=thing.1&amp;format=csv" in shown.content
    file = client.get("/console/admin/audit/export?action=thing.1&format=jsonl")
    assert file["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert len(file.getvalue().splitlines()) == 3
    after = client.get(f"/console/admin/audit?after={events[2].id}").context["events"]
    assert after[0][0] == events[3]


def test_a_page_costs_the_same_queries_for_few_and_many(
    events: list[AuditEvent], acme: Organization, admin: User
) -> None:
    client = Client()
    client.force_login(admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/console/admin/audit")
        return len(captured)

    few = queries()
    for _ in range(len(events)):
        record(by=ANA, action="thing.more", target=acme)
    assert queries() == few
