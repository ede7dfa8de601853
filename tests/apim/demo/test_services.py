"""The living demo: made once, silent when off, and gone without a trace (R15)."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from apim.access.models import Credential
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.demo import history, removal, services, traffic
from apim.demo.customers import NAMES, keys_of, versions_called
from apim.demo.models import Demo
from apim.demo.tasks import keep_demo_going
from apim.errors import Conflict
from apim.gateways.models import AccessRecord, Environment, Gateway
from apim.jobs import working
from apim.jobs.models import Job
from apim.jobs.services import cancel
from apim.notifications.services import send_mail
from apim.usage.models import LatencyRollup, ReceivedBoot, UsageRollup, VersionRollup
from gateway_sync.usage_wire import UsageCell
from tests.factories import catalog, gateways, usage
from tests.factories.usage import ingest

pytestmark = pytest.mark.django_db

HOST = "api.example.com"


def counts() -> dict[str, int]:
    """How many rows each table has, but for the audit log and what tells gateways to forget removed keys."""
    return {
        model._meta.label: AccessRecord.objects.exclude(body=None).count()
        if model is AccessRecord
        else model._default_manager.count()
        for model in apps.get_models()
        if model is not AuditEvent
    }


def sums() -> dict[str, int]:
    return {
        f"{row.period} {row.at} {row.operation} {row.status}": row.calls
        for row in UsageRollup.objects.order_by("period", "at", "operation", "status")
    }


def gateway_of_the_demo() -> Gateway:
    return gateways.enrolled_gateway().gateway


def refused_cells(minute: int, calls: int) -> tuple[UsageCell, ...]:
    version = versions_called()["bank"].id
    return (UsageCell(minute, "GET /accounts", version, 401, "unauthenticated", calls),)


@pytest.mark.usefixtures("bank")
def test_what_the_demo_made_is_gone_without_a_trace(by: Actor) -> None:
    gateway = gateway_of_the_demo()
    minute = timezone.now().astimezone(UTC).replace(second=0, microsecond=0)
    stamp = round(minute.timestamp())
    ingest(gateway=gateway, batch=usage.batch(cells=refused_cells(stamp, 7), cells_id=1, boot="real"))
    batches_and_receipts = 1  # of the second batch below: a gateway's, and not of the demo
    before, sums_before = counts(), sums()

    services.switch_on(by=by)
    demo = Demo.objects.get()
    assert history.make_step()
    called = {
        "version_id": versions_called()["bank"].id,
        "organization": demo.made["organization"][0],
        "application": demo.made["application"][0],
        "credential": demo.made["credential"][0],
        "subscription": demo.made["subscription"][0],
    }
    events = [usage.event(seq, at=timezone.now(), **called) for seq in range(1, 4)]
    ingest(gateway=gateway, batch=usage.batch(*events, boot="demo", cells=refused_cells(stamp, 2), cells_id=1))
    traffic.add_up(traffic.DemoRefusal, ("at",), ("calls",), {(minute,): (2,)})
    send_mail(to="owner@example.com", subject=f"{NAMES[0]} asks", body="")
    services.remove(by=by)
    removal.sweep(timezone.now())
    assert removal.sweep(timezone.now() + timedelta(minutes=2))

    after = counts()
    after["usage.UsageBatch"] -= batches_and_receipts
    after["usage.ReceivedBoot"] -= batches_and_receipts
    assert after == before
    assert sums() == sums_before
    assert AuditEvent.objects.filter(action="demo.remove", reason="demo removed").count() == 1
    assert services.demo_state().state == "absent"


@pytest.mark.usefixtures("bank")
def test_calls_that_gateways_tell_of_after_the_removal_are_swept_as_well(by: Actor) -> None:
    gateway = gateway_of_the_demo()
    services.switch_on(by=by)
    late = usage.event(1, at=timezone.now(), application=Demo.objects.get().made["application"][0])
    services.remove(by=by)
    assert not removal.sweep(timezone.now())
    ingest(gateway=gateway, batch=usage.batch(late))
    assert removal.sweep(timezone.now() + timedelta(minutes=2))
    assert not UsageRollup.objects.exists()
    assert not LatencyRollup.objects.exists()


@pytest.mark.usefixtures("bank")
def test_what_a_restarted_gateway_tells_again_is_taken_away_as_well(by: Actor) -> None:
    gateway = gateway_of_the_demo()
    services.switch_on(by=by)
    called = {"application": Demo.objects.get().made["application"][0], "version_id": versions_called()["bank"].id}
    batch = usage.batch(usage.event(1, at=timezone.now(), **called))
    ingest(gateway=gateway, batch=batch)
    services.remove(by=by)
    removal.sweep(timezone.now() + timedelta(minutes=2))
    ingest(gateway=gateway, batch=usage.batch(usage.event(1, at=timezone.now()), boot="real"))
    before = counts()
    ingest(gateway=gateway, batch=batch)
    assert counts() == before
    ReceivedBoot.objects.exclude(boot="real").delete()  # as if a release took it in that noted no numbers
    ingest(gateway=gateway, batch=batch)
    assert removal.sweep_again(timezone.now()) > 0
    assert counts() == before
    assert removal.sweep_again(timezone.now()) == 0


@pytest.mark.usefixtures("bank")
def test_a_sweep_that_dies_before_the_sums_by_version_is_done_again(by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = gateway_of_the_demo()
    services.switch_on(by=by)
    application = Demo.objects.get().made["application"][0]
    services.remove(by=by)
    removal.sweep(timezone.now() + timedelta(minutes=2))
    ingest(gateway=gateway, batch=usage.batch(usage.event(1, at=timezone.now(), application=application)))

    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(removal, "sum_up_everything", die)
        with pytest.raises(SystemExit):
            removal.sweep_again(timezone.now())
    assert removal.sweep_again(timezone.now()) > 0
    assert not VersionRollup.objects.exists()


@pytest.mark.usefixtures("bank")
def test_a_second_switch_changes_nothing(by: Actor) -> None:
    services.switch_on(by=by)
    made = Demo.objects.get().made
    services.switch_on(by=by)
    assert Demo.objects.get().made == made
    assert AuditEvent.objects.filter(action="demo.on").count() == 1


@pytest.mark.usefixtures("bank")
def test_one_worker_sends_at_a_time(by: Actor) -> None:
    services.switch_on(by=by)
    now = timezone.now()
    due = Demo.objects.filter(is_on=True, next_tick_at__lte=now)
    assert due.update(next_tick_at=now + timedelta(seconds=4)) == 1
    with CaptureQueriesContext(connection) as queries:
        assert traffic.send_due(now) == 0
    assert len(queries) == 1


@pytest.mark.usefixtures("bank")
def test_a_demo_that_is_off_sends_nothing_and_makes_no_history(by: Actor) -> None:
    services.switch_on(by=by)
    services.switch_off(by=by)
    assert keep_demo_going() == 0
    assert not UsageRollup.objects.exists()
    assert services.demo_state().state == "off"


@pytest.mark.usefixtures("bank")
def test_a_gateway_that_cannot_be_reached_is_told_of(by: Actor, environment: Environment) -> None:
    environment.base_url = "http://127.0.0.1:1"  # nobody listens there
    environment.save()
    services.switch_on(by=by)
    start = timezone.now()
    seconds = iter(range(0, 3600, 5))
    while not services.demo_state().error:  # some five seconds of a night have no call
        traffic.send_due(start + timedelta(seconds=next(seconds)))
    assert "cannot be reached" in services.demo_state().error
    assert services.demo_state().sent == 0


@pytest.mark.usefixtures("bank")
def test_the_history_is_made_in_steps_that_add_nothing_twice(by: Actor) -> None:
    services.switch_on(by=by)
    with transaction.atomic():
        history.make_step()
        transaction.set_rollback(True)  # as of a worker that is killed
    assert not UsageRollup.objects.exists()
    history.make_step()
    hour = UsageRollup.objects.filter(period="hour").order_by("-at").values_list("at", flat=True)[0]
    by_minute = UsageRollup.objects.filter(period="minute", at__gte=hour, at__lt=hour + timedelta(hours=1))
    by_hour = UsageRollup.objects.filter(period="hour", at=hour)
    assert sum(by_minute.values_list("calls", flat=True)) == sum(by_hour.values_list("calls", flat=True)) > 0
    assert 0 < services.demo_state().history_percent < 100


@pytest.mark.usefixtures("bank")
def test_the_history_is_made_by_a_job_that_stops_where_it_is_cancelled(by: Actor) -> None:
    services.switch_on(by=by)
    job = Job.objects.get()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apim.jobs.work.SLICE_S", 0)  # one step a turn
        assert working.run(job.pk)
    made = services.demo_state().history_percent
    assert 0 < made < 100
    cancel(job=job, by=by)
    assert not working.run(job.pk)
    services.switch_off(by=by)
    services.switch_on(by=by)  # a new job goes on from there
    assert Job.objects.unfinished().count() == 1
    services.switch_off(by=by)
    working.run(Job.objects.unfinished().get().pk)
    assert not Job.objects.unfinished().exists()
    assert services.demo_state().history_percent == made


@pytest.mark.usefixtures("bank")
def test_the_partner_calls_with_a_key_that_is_revoked(by: Actor) -> None:
    services.switch_on(by=by)
    demo = Demo.objects.get()
    assert set(keys_of(demo)) == {"web-shop", "mobile-app", "month-end", "nightly-sync"}
    states = Credential.objects.filter(id__in=demo.made["credential"]).values_list("application__name", "state")
    assert dict(states)["nightly-sync"] == "revoked"


@pytest.mark.usefixtures("bank")
def test_there_is_no_demo_beside_live_payments(by: Actor, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_live_x"
    with pytest.raises(Conflict) as refused:
        services.switch_on(by=by)
    assert refused.value.code == "demo.live_billing"


@pytest.mark.usefixtures("bank")
def test_a_demo_stops_when_payments_go_live(by: Actor, settings: Settings) -> None:
    services.switch_on(by=by)
    settings.STRIPE_API_KEY = "sk_live_x"
    assert keep_demo_going() == 0
    assert services.demo_state().state == "off"


@pytest.mark.usefixtures("bank")
def test_production_needs_to_be_meant(by: Actor, settings: Settings) -> None:
    settings.BASE_URL = f"https://{HOST}"
    with pytest.raises(Conflict) as refused:
        services.switch_on(by=by)
    assert refused.value.code == "demo.production"
    assert services.switch_on(by=by, is_production_meant=True).state == "on"


def test_without_the_bank_example_the_demo_says_how_to_load_it(by: Actor, environment: object) -> None:
    with pytest.raises(Conflict) as refused:
        services.switch_on(by=by)
    assert refused.value.code == "demo.no_example"
    assert not Demo.objects.exists()


@pytest.mark.usefixtures("bank")
def test_the_portal_says_of_numbers_of_the_demo_that_they_are(by: Actor, client: Client) -> None:
    marked = b"numbers of a demonstration"
    services.switch_on(by=by)
    assert history.make_step()
    assert marked in client.get("/apis/bank").content
    catalog.published(of=catalog.api(name="parcels", visibility="public"))
    assert marked not in client.get("/apis/parcels").content
    services.remove(by=by)
    removal.sweep(timezone.now())
    assert removal.sweep(timezone.now() + timedelta(minutes=2))
    assert marked not in client.get("/apis/bank").content
