"""A publication goes to canaries first, to all when they do well, and else comes back. Promises R4."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.errors import Conflict
from apim.gateways.joining import remove_gateway
from apim.gateways.models import Environment, Gateway, Worker
from apim.gateways.services import touch
from apim.notifications.models import Notification
from gateway_sync.delivery import reports, services
from gateway_sync.delivery.canaries import set_canary
from gateway_sync.delivery.models import Fragment, Pin, Publication
from gateway_sync.delivery.pinning import release, roll_back
from gateway_sync.delivery.restoring import resume_after_restore
from gateway_sync.delivery.sync import Ask, update_for
from gateway_sync.delivery.trials import expected_digests, settle_trials
from gateway_sync.delivery.verdicts import Calls, judge
from gateway_sync.snapshot import TrialOffer
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER
from tests.gateway_sync.delivery.canaries import reporting, second_publication

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]

QUIET = Calls((1000, 10), (0, 0), (0, 0))


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
    publication = second_publication(environment)
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


@pytest.fixture
def in_worker(environment: Environment, other: Gateway) -> Publication:
    """The second publication, on trial in one worker of the only gateway, which has two."""
    Gateway.objects.filter(pk=other.pk).update(takes_trials=True)
    other.refresh_from_db()
    now = timezone.now()
    Worker.objects.create(gateway=other, slot=1, pid=2, boot="c", started_at=now, seen_at=now)
    return second_publication(environment, trial_by=Environment.TrialBy.WORKER)


def test_one_worker_of_the_only_gateway_tries_a_publication(in_worker: Publication, other: Gateway) -> None:
    earlier = Publication.objects.get(stage=Publication.Stage.ALL)
    asked = update_for(other, Ask(takes_trials=True))
    assert asked.manifest is not None
    assert asked.trial is not None
    assert (asked.manifest.digest, asked.trial.digest) == (earlier.digest, in_worker.digest)
    assert {*asked.manifest.fragments.values()} < {*asked.fragments}
    assert update_for(other, Ask(digest=earlier.digest, takes_trials=True, trial=in_worker.digest)).trial is None
    assert update_for(other, Ask()).trial is None, "one of a release before knows no trials"
    assert expected_digests([other]) == {other.pk: earlier.digest}

    Worker.objects.filter(gateway=other, slot=1).update(digest=in_worker.digest)
    assert settle_trials(timezone.now()) == []
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == [], "nobody is heard by then"
    Gateway.objects.update(seen_at=timezone.now() + timedelta(seconds=300))
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == [in_worker]
    after = update_for(other, Ask(digest=earlier.digest, takes_trials=True, trial=in_worker.digest))
    assert (after.manifest is not None, after.trial) == (True, TrialOffer())


@pytest.mark.parametrize("is_of_now", [True, False], ids=["this-trial", "an-earlier-one"])
def test_what_a_gateway_tells_of_its_worker_ends_the_trial_that_it_is_about(
    in_worker: Publication, other: Gateway, *, is_of_now: bool
) -> None:
    problem = {"code": "trial.E003", "message": "worse", "revision": in_worker.revision - (not is_of_now)}
    Worker.objects.filter(gateway=other, slot=1).update(problems=[problem])
    services.publish_pending()
    back = Publication.objects.latest("revision")
    assert (back.cause == Publication.Cause.RETURN, back.revision > in_worker.revision) == (is_of_now, is_of_now)
    if is_of_now:
        assert offered(other) == back.digest == Publication.objects.earliest("revision").digest
        assert "other: worse" in back.reason
        assert update_for(other, Ask(takes_trials=True, trial=in_worker.digest)).trial == TrialOffer()


def test_publication_that_no_worker_took_over_in_time_comes_back(in_worker: Publication, other: Gateway) -> None:
    gateway = Gateway.objects.filter(pk=other.pk)
    gateway.update(seen_at=timezone.now() + timedelta(seconds=300))
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == []
    in_worker.refresh_from_db()
    assert in_worker.stage == Publication.Stage.ENDED
    assert "no worker of other" in Pin.objects.get().reason


def test_trial_whose_gateways_were_replaced_comes_back_and_holds_up_nobody(
    in_worker: Publication, other: Gateway, environment: Environment
) -> None:
    reporting(environment, "new", is_canary=False)
    Gateway.objects.update(seen_at=timezone.now() + timedelta(seconds=300))
    remove_gateway(gateway=other, by=TESTER)
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == []
    in_worker.refresh_from_db()
    assert in_worker.stage == Publication.Stage.ENDED
    assert "no gateway that tried it" in Pin.objects.get().reason


def test_gateway_in_quarantine_cannot_take_a_publication_back(
    in_worker: Publication, other: Gateway, environment: Environment
) -> None:
    reporting(environment, "sound", is_canary=False)
    problem = {"code": "trial.E003", "message": "worse", "revision": in_worker.revision}
    Worker.objects.filter(gateway=other, slot=1).update(problems=[problem])
    Gateway.objects.filter(pk=other.pk).update(state=Gateway.State.QUARANTINED)
    services.publish_pending()
    in_worker.refresh_from_db()
    assert in_worker.stage == Publication.Stage.TRIAL


def test_gateway_with_one_worker_has_nothing_to_compare_with(environment: Environment, other: Gateway) -> None:
    assert not other.takes_trials
    assert second_publication(environment, trial_by=Environment.TrialBy.WORKER).stage == Publication.Stage.ALL


def test_share_of_the_gateways_tries_a_publication_and_others_follow(environment: Environment) -> None:
    gateways = [reporting(environment, f"g{number}", is_canary=False) for number in range(5)]
    trial = second_publication(environment, trial_by=Environment.TrialBy.SHARE, trial_share=40)
    earlier = Publication.objects.get(stage=Publication.Stage.ALL)
    told = {gateway.pk: offered(gateway) for gateway in gateways}
    assert sorted(told.values()) == sorted([trial.digest] * 2 + [earlier.digest] * 3)
    assert expected_digests(gateways) == told
    trying = [pk for pk, digest in told.items() if digest == trial.digest]
    assert sorted(trial.trial_gateways) == sorted(trying)
    Worker.objects.filter(gateway__in=trying).update(digest=trial.digest)
    assert settle_trials(timezone.now() + timedelta(seconds=301)) == [trial]
    assert {offered(gateway) for gateway in gateways} == {trial.digest}


def test_change_that_comes_just_after_a_release_is_tried(in_worker: Publication, environment: Environment) -> None:
    roll_back(publication=Publication.objects.earliest("revision"), by=TESTER, reason="no")
    services.publish(environment.id)
    release(environment=environment, by=TESTER, reason="mended")
    services.publish(environment.id)
    assert Publication.objects.latest("revision").cause == Publication.Cause.RELEASE
    factory.changed_version(APIVersion.objects.get(), "GET /c")  # which no event of the audit log tells
    services.publish(environment.id)
    last = Publication.objects.latest("revision")
    assert (last.cause, last.stage) == (Publication.Cause.CHANGE, Publication.Stage.TRIAL)
    assert last.revision > in_worker.revision


def test_release_of_what_was_taken_back_goes_to_all_and_of_what_is_new_is_tried(
    in_worker: Publication, environment: Environment
) -> None:
    stages = []
    for is_mended in (False, True):
        roll_back(publication=Publication.objects.earliest("revision"), by=TESTER, reason="no")
        services.publish(environment.id)
        if is_mended:
            factory.changed_version(APIVersion.objects.get(), "GET /mended")
        release(environment=environment, by=TESTER, reason="again")
        services.publish(environment.id)
        last = Publication.objects.latest("revision")
        assert last.cause == Publication.Cause.RELEASE
        stages.append(last.stage)
    assert stages == [Publication.Stage.ALL, Publication.Stage.TRIAL]


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
