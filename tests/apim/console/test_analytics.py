"""The pages of analytics: what they count, for whom, how they are narrowed; that they cost the same at any traffic."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.catalog.models import APIVersion, Deployment
from apim.catalog.services import publish_version, save_revision
from apim.console.insight.filters import moment_of
from apim.gateways.models import Environment, Gateway
from gateway_sync.usage_wire import UsageCell
from tests.conftest import LogIn
from tests.factories import access, catalog
from tests.factories.accounts import TESTER
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest

pytestmark = pytest.mark.django_db

ODD_QUERIES = (
    "range=x&from=x&to=y&status=abc", "from=9999-12-31T23:59", "from=2026-01-01&environment=x&product=x&plan=x",
    "from=0001-01-01&operation=%01",
)  # fmt: skip
PAGES = ("", "/errors", "/latency", "/consumers", "/map", "/compare")


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def gateway() -> Gateway:
    return enrolled_gateway().gateway


def tell(gateway: Gateway, version: APIVersion, *, boot: str = "one", callers: int = 1) -> None:
    """An hour ago and now: answers, and errors of each kind, by some applications."""
    now, earlier = timezone.now(), timezone.now() - timedelta(hours=1)
    ids = [access.application(name=f"shop-{boot}-{number}").id for number in range(callers)]
    kinds = [(200, "", now), (200, "", earlier), (404, "", now), (500, "", now), (429, "rate-limited", now),
             (502, "upstream-unreachable", now)]  # fmt: skip
    events = [
        event(place * len(kinds) + number + 1, at=at, status=status, code=code, version_id=version.id,
              application=caller, operation=f"GET /{place}", request_id=f"{boot}-{place}-{number}")
        for place, caller in enumerate(ids)
        for number, (status, code, at) in enumerate(kinds)
    ]  # fmt: skip
    ingest(gateway=gateway, batch=batch(*events, boot=boot))


def shown(client: Client, path: str) -> str:
    response = client.get(f"/console/{path}")
    assert response.status_code == 200
    return response.content.decode()


def table(client: Client, path: str) -> list[list[str]]:
    """A figure's table as it is downloaded."""
    response = client.get(f"/console/{path}")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = response.content.decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_who_has_no_calls_sees_none_of_others_and_is_told_what_to_do(
    log_in: LogIn, other_owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    client = log_in(other_owner)
    for path in PAGES:
        assert 'class="empty__title"' in shown(client, f"analytics{path}"), path
        assert client.get(f"/console/analytics{path}?api=bank").status_code == 404, path


def test_the_four_kinds_of_errors_are_apart_and_add_up(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    header, *rows = table(log_in(owner), "analytics?csv=traffic")
    assert header[1:] == ["Calls", "Answered (1xx to 3xx)", "4xx of the service", "5xx of the service",
                          "4xx of the gateway", "5xx of the gateway", "Lost: a worker died"]  # fmt: skip
    sums = [sum(int(row[place]) for row in rows) for place in range(1, len(header))]
    assert sums == [6, 2, 1, 1, 1, 1, 0]


def test_the_same_numbers_stand_on_every_page(log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway) -> None:
    tell(gateway, bank, callers=3)
    client = log_in(owner)
    for path in ("analytics", "apis/bank/analytics", "apis/bank/analytics/v1"):
        page = shown(client, path)
        assert re.findall(r'stat__value">([^<]+)<', page)[:3] == ["18", "33.33 %", "33.33 %"]
        assert 'aria-label="Calls by how they ended: 6 Answered' in page


def test_an_error_group_leads_to_its_trend_its_callers_and_a_call(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank, callers=2)
    client = log_in(owner)
    rows = table(client, "analytics/errors?csv=groups")[1:]
    assert len(rows) == 8  # four kinds of two operations
    assert {(row[0], row[1]) for row in rows} == {
        ("404", "service"), ("500", "service"),
        ("429 rate-limited", "gateway"), ("502 upstream-unreachable", "gateway"),
    }  # fmt: skip
    narrowed = "analytics/errors?api=bank&version=v1&operation=GET+%2F1&status=429&code=rate-limited"
    page = shown(client, narrowed)
    assert "First seen in the hour of" in page
    assert "Applications hit" in page
    assert 'href="/console/requests/one-1-4"' in page
    assert [row[0] for row in table(client, f"{narrowed}&csv=groups")[1:]] == ["429 rate-limited"]


def test_what_met_no_api_and_no_key_is_a_group_of_its_own(
    log_in: LogIn, admin: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    minute = int(timezone.now().timestamp()) // 60 * 60
    cell = UsageCell(minute, "", "", 404, "not-found", 9)
    ingest(gateway=gateway, batch=batch(boot="cells", cells=(cell,), cells_id=1))
    client = log_in(admin)
    assert ["none: met no API", "9"] in [row[:2] for row in table(client, "analytics?csv=top")]
    assert ["none: no known key", "9"] in [row[:2] for row in table(client, "analytics/consumers?csv=callers")]
    assert sum(int(row[1]) for row in table(client, "analytics?api=none&csv=traffic")[1:]) == 9
    assert sum(int(row[1]) for row in table(client, "analytics?application=none&csv=traffic")[1:]) == 9


def test_the_map_goes_on_to_the_upstreams_without_what_the_gateway_refused(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    client = log_in(owner)
    rows = table(client, "analytics/map?csv=upstreams")[1:]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("bank v1", "http://127.0.0.1:9101", "5"), ("bank v1", "refused by the gateway", "1"),
    ]  # fmt: skip
    assert table(client, "analytics/map?csv=map")[1][1:4] == ["bank v1", "127.0.0.1:9101", "6"]
    page = shown(client, "analytics/map")
    assert "bank v1 to 127.0.0.1:9101: 5 calls, 60.0 % errors" in page
    assert "bank v1 to refused by the gateway: 1 call, 100.0 % errors" in page
    assert table(client, "analytics/map?status=429&csv=upstreams")[1][1] == "refused by the gateway"


def test_the_map_has_the_upstream_of_each_environment(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    staging = Environment.objects.create(name="staging")
    targets = {"targets": [{"url": "https://one.internal:9443/bank"}, {"url": "https://two.internal:9443/bank"}]}
    save_revision(version=bank, by=TESTER, upstream=targets, operations=catalog.OPERATIONS)
    publish_version(version=bank, by=TESTER, environment=staging)
    tell(gateway, bank)
    tell(enrolled_gateway(environment=staging).gateway, bank, boot="two", callers=2)
    client = log_in(owner)
    page = shown(client, "analytics/map")
    assert "bank v1 to one.internal:9443 +1: 10 calls" in page
    assert "bank v1 to 127.0.0.1:9101: 5 calls" in page
    assert table(client, "analytics/map?environment=default&csv=map")[1][2] == "127.0.0.1:9101"
    Deployment.objects.filter(environment=staging).delete()
    assert "bank v1 to not deployed any more: 10 calls" in shown(client, "analytics/map?environment=staging")


def test_filters_and_times_are_in_the_url_and_can_be_taken_away(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    page = shown(log_in(owner), "analytics?range=7d&status=500&api=bank")
    assert 'href="/console/analytics?status=500&amp;range=7d"' in page
    assert 'href="/console/analytics?api=bank&amp;range=7d"' in page
    assert "not kept by product, plan, status or problem" in page
    since = timezone.now() - timedelta(minutes=30)
    recent = table(log_in(owner), f"analytics?from={since:%Y-%m-%dT%H:%M}&csv=traffic")[1:]
    assert sum(int(row[1]) for row in recent) == 5
    assert len(recent) <= 32


def test_what_a_url_cannot_mean_is_no_fault(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    for path in PAGES:
        for query in ODD_QUERIES:
            assert shown(client, f"analytics{path}?{query}&api={bank.api.name}"), (path, query)


def test_two_versions_two_plans_and_two_times_are_compared(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    other = catalog.published(of=bank.api, name="v2")
    tell(gateway, other, boot="two", callers=2)
    client = log_in(owner)
    calls = table(client, "analytics/compare?a=bank/v1&b=bank/v2&csv=compared")[1]
    assert calls == ["Calls", "6", "12", "100.0"]
    assert "Choose two of the proposed ones" in shown(client, "analytics/compare?a=bank/v1&b=secret/v1")
    times = table(client, "analytics/compare?kind=times&csv=compared")
    assert times[1][:3] == ["Calls", "0", "18"]


def test_names_that_a_spreadsheet_would_run_are_only_text(
    log_in: LogIn, admin: User, bank: APIVersion, gateway: Gateway
) -> None:
    evil = event(1, at=timezone.now(), version_id=bank.id, operation='=HYPERLINK("http://x")', status=500)
    ingest(gateway=gateway, batch=batch(evil))
    assert table(log_in(admin), "apis/bank/analytics?csv=operations")[1][0] == '\'=HYPERLINK("http://x")'


def test_an_application_of_a_stranger_keeps_its_name(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    stranger, caller = access.application(name="secret-app"), access.application(name="known-app")
    mine = event(90, at=timezone.now(), version_id=bank.id, application=caller.id)
    ingest(gateway=gateway, batch=batch(mine, boot="three"))
    client = log_in(owner)
    assert "secret-app" not in shown(client, f"analytics?application={stranger.id}")
    assert "known-app" in shown(client, f"analytics?application={caller.id}")


def test_queries_do_not_grow_with_traffic(
    log_in: LogIn, acme: Organization, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank)
    client = log_in(owner)
    few = queries_of(client)
    for number in range(3):
        api = catalog.api(organization=acme, name=f"more-{number}")
        tell(gateway, catalog.published(of=api), boot=f"more-{number}", callers=3)
    tell(gateway, bank, boot="again", callers=5)
    assert queries_of(client) == few


def queries_of(client: Client) -> dict[str, int]:
    """How many queries each page takes."""
    found = {}
    for path in (*(f"analytics{page}" for page in PAGES), "apis/bank/analytics", "apis/bank/analytics/v1",
                 "analytics/compare?a=bank/v1&b=bank/v1", "analytics/errors?api=bank&status=500"):  # fmt: skip
        shown(client, path)
        with CaptureQueriesContext(connection) as counted:
            shown(client, path)
        found[path] = len(counted)
    return found


def test_a_moment_is_read_in_utc_and_nothing_else_is_one() -> None:
    assert moment_of("2026-11-21T12:00") == moment_of("2026-11-21T13:00+01:00")
    assert moment_of("tomorrow") is moment_of("") is None


def test_tables_of_a_page_stand_on_tabs_that_phones_show_one_of(
    log_in: LogIn, owner: User, bank: APIVersion, gateway: Gateway
) -> None:
    tell(gateway, bank, callers=9)
    client = log_in(owner)
    for path, parts in (
        ("apis/bank/analytics", ["top", "operations", "applications", "samples"]),
        ("analytics/errors", ["groups", "samples"]),
    ):
        page = shown(client, path)
        assert re.findall(r'<input class="parts__choice" type="radio" name="part" id="part-(\w+)"', page) == parts
        assert re.findall(r'<label for="part-(\w+)">', page) == parts
        assert [page.index(f'<figure class="card figure" id="{part}"') for part in parts] == sorted(
            page.index(f'<figure class="card figure" id="{part}"') for part in parts
        )
    assert "All 20 rows" in page  # of the largest groups
    assert 'class="number row__end" data-label="Calls"' in page
