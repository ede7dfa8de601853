"""Traces: kept for a while, shown whole to owners and in part to callers."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone
from pytest_django import Settings

from apim.accounts.models import Membership
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment
from apim.usage import traces
from apim.usage.flows import choice_of, flow_of
from apim.usage.models import KeptTrace
from gateway_sync.trace_wire import Part, PolicyMet, Rival
from tests.factories import access, accounts, catalog
from tests.factories import gateways as factory
from tests.factories.traces import SECRET_ARM, TARGET, trace

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Gateway:
    return factory.enrolled_gateway(environment=default_environment()).gateway


def test_a_trace_is_stored_once(gateway: Gateway) -> None:
    traces.keep_traces(gateway=gateway, traces=[trace(), trace("0123456789abcdef-00000002")])
    traces.keep_traces(gateway=gateway, traces=[trace(status=500)])
    assert KeptTrace.objects.count() == 2
    found = traces.find_trace("0123456789abcdef-00000001", accounts.user(is_platform_admin=True))
    assert found is not None
    assert msgspec.structs.replace(found.trace, at_us=0) == msgspec.structs.replace(trace(), at_us=0)


def test_owners_see_all_callers_a_part_and_others_nothing(gateway: Gateway) -> None:
    acme, initech = accounts.organization(), accounts.organization()
    owner, developer = accounts.member(acme, role=Membership.Role.OWNER), accounts.member(initech)
    stranger = accounts.user()
    version = catalog.draft(of=catalog.api(organization=acme))
    application = access.application(of=initech)
    kept = trace(version_id=version.id, application=application.id, detail="why")
    traces.keep_traces(gateway=gateway, traces=[kept])

    whole = traces.find_trace(kept.request_id, owner)
    assert whole is not None
    assert not whole.is_redacted
    assert whole.trace.tries[0].target == TARGET

    part = traces.find_trace(kept.request_id, developer)
    assert part is not None
    assert part.is_redacted
    told = msgspec.json.encode(part.trace).decode()
    for hidden in (TARGET, "10.9.8.7", "/internal", SECRET_ARM, "request-headers", "compression", "withdraw", "cd" * 8):
        assert hidden not in told
    assert [each.kind for each in part.trace.policies] == ["route", "key-auth"]
    assert [each.outcome for each in part.trace.tries] == ["unreached", "answered"]
    assert (part.trace.revision, part.trace.slot, part.trace.detail) == (0, 0, "why")

    assert traces.find_trace(kept.request_id, stranger) is None
    assert [each.request_id for each in traces.latest(owner, 5)] == [kept.request_id]
    assert traces.latest(developer, 5) == []


def test_the_policy_that_ended_a_call_is_told_to_its_caller() -> None:
    ended = trace(policies=[PolicyMet("query", "passed"), PolicyMet("validate-request", "refused", 30)])
    assert traces.redacted(ended).policies == [PolicyMet("validate-request", "refused")]


def test_what_is_old_goes_and_so_does_the_oldest_of_too_many(
    gateway: Gateway, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TRACES_KEPT_MINUTES = 30
    traces.keep_traces(gateway=gateway, traces=[trace(f"0123456789abcdef-{number:08x}") for number in range(5)])
    old = KeptTrace.objects.order_by("id")[:2]
    KeptTrace.objects.filter(id__in=[each.id for each in old]).update(
        received_at=timezone.now() - timedelta(minutes=31)
    )
    assert traces.purge(now=timezone.now()) == 2
    monkeypatch.setattr(traces, "MOST_KEPT", 1)
    assert traces.purge(now=timezone.now()) == 2
    assert [each.request_id[-1] for each in KeptTrace.objects.all()] == ["4"]


def test_the_picture_has_the_way_there_the_services_and_the_way_back() -> None:
    flow = flow_of(trace())
    assert [(block.title, block.state) for block in flow.way_there][:2] == [("Route", "passed"), ("API key", "passed")]
    assert [block.is_shadow for block in flow.way_there] == [False, False, False, True]
    assert [block.note for block in flow.services] == [
        f"not reached, arm {SECRET_ARM}, tried again: not reached",
        "200, on a new connection",
        "POST /withdrawals: 201",
    ]
    assert [block.title for block in flow.way_back] == ["Compressed answers"]
    assert sum(share.us for share in flow.shares) == flow.total_us == 6100
    assert {share.name: share.us for share in flow.shares} == {
        "gateway": 180,
        "connect": 400,
        "service": 4920,
        "body": 600,
    }


def test_the_time_of_steps_side_by_side_counts_once() -> None:
    parts = [Part(name, "GET /a", "answered", at, us, 200) for name, at, us in (("a", 100, 300), ("b", 200, 400))]
    flow = flow_of(trace(tries=[], body_us=-1, duration_us=1000, parts=[*parts, Part("c", "GET /a", "skipped", 0)]))
    assert {share.name: share.us for share in flow.shares} == {"gateway": 500, "service": 500}


def test_the_choice_among_subscriptions_is_told_in_words() -> None:
    rivals = [Rival("sub_1", "prd_1", 0, "payment-required"), Rival("sub_2", "prd_2", 2), Rival("sub_3", "prd_3", 2)]
    told = choice_of(trace(subscription="sub_2", rivals=rivals), {"prd_2": "Gold"})
    assert told == [
        ("sub_1", "cannot be used: payment-required"),
        ("Gold", "chosen: its product has the whole version"),
        ("sub_3", "comes after it: its product has the whole version"),
    ]
