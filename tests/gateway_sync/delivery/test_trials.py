"""A publication goes to canaries first, to all when they do well, and else comes back. Promises R4."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.errors import Conflict
from apim.gateways.models import Environment, Gateway, Worker
from apim.gateways.services import touch
from apim.notifications.models import Notification
from gateway_sync.delivery import reports, services
from gateway_sync.delivery.canaries import set_canary
from gateway_sync.delivery.models import Fragment, Pin, Publication
from gateway_sync.delivery.pinning import roll_back
from gateway_sync.delivery.restoring import resume_after_restore
from gateway_sync.delivery.sync import Ask, update_for
from gateway_sync.delivery.trials import Calls, expected_digests, judge, settle_trials
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]

QUIET = Calls((1000, 10), (0, 0), (0, 0))


def reporting(environment: Environment, name: str, *, is_canary: bool) -> Gateway:
    """A gateway that was heard just now, with one worker."""
    gateway = factory.enrolled_gateway(environment=environment, name=name).gateway
    now = timezone.now()
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=now)
    Worker.objects.create(gateway=gateway, slot=0, pid=1, boot="b", started_at=now, seen_at=now, stats={"requests": 0})
    return set_canary(gateway=gateway, is_canary=is_canary, by=TESTER)


@pytest.fixture
def canary(environment: Environment) -> Gateway:
    return reporting(environment, "canary", is_canary=True)


@pytest.fixture
def other(environment: Environment) -> Gateway:
    return reporting(environment, "other", is_canary=False)


@pytest.fixture
def trial(environment: Environment, canary: Gateway, other: Gateway) -> Publication:
    """The second publication, on trial."""
    assert canary != other
    Environment.objects.filter(pk=environment.pk).update(trial_s=300)
    version = factory.published_version("GET /a", name="bank")
    services.publish(environment.id)
    factory.changed_version(version, "GET /b")
    services.publish(environment.id)
    publication = reports.latest_publication(environment)
    assert publication is not None
    assert publication.stage == Publication.Stage.TRIAL
    return publication


def offered(gateway: Gateway) -> str:
    manifest = update_for(gateway, Ask()).manifest
    return manifest.digest if manifest is not None else ""


def test_canaries_alone_are_sent_a_publication_on_trial_and_then_all(
    trial: Publication, canary: Gateway, other: Gateway, environment: Environment
) -> None:
    earlier = Publication.objects.get(stage=Publication.Stage.ALL)
    assert (offered(canary), offered(other)) == (trial.digest, earlier.digest)
    assert expected_digests([canary, other]) == {canary.pk: trial.digest, other.pk: earlier.digest}
    factory.changed_version(APIVersion.objects.get(), "GET /c")
    services.publish(environment.id)
    assert Publication.objects.count() == 2, "what is changed meanwhile waits"
    with pytest.raises(Conflict, match="on trial"):
        set_canary(gateway=canary, is_canary=False, by=TESTER)
    assert settle_trials(timezone.now()) == []
    Worker.objects.filter(gateway=canary).update(digest=trial.digest)
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == [trial]
    assert offered(other) == trial.digest
    assert not Pin.objects.exists()
    services.publish(environment.id)
    assert Publication.objects.count() == 3


def test_a_canary_that_refuses_brings_the_state_before_back_as_a_higher_revision(
    trial: Publication, canary: Gateway, other: Gateway, environment: Environment, admin: User, client: Client
) -> None:
    problem = {"code": "generation.E002", "message": "it ended 2 workers"}
    Worker.objects.filter(gateway=canary).update(problems=[problem])
    services.publish_pending()
    trial.refresh_from_db()
    back = reports.latest_publication(environment)
    assert back is not None
    assert (trial.stage, back.stage, back.cause) == (
        Publication.Stage.ENDED, Publication.Stage.ALL, Publication.Cause.RETURN,
    )  # fmt: skip
    assert back.revision > trial.revision
    assert offered(canary) == offered(other) == back.digest
    assert "canary refused it: it ended 2 workers" in back.reason
    assert Pin.objects.get().is_automatic
    assert Notification.objects.get(user=admin).title == "A publication was taken back by itself"
    client.force_login(admin)
    assert "it ended 2 workers" in client.get("/console/admin/publications").content.decode()


def test_a_trial_that_cannot_be_taken_back_goes_to_nobody_else_and_stops_no_publication(
    trial: Publication, canary: Gateway, other: Gateway
) -> None:
    before = Publication.objects.filter(stage=Publication.Stage.ALL)[0]
    gone = set(before.manifest["fragments"].values()) - set(trial.manifest["fragments"].values())
    Fragment.objects.filter(digest__in=gone).delete()
    Worker.objects.filter(gateway=canary).update(problems=[{"code": "generation.E002", "message": "it ended"}])
    services.publish_pending()
    trial.refresh_from_db()
    assert gone
    assert trial.stage == Publication.Stage.TRIAL
    assert expected_digests([other])[other.pk] == before.digest


def test_who_goes_back_during_a_trial_ends_it(trial: Publication, environment: Environment) -> None:
    roll_back(publication=Publication.objects.get(stage=Publication.Stage.ALL), by=TESTER, reason="no")
    services.publish(environment.id)
    trial.refresh_from_db()
    assert trial.stage == Publication.Stage.ENDED
    assert offered(Gateway.objects.get(name="other")) == offered(Gateway.objects.get(name="canary"))


def test_a_version_that_is_blocked_waits_for_no_trial(
    trial: Publication, canary: Gateway, other: Gateway, environment: Environment
) -> None:
    assert offered(other) != trial.digest
    APIVersion.objects.update(state=APIVersion.State.BLOCKED)
    touch([environment.id])
    services.publish(environment.id)
    trial.refresh_from_db()
    newest = Publication.objects.latest("revision")
    assert (trial.stage, newest.stage) == (Publication.Stage.ENDED, Publication.Stage.ALL)
    assert offered(canary) == offered(other) == newest.digest
    assert not any(name.startswith("api") for name in newest.manifest["fragments"])


def test_a_canary_that_was_away_all_the_time_fails_no_trial(
    environment: Environment, trial: Publication, canary: Gateway
) -> None:
    away = reporting(environment, "away", is_canary=False)
    Gateway.objects.filter(pk=away.pk).update(is_canary=True, seen_at=trial.created_at - timedelta(minutes=1))
    Worker.objects.filter(gateway=canary).update(digest=trial.digest)
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == [trial]


def test_a_database_restored_during_a_trial_has_all_serve_what_all_were_sent(
    trial: Publication, canary: Gateway, other: Gateway
) -> None:
    earlier = Publication.objects.get(stage=Publication.Stage.ALL)
    resume_after_restore(by=TESTER)
    trial.refresh_from_db()
    assert trial.stage == Publication.Stage.ENDED
    assert offered(canary) == offered(other) == earlier.digest


@pytest.mark.parametrize("name", ["canary", "other"])
def test_without_somebody_to_compare_with_all_are_sent_it_at_once(environment: Environment, name: str) -> None:
    Environment.objects.filter(pk=environment.pk).update(trial_s=300)
    reporting(environment, name, is_canary=name == "canary")
    version = factory.published_version("GET /a")
    services.publish(environment.id)
    factory.changed_version(version, "GET /b")
    services.publish(environment.id)
    assert set(Publication.objects.values_list("stage", flat=True)) == {Publication.Stage.ALL}


@pytest.mark.parametrize(
    ("calls", "is_well"),
    [
        (Calls((1000, 10), (99, 99), (0, 0)), True),
        (Calls((1000, 10), (1000, 19), (0, 0)), True),
        (Calls((1000, 10), (1000, 21), (0, 0)), False),
        (Calls((1000, 0), (1000, 100), (1000, 95)), True),
        (Calls((1000, 500), (1000, 100), (1000, 0)), False),
    ],
    ids=["too-few-calls", "as-before", "worse-than-before", "as-bad-as-others", "worse-than-others"],
)
def test_a_trial_fails_when_5xx_rise_by_more_than_a_point(calls: Calls, is_well: bool) -> None:
    assert (judge([], {}, calls, is_time_up=False).fault == "") is is_well


def test_a_canary_that_did_not_take_it_over_in_time_fails_the_trial(canary: Gateway) -> None:
    workers = list(canary.workers.select_related("gateway"))
    assert judge(workers, {canary.pk: "d"}, QUIET, is_time_up=False).fault == ""
    assert "in time" in judge(workers, {canary.pk: "d"}, QUIET, is_time_up=True).fault


def test_an_admin_chooses_canaries_by_page_and_program(other: Gateway, admin: User, client: Client) -> None:
    client.force_login(admin)
    assert client.post(f"/console/admin/gateways/{other.name}/canary").status_code == 302
    url = f"/api/v1/gateways/{other.name}"
    assert client.get(url).json()["is_canary"] is True
    assert client.patch(url, {"is_canary": False}, "application/json").json()["is_canary"] is False
