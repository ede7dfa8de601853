"""The upstream of a version in the console: its form, its targets as gateways see them, the weights of its arms."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.catalog.models import APIVersion, Deployment
from apim.catalog.services import publish_version, save_revision
from apim.gateways.models import Gateway
from apim.gateways.reporting import record_report
from apim.gateways.reports import EventReport, GatewayReport, TargetReport
from gateway_sync.upstreams import KINDS
from tests.conftest import LogIn
from tests.factories import catalog, gateways
from tests.factories.accounts import TESTER
from tests.factories.catalog import ARMS

URL = "/console/apis/bank/versions/v1"

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def version(acme: Organization) -> APIVersion:
    """bank v1, published."""
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


def test_the_form_saves_targets_and_the_groups_that_are_on(log_in: LogIn, owner: User, version: APIVersion) -> None:
    data = {
        "targets-TOTAL_FORMS": "2", "targets-INITIAL_FORMS": "1", "timeout_s": "5",
        "targets-0-url": "http://127.0.0.1:1", "targets-0-weight": "80",
        "targets-1-url": "http://127.0.0.1:2", "targets-1-weight": "20", "targets-1-priority": "1",
        "healthCheck-is_on": "on", "healthCheck-path": "/health", "healthCheck-protocol": "http",
        "retries-attempts": "3",
    }  # fmt: skip
    assert log_in(owner).post(f"{URL}/upstream", data).status_code == 302

    revision = version.revisions.first()
    assert revision is not None
    assert revision.upstream == {
        "targets": [
            {"url": "http://127.0.0.1:1", "weight": 80},
            {"url": "http://127.0.0.1:2", "weight": 20, "priority": 1},
        ],
        "timeout_s": 5.0,
        "healthCheck": {"protocol": "http", "path": "/health"},
    }
    page = log_in(owner).get(f"{URL}/upstream").content.decode()
    assert all(f'id="group-{kind}"' in page for kind in KINDS)


@pytest.mark.usefixtures("version")
def test_a_wrong_setting_is_told_at_its_field(log_in: LogIn, owner: User) -> None:
    data = {
        "targets-TOTAL_FORMS": "1", "targets-INITIAL_FORMS": "0", "timeout_s": "5",
        "targets-0-url": "http://127.0.0.1:1", "healthCheck-is_on": "on", "healthCheck-path": "health",
    }  # fmt: skip
    response = log_in(owner).post(f"{URL}/upstream", data)

    assert response.status_code == 422
    assert b"cannot be asked for" in response.content


def test_targets_and_arms_are_shown_as_gateways_report_them(
    log_in: LogIn, owner: User, admin: User, version: APIVersion
) -> None:
    gateway = gateways.enrolled_gateway(name="edge").gateway
    targets = (
        TargetReport(version.pk, "http://127.0.0.1:1", "blue", requests=10, failures=1, latency_us=50_000),
        TargetReport(version.pk, "http://127.0.0.1:2", "green", "ejected", "open", requests=4, failures=4),
        TargetReport("ver_other", "http://127.0.0.1:3", state="down"),
    )
    events = (EventReport(int(time.time()), version.pk, "breaker open", "green"),)
    record_report(gateway=gateway, report=GatewayReport((), targets=targets, events=events))

    page = log_in(owner).get(URL).content.decode()
    assert "Ejected" in page
    assert "Arms, since the workers started" in page
    assert "10.00" in page
    assert "127.0.0.1:3" not in page
    assert b"breaker open" in log_in(admin).get("/console/admin/gateways").content
    assert Gateway.objects.get().seen_at <= timezone.now()  # type: ignore[operator]


def test_the_weights_of_arms_change_at_once_and_back(log_in: LogIn, owner: User, version: APIVersion) -> None:
    publish_version(version=version, by=TESTER, revision=save_revision(version=version, by=TESTER, upstream=ARMS))
    before = version.revisions.count()
    client = log_in(owner)

    assert client.post(f"{URL}/arms", {"arms-blue": "0", "arms-green": "100"}).status_code == 302
    assert _weights() == {"blue": 0, "green": 100}
    assert client.post(f"{URL}/arms", {"reset": ""}).status_code == 302
    assert _weights() == {}
    client.post(f"{URL}/arms", {"arms-blue": "0", "arms-green": "100"})
    assert client.post(f"{URL}/arms", {"abort": ""}).status_code == 302
    assert _weights() == {"blue": 100, "green": 0}
    assert version.revisions.count() == before
    assert AuditEvent.objects.filter(action="arms.shift").count() == 4
    piece = client.get(f"{URL}/arms?since=blue.1.1", headers={"HX-Request": "true"}).content
    assert b"How the arms do" in piece
    assert b"<html" not in piece
    refused = client.post(f"{URL}/arms", {"arms-blue": "0", "arms-green": "0"})
    assert refused.status_code == 422


def _weights() -> dict[str, int]:
    return Deployment.objects.get().arm_weights


def test_a_version_tells_its_groups_and_policies_in_words(log_in: LogIn, owner: User, version: APIVersion) -> None:
    upstream = {"targets": [{"url": "http://127.0.0.1:1"}], "breaker": {}, "balancing": {}}
    policies = [{"rate-limit": {"limit": "5/s", "shadow": True, "operations": ["GET /a", "POST /b"]}}]
    save_revision(version=version, by=TESTER, upstream=upstream, policies=policies)

    page = log_in(owner).get(URL).content.decode()
    assert "With Balancing, Circuit breaker." in page
    assert "Shadow: count only" in page
    assert "Only for these operations: GET /a, POST /b" in page


@pytest.mark.usefixtures("version")
def test_what_the_service_refuses_stands_at_the_field_it_is_about(log_in: LogIn, owner: User) -> None:
    data = {
        "targets-TOTAL_FORMS": "2", "targets-INITIAL_FORMS": "0", "timeout_s": "5",
        "targets-0-url": "", "targets-1-url": "http://169.254.169.254", "targets-1-weight": "100",
    }  # fmt: skip
    response = log_in(owner).post(f"{URL}/upstream", data)

    assert response.status_code == 422
    empty, wrong = response.context["targets"]
    assert not empty.errors
    assert "169.254.169.254 is link-local" in wrong.errors["url"][0]
    assert b"Something below is not right yet" in response.content
