"""Rules about gateways: who lags is noted each minute, admins are told once, and a preview knows the last days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from apim.accounts.models import User
from apim.alerts.models import AlertRule, Firing, LagMinute
from apim.alerts.services import create_rule, preview
from apim.alerts.watching import watch
from apim.errors import Invalid
from apim.gateways.models import Environment, Gateway, Worker
from apim.notifications.models import Notification
from apim.platform.lagging import KEPT, note_lags
from apim.webhooks.models import Endpoint, Event
from gateway_sync.delivery.models import Publication
from tests.factories.accounts import TESTER, member, organization
from tests.factories.gateways import enrolled_gateway

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
RUNS, WANTED = "a" * 64, "b" * 64


@pytest.fixture
def gateway() -> Gateway:
    """Heard just now, with a worker that runs revision 1, all that was published."""
    gateway = enrolled_gateway(name="eu-1").gateway
    Environment.objects.update(revision=1, published_revision=1)
    Publication.objects.create(environment=gateway.environment, revision=1, digest=RUNS, manifest={})
    Worker.objects.create(
        gateway=gateway, slot=0, pid=1, boot="b", revision=1, digest=RUNS, started_at=NOON, seen_at=NOON
    )
    return heard(gateway, NOON)


def heard(gateway: Gateway, at: datetime) -> Gateway:
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=at)
    return gateway


def lag() -> int:
    row = LagMinute.objects.order_by("-at").first()
    return row.lag_s if row is not None else 0


def test_a_gateway_that_runs_what_was_sent_lags_in_nothing(gateway: Gateway) -> None:
    assert (note_lags(NOON), lag()) == (0, 0)
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=None)
    assert note_lags(NOON + timedelta(hours=1)) == 0, "one that never joined is expected"


def test_a_silent_one_lags_since_it_was_heard_and_one_set_apart_does_not(gateway: Gateway) -> None:
    assert (note_lags(NOON + timedelta(minutes=5)), lag()) == (1, 300)
    Gateway.objects.filter(pk=gateway.pk).update(state=Gateway.State.QUARANTINED)
    assert note_lags(NOON + timedelta(minutes=6)) == 0


def test_a_worker_lags_since_the_first_state_that_it_does_not_run(gateway: Gateway) -> None:
    for revision, minutes in ((2, 10), (3, 20)):
        row = Publication.objects.create(environment=gateway.environment, revision=revision, digest=WANTED, manifest={})
        Publication.objects.filter(pk=row.pk).update(created_at=NOON + timedelta(minutes=minutes))
    Environment.objects.update(revision=3, published_revision=3)
    heard(gateway, NOON + timedelta(minutes=30))
    assert (note_lags(NOON + timedelta(minutes=30)), lag()) == (1, 20 * 60)
    Worker.objects.update(digest=WANTED, revision=2)
    assert note_lags(NOON + timedelta(minutes=30)) == 0, "the newest changed nothing for it"


def test_a_problem_counts_from_the_minute_in_which_it_was_told_first(gateway: Gateway) -> None:
    Worker.objects.update(problems=[{"code": "limits.E001", "message": "no Redis"}])
    assert note_lags(NOON) == 0
    Worker.objects.update(problems=[{"code": "disk.E001", "message": "full"}])
    for minute in range(3):
        heard(gateway, NOON + timedelta(minutes=minute))
        note_lags(NOON + timedelta(minutes=minute))
    assert lag() == 180


def test_admins_are_told_of_a_gateway_that_lags_and_the_preview_shows_it(
    gateway: Gateway, admin: User, client: Client
) -> None:
    settings = {"seconds": 120, "hold": 0}
    rule = create_rule(api=None, kind="gateway_lag", settings=settings, environment=gateway.environment, by=TESTER)
    AlertRule.objects.update(created_at=NOON)
    for minute in range(8):
        note_lags(NOON + timedelta(minutes=minute))
        watch(NOON + timedelta(minutes=minute))
    firing = Firing.objects.get()
    assert (firing.detail, firing.resolved_at, firing.worst > 120) == ("eu-1", None, True)
    notice = Notification.objects.get(user=admin)
    assert "gateways of Default" in notice.title
    client.force_login(admin)
    assert "eu-1 lags by" in client.get("/console/admin/gateways").content.decode()
    assert client.get(f"/console/alerts/{rule.pk}").status_code == 200
    assert client.get("/api/v1/alert-firings").json()["data"][0]["api"] is None
    assert len(preview(rule, NOON + timedelta(minutes=8)).episodes) == 1
    note_lags(NOON + KEPT + timedelta(hours=1))
    assert LagMinute.objects.count() == 1, "what no preview looks at is forgotten"


@pytest.mark.parametrize(("recipients", "told"), [([], {"one", "two"}), (["B@example.com", "x@example.com"], {"two"})])
def test_webhooks_of_the_admins_whom_the_rule_names_are_told_or_of_all(
    gateway: Gateway, recipients: list[str], told: set[str]
) -> None:
    for name, email in (("one", "a@example.com"), ("two", "b@example.com")):
        owned = organization(name=name)
        member(owned, email, role="owner")
        Endpoint.objects.create(organization=owned, url="https://example.com", event_types=["alert.fired"])
    User.objects.update(is_platform_admin=True)
    create_rule(
        api=None, kind="gateway_lag", settings={"seconds": 120, "hold": 0}, recipients=recipients, by=TESTER
    )  # fmt: skip
    AlertRule.objects.update(created_at=NOON)
    for minute in range(8):
        note_lags(NOON + timedelta(minutes=minute))
        watch(NOON + timedelta(minutes=minute))
    assert set(Event.objects.values_list("organization__name", flat=True)) == told


def test_rules_about_gateways_are_the_business_of_admins(
    gateway: Gateway, owner: User, admin: User, client: Client
) -> None:
    body = {"kind": "gateway_lag", "environment": gateway.environment.name}
    client.force_login(owner)
    assert client.post("/api/v1/alert-rules", body, "application/json").status_code == 403
    assert client.get("/console/new-alert?kind=gateway_lag").status_code == 403
    client.force_login(admin)
    assert client.get("/console/new-alert?kind=gateway_lag").status_code == 200
    assert client.post("/api/v1/alert-rules", body, "application/json").status_code == 201
    assert client.post("/api/v1/alert-rules", {"kind": "latency"}, "application/json").status_code == 400
    client.force_login(owner)
    assert client.get("/api/v1/alert-rules").json()["data"] == []
    with pytest.raises(Invalid, match="which API"):
        create_rule(api=None, kind="latency", by=TESTER)
