"""Gateways on trial are compared with others by calls of the same applications to the same versions. Promise R4."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.catalog.models import APIVersion
from apim.gateways.models import Environment, Gateway, Worker
from apim.usage.models import UsageRecord, UsageRollup
from gateway_sync.delivery import tallies
from gateway_sync.delivery.models import Pin, Publication
from gateway_sync.delivery.trials import settle_trials
from tests.factories import gateways as factory
from tests.gateway_sync.delivery.canaries import reporting, second_publication

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]

NUMBERS = count(1)


@pytest.fixture
def untouched(environment: Environment) -> APIVersion:
    """A version that no later publication changes."""
    return factory.published_version("GET /u", name="untouched")


@pytest.fixture
def trial(environment: Environment, untouched: APIVersion) -> Publication:
    """A change of `bank v1`, on trial on one of two gateways for a minute by now."""
    reporting(environment, "canary", is_canary=True)
    reporting(environment, "other", is_canary=False)
    publication = second_publication(environment)
    assert publication.stage == Publication.Stage.TRIAL
    Publication.objects.filter(pk=publication.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    return publication


def called(name: str, application: str, calls: int, failed: int, *, version: str = "bank", code: str = "") -> None:
    """A gateway tells of calls, and counts them."""
    gateway, at = Gateway.objects.get(name=name), timezone.now() - timedelta(seconds=20)
    fields = {
        "gateway_id": gateway.pk,
        "environment_id": gateway.environment_id,
        "version_id": APIVersion.objects.get(api__name=version).pk,
        "application_id": application,
        "at": at,
        "duration_us": 1,
    }
    UsageRecord.objects.bulk_create(
        UsageRecord(
            **fields, boot="b", seq=next(NUMBERS), status=502 if each < failed else 200, code=code * (each < failed)
        )
        for each in range(calls)
    )
    counted(name, calls, failed)


def counted(name: str, calls: int, failed: int) -> None:
    """A gateway counts calls of which nobody else is told."""
    worker = Worker.objects.get(gateway__name=name)
    stats = {name: worker.stats.get(name, 0) for name in ("requests", "status_5xx")}
    worker.stats = {"requests": stats["requests"] + calls, "status_5xx": stats["status_5xx"] + failed}
    worker.save()


def before(trial: Publication, application: str, calls: int, failed: int) -> None:
    """What was summed up of calls to the bank some minutes before the trial began."""
    for status, number in ((200, calls - failed), (502, failed)):
        UsageRollup.objects.create(
            period="minute",
            at=trial.created_at.replace(second=0, microsecond=0) - timedelta(minutes=10),
            environment_id=trial.environment_id,
            version_id=APIVersion.objects.get(api__name="bank").pk,
            application_id=application,
            status=status,
            calls=number,
        )


def ended(trial: Publication) -> str:
    """Why the trial was ended; "" while it goes on."""
    assert settle_trials(timezone.now()) == []
    trial.refresh_from_db()
    return "" if trial.stage == Publication.Stage.TRIAL else Pin.objects.get().reason


def test_service_that_is_down_for_everybody_takes_no_publication_back(trial: Publication) -> None:
    called("canary", "shop", 300, 300)
    called("other", "shop", 40, 40)  # too few to say by counts what is usual
    assert ended(trial) == ""


def test_one_bad_api_takes_a_publication_back_that_counts_would_let_pass(trial: Publication) -> None:
    called("canary", "shop", 30, 30, code="upstream-unreachable")
    called("other", "shop", 30, 0)
    called("canary", "taxi", 60, 0, version="untouched")
    called("other", "taxi", 60, 0, version="untouched")
    assert "of 30 calls of bank v1 the gateways on trial refused 30 or answered them with 5xx" in ended(trial)


def test_one_of_several_callers_who_fails_on_purpose_takes_nothing_back(trial: Publication) -> None:
    for name in ("canary", "other"):
        for application in ("shop", "taxi", "bank"):
            called(name, application, 20, 0)
    called("canary", "mallory", 400, 400)
    called("other", "mallory", 20, 0)
    assert ended(trial) == ""


def test_api_that_the_publication_did_not_change_speaks_not_against_it(trial: Publication) -> None:
    called("canary", "shop", 300, 300, version="untouched")
    called("other", "shop", 300, 0, version="untouched")
    assert ended(trial) == ""


@pytest.mark.parametrize(
    ("earlier", "is_ended"), [((100, 0), True), ((100, 100), False), ((5, 0), False)], ids=["well", "failing", "few"]
)
def test_who_calls_no_other_gateway_is_compared_with_its_own_past(
    trial: Publication, earlier: tuple[int, int], is_ended: bool
) -> None:
    called("canary", "shop", 20, 0)
    called("other", "shop", 20, 0)
    called("canary", "taxi", 300, 300)
    before(trial, "taxi", *earlier)
    told = ended(trial)
    assert bool(told) is is_ended
    assert (
        "refused 300 or answered them with 5xx, where 0 were to be expected by the same callers" in told
    ) is is_ended


def test_a_new_caller_whose_own_api_fails_takes_nothing_back(trial: Publication) -> None:
    called("canary", "mallory", 300, 300)
    assert ended(trial) == ""


def test_counts_decide_where_most_callers_are_not_known(trial: Publication) -> None:
    called("canary", "shop", 20, 0)
    called("other", "shop", 20, 0)
    counted("canary", 300, 0)
    assert ended(trial) == ""
    counted("canary", 300, 100)
    assert "100 of 600 calls were answered with 5xx" in ended(trial)


def test_queries_do_not_grow_with_what_is_called_and_old_records_are_left_where_there_are_many(
    trial: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    called("canary", "shop", 20, 20)
    called("other", "shop", 20, 0)
    before = Publication.objects.get(stage=Publication.Stage.ALL)
    canaries = [Gateway.objects.get(name="canary").pk]

    def faults(counted: tuple[int, int]) -> tuple[str, int]:
        with CaptureQueriesContext(connection) as queries:
            found = tallies.compare(trial, before, canaries, now=timezone.now(), counted=counted)
        return found.fault, len(queries)

    trial.refresh_from_db()
    fault, few = faults((20, 20))
    assert "of 20 calls" in fault
    called("canary", "taxi", 15, 0)
    called("other", "taxi", 15, 0)
    assert faults((50, 50))[1] == few == 3
    monkeypatch.setattr(tallies, "RECORDS_AT_MOST", 10)
    assert faults((50, 50))[0] == "", "of the last six seconds there are none"


def test_a_gateway_that_tells_of_impossible_counts_ends_no_trial_and_stops_no_other(trial: Publication) -> None:
    for requests, failed in ((200, 10**400), (10**400, 10**400), (-(10**400), 5)):
        Worker.objects.update(stats={"requests": requests, "status_5xx": failed})
        assert ended(trial) == ""
