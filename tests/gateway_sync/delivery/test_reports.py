"""What pages read about publications and workers."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from apim.catalog.models import Revision
from apim.gateways.models import Environment, Worker
from apim.gateways.reporting import record_report
from apim.gateways.reports import GatewayReport, WorkerReport
from apim.gateways.services import AccessChange, append_access, touch
from gateway_sync.delivery import reports, services
from tests.factories import gateways as factory

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]


def worker(environment: Environment, slot: int = 0, **fields: object) -> WorkerReport:
    publication = reports.latest_publication(environment)
    values: dict[str, object] = {
        "slot": slot,
        "pid": 7,
        "boot": "b",
        "started_at": time.time(),
        "digest": publication.digest if publication else "",
    }
    return WorkerReport(**(values | fields))  # type: ignore[arg-type]


def test_problems_are_found_by_the_object_they_are_about_and_vanish_when_mended(environment: Environment) -> None:
    version, other = factory.published_version("GET /a"), factory.published_version("GET /a")
    Revision.objects.filter(version=version).update(upstream={}, digest="edited")
    services.publish(environment.id)
    problems = reports.problems_of("version", version.id)
    assert [problem.code for problem in problems] == ["upstream.E001", "version.W005"]
    assert problems[0].where.field == "upstream"
    assert reports.problems_of("version", other.id) == ()
    factory.changed_version(version, "GET /b")
    services.publish(environment.id)
    assert reports.problems_of("version", version.id) == ()


def test_convergence_is_reached_when_every_worker_that_reports_is_current(environment: Environment) -> None:
    gateway = factory.enrolled_gateway(environment=environment).gateway
    services.publish(environment.id)
    environment.refresh_from_db()
    assert not reports.convergence(environment).is_reached, "no worker has reported"
    record_report(gateway=gateway, report=GatewayReport((worker(environment), worker(environment, 1, digest="old"))))
    state = reports.convergence(environment)
    assert [worker_state.is_current for worker_state in state.workers] == [True, False]
    assert not state.is_reached
    Worker.objects.filter(slot=1).update(seen_at=timezone.now() - timedelta(minutes=1))
    state = reports.convergence(environment)
    assert [worker_state.is_absent for worker_state in state.workers] == [False, True]
    assert state.is_reached


def test_a_worker_that_says_nothing_is_absent_though_its_gateway_reports(environment: Environment) -> None:
    gateway = factory.enrolled_gateway(environment=environment).gateway
    services.publish(environment.id)
    record_report(gateway=gateway, report=GatewayReport((worker(environment), worker(environment, 1, silent_s=20))))
    assert [each.is_absent for each in reports.convergence(environment).workers] == [False, True]


def test_a_worker_behind_in_access_records_is_not_current(environment: Environment) -> None:
    gateway = factory.enrolled_gateway(environment=environment).gateway
    append_access(environment_id=environment.id, changes=[AccessChange("credential", "ff", None)])
    services.publish(environment.id)
    environment.refresh_from_db()
    record_report(gateway=gateway, report=GatewayReport((worker(environment, access_seq=0),)))
    assert [(state.is_current, state.access_lag) for state in reports.convergence(environment).workers] == [(False, 1)]
    record_report(gateway=gateway, report=GatewayReport((worker(environment, access_seq=1),)))
    assert reports.convergence(environment).is_reached


def test_what_waits_to_be_published_is_not_reached(environment: Environment) -> None:
    gateway = factory.enrolled_gateway(environment=environment).gateway
    services.publish(environment.id)
    record_report(gateway=gateway, report=GatewayReport((worker(environment),)))
    touch([environment.id])
    environment.refresh_from_db()
    assert environment.is_waiting_to_publish
    assert not reports.convergence(environment).is_reached
