"""Figures of a request flow: which block tells what, of how many calls, and where nothing can be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.analytics.figures import Ends, Spread
from apim.analytics.passages import Passage, Sample
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.console.flow_figures import FlowFigures, figures_of
from apim.console.request_flow import blocks_of
from apim.usage.histogram import bucket_of
from apim.usage.traces import keep_traces
from gateway_sync.trace_wire import PolicyMet
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import trace
from tests.factories.usage import batch, event, ingest

LIMIT, SIZE, KEYS, CORS = (
    {"rate-limit": {"limit": "5/s"}},
    {"size-limit": {"max": "1MiB"}},
    {"key-auth": {}},
    {"cors": {}},
)
HEADERS = {"request-headers": {"set": {"A": "1"}}}
PASSED = Passage(
    ends=Ends(answered=860, rejected=10, failed=5, refused=100, unreached=25),
    codes={"unauthenticated": 40, "rate-limited": 30, "quota-exceeded": 20, "body-too-large": 10,
           "upstream-timeout": 25, "client-closed": 3},
    whole=Spread({bucket_of(20_000): 900}),
    service=Sample([12_000] * 50),
    beside=Sample([400] * 50),
    admission=Sample([45] * 7),
    by_kind={"request-headers": Sample([14, 15])},
)  # fmt: skip
EVERY = ("rate-limit", "size-limit", "key-auth", "cors", "request-headers")


def figures(*policies: dict[str, object], passed: Passage = PASSED, deployed: tuple[str, ...] = EVERY) -> FlowFigures:
    return figures_of(blocks_of(policies, [], None), passed, deployed)


def lines(found: FlowFigures, kind: str) -> list[str]:
    (told,) = [told for block, told in (*found.before, *found.after) if block.kind == kind]
    return list(told.lines)


def test_a_block_tells_which_share_it_refused_and_how_long_it_took_of_how_many_calls() -> None:
    found = figures(KEYS, SIZE, HEADERS)
    assert lines(found, "key-auth") == ["4 % refused", "p95 up to 0.045 ms", "of 7 traced calls"]
    assert lines(found, "size-limit")[0] == "1 % refused"
    assert lines(found, "request-headers") == ["p95 0.015 ms", "of 2 traced calls"]
    assert lines(figures(CORS), "cors") == []


def test_what_no_policy_refused_is_of_the_gateways_own_checks_and_all_of_it_is_told_once() -> None:
    assert figures().checks.calls == 100
    assert figures(KEYS).checks.calls == 60
    assert figures(KEYS, LIMIT, SIZE).checks.calls == 20
    assert "quota-exceeded 20" in figures(KEYS, LIMIT, SIZE).checks.sentence


def test_a_code_that_checks_give_too_is_said_to_be_of_both() -> None:
    (_, told), *_ = figures(LIMIT).after
    assert told.lines[0] == "3 % refused"
    assert "counted together" in told.sentence


def test_the_checks_stand_where_the_caller_is_known() -> None:
    found = figures(CORS, KEYS, LIMIT)
    assert [block.kind for block, _ in found.before] == ["cors", "key-auth"]
    assert [block.kind for block, _ in found.after] == ["rate-limit"]


def test_the_service_tells_what_failed_there_and_the_answer_the_whole_time_and_what_is_not_the_services() -> None:
    found = figures()
    assert list(found.service.lines) == ["3 % failed", "p95 12 ms", "of the 50 newest calls"]
    assert "10 in its 4xx" in found.service.sentence
    assert list(found.answer.lines) == ["p95 20 ms in all", "of 900 timed calls", "p95 0.4 ms without the service"]


def test_where_nothing_was_called_or_traced_no_figure_is_told() -> None:
    silent = figures(KEYS, passed=Passage(Ends(), {}, Spread()))
    assert lines(silent, "key-auth") == ["no calls yet"]
    assert [told.share for told in (silent.client, silent.checks, silent.service, silent.answer)] == [None] * 4
    untraced = figures(KEYS, HEADERS, passed=replace(PASSED, admission=Sample(), by_kind={}, service=Sample()))
    assert lines(untraced, "key-auth") == ["4 % refused", "not sampled"]
    assert lines(untraced, "request-headers") == ["not sampled"]
    assert list(untraced.service.lines) == ["3 % failed", "not sampled"]


def test_a_block_that_is_not_published_or_does_not_act_has_no_figures_of_what_ran() -> None:
    assert lines(figures(KEYS, deployed=()), "key-auth") == ["not published yet"]
    assert figures(KEYS, deployed=()).checks.calls == 100
    inherited = figures_of(blocks_of([KEYS], [KEYS], None), PASSED, EVERY)
    assert next(list(told.lines) for _, told in inherited.before) == []


def test_a_shadow_tells_what_it_would_have_refused() -> None:
    passed = replace(PASSED, shadows={"size-limit": (400, 2)})
    assert lines(figures({"size-limit": {"max": "1B", "shadow": True}}, passed=passed), "size-limit") == [
        "0.5 % would be refused"
    ]


def test_what_is_hardly_there_is_not_told_as_nothing() -> None:
    few = replace(PASSED, ends=Ends(answered=999_999, refused=1), codes={"body-too-large": 1})
    assert lines(figures(SIZE, passed=few), "size-limit")[0] == "< 0.01 % refused"


@pytest.fixture
def bank(environment: object, acme: Organization) -> APIVersion:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    services.save_revision(version=version, by=TESTER, policies=[SIZE], operations=catalog.OPERATIONS)
    services.publish_version(version=version, by=TESTER)
    return version


@pytest.fixture
def client(log_in: LogIn, owner: User, bank: APIVersion) -> Client:
    gateway = enrolled_gateway().gateway
    calls = [event(number, at=timezone.now(), version_id=bank.id) for number in range(1, 4)]
    refused = event(4, at=timezone.now(), version_id=bank.id, status=413, code="body-too-large", upstream_us=0)
    ingest(gateway=gateway, batch=batch(*calls, refused))
    met = [PolicyMet("route", "passed"), PolicyMet("size-limit", "passed", 40)]
    keep_traces(gateway=gateway, traces=[trace(version_id=bank.id, operation="GET /accounts", policies=met)])
    return log_in(owner)


def test_the_page_shows_the_figures_in_blocks_as_a_table_and_as_a_file(client: Client) -> None:
    url = "/console/apis/bank/versions/v1/flow"
    page = client.get(url).content.decode()
    for shown in ("25 % refused", "p95 up to 0.04 ms", "of 1 traced call", "p95 3.0 ms", "of the 3 newest calls"):
        assert shown in page, shown
    assert page.count("25 % refused") == 1
    assert '<caption class="visually-hidden">What calls met on the way' in page
    assert 'href="/console/requests/0123456789abcdef-00000001"' in page
    rows = client.get(f"{url}?csv=flow").content.decode().splitlines()
    assert rows[0] == "\ufeffBlock,Calls,Share %,p95 (ms),Time of calls,How it is known"
    assert rows[3].startswith("Size of a request's body,1,25.0,0.04,1,")
    other = client.get(f"{url}?operation=GET+/accounts/%7Bid%7D&range=7d").content.decode()
    assert "no calls yet" in other
    assert "range=7d" in other
