"""Marks on charts: publications, later deployments, ways back, withdrawals, shifted canaries; of whom and where."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit.models import AuditEvent
from apim.audit.services import record
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.catalog.services.deployments import shift_arms
from apim.gateways.environments import create_environment
from apim.gateways.models import Environment, Gateway
from apim.platform.promotion import promote, undo_promotion
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest

pytestmark = pytest.mark.django_db

PAGES = ("analytics", "apis/bank/analytics", "apis/bank/analytics/v1", "analytics/errors", "analytics/latency",
         "analytics/compare?kind=times")  # fmt: skip
TWO_ARMS = {
    "targets": [{"url": "http://127.0.0.1:9101", "arm": "stable"}, {"url": "http://127.0.0.1:9102", "arm": "next"}],
    "canary": {"arms": ["stable=90", "next=10"]},
}


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def gateway(bank: APIVersion) -> Gateway:
    """Which counted a call, so that there are charts."""
    enrolled = enrolled_gateway().gateway
    ingest(gateway=enrolled, batch=batch(event(1, at=timezone.now(), status=500, version_id=bank.id)))
    return enrolled


@pytest.fixture
def client(log_in: LogIn, owner: User, gateway: Gateway) -> Client:
    return log_in(owner)


def deploy(version: APIVersion, **options: object) -> None:
    """A new revision, deployed."""
    upstream = options.pop("upstream", {"targets": [{"url": f"http://127.0.0.1:{9200 + version.revisions.count()}"}]})
    services.save_revision(version=version, by=TESTER, upstream=upstream, operations=catalog.OPERATIONS)
    services.publish_version(version=version, by=TESTER, **options)  # type: ignore[arg-type]


def marks(client: Client, path: str) -> list[str]:
    """What the marks of the first chart of a page say."""
    page = client.get(f"/console/{path}").content.decode()
    drawing = page.split("chart--wide")[1].split("</svg>")[0]
    return [part.split("</title>")[0] for part in drawing.split("<g><title>")[1:]]


def said(client: Client, path: str = "analytics") -> list[str]:
    """The same without their times."""
    return [mark.rpartition(", ")[0] for mark in marks(client, path)]


def test_a_first_publication_is_one_mark(client: Client) -> None:
    assert said(client) == ["bank v1 published"]


@pytest.mark.parametrize("path", PAGES)
def test_a_later_deployment_is_marked_on_every_chart_over_time(client: Client, bank: APIVersion, path: str) -> None:
    deploy(bank)
    assert said(client, path) == ["bank v1 published", "bank v1: revision 2 deployed in default"]


def test_a_way_back_and_a_shifted_canary_are_marked(client: Client, bank: APIVersion) -> None:
    deploy(bank, upstream=TWO_ARMS)
    shift_arms(version=bank, by=TESTER, weights={"stable": 50, "next": 50})
    services.rollback_version(version=bank, by=TESTER)
    assert said(client)[2:] == [
        "bank v1: canary at next 50, stable 50 in default",
        "bank v1: back to revision 1 in default",
    ]


def test_marks_lie_where_the_chart_is_and_lead_to_what_ran(client: Client, bank: APIVersion) -> None:
    deploy(bank)
    AuditEvent.objects.filter(action="revision.deploy").update(at=timezone.now() - timedelta(days=3))
    assert said(client) == ["bank v1 published"]
    assert len(said(client, "analytics?range=7d")) == 3  # both deployments, far from the publication
    page = client.get("/console/analytics?range=7d").content.decode()
    assert 'href="/console/apis/bank/versions/v1/revisions"' in page


def test_a_deployment_elsewhere_is_no_mark_of_the_environment_asked_for(client: Client, bank: APIVersion) -> None:
    staging = Environment.objects.create(name="staging")
    deploy(bank, environment=staging)
    elsewhere = enrolled_gateway(environment=staging).gateway
    ingest(gateway=elsewhere, batch=batch(event(1, at=timezone.now(), version_id=bank.id)))
    assert said(client)[1:] == ["bank v1: revision 2 deployed in staging"]
    assert said(client, "analytics?environment=default") == ["bank v1 published"]
    assert said(client, "analytics?environment=staging")[1:] == ["bank v1: revision 2 deployed in staging"]


def test_a_withdrawn_deployment_is_marked_and_so_is_what_it_was_before(
    log_in: LogIn, other_owner: User, client: Client, bank: APIVersion, gateway: Gateway
) -> None:
    staging = create_environment(name="staging", display_name="Staging", by=TESTER)
    promotion = promote(source=gateway.environment, target=staging, by=TESTER, reason="to try it")
    undo_promotion(promotion=promotion, by=TESTER, reason="it was wrong")
    told = ["bank v1: revision 1 deployed in staging", "bank v1: withdrawn from staging"]
    assert said(client)[1:] == told
    assert said(client, "apis/bank/analytics/v1")[1:] == told
    assert said(client, "analytics?environment=default") == ["bank v1 published"]
    mine = catalog.published(of=catalog.api(organization=other_owner.memberships.first().organization, name="own"))  # type: ignore[union-attr]
    ingest(gateway=gateway, batch=batch(event(1, at=timezone.now(), version_id=mine.id), boot="two"))
    assert said(log_in(other_owner)) == ["own v1 published"]


def test_a_withdrawal_of_which_an_earlier_release_told_less_is_left_out(client: Client, bank: APIVersion) -> None:
    deployment = bank.deployments.get()
    record(by=TESTER, action="revision.withdraw", target=deployment)
    deployment.delete()
    assert said(client) == ["bank v1 published"]


def test_two_versions_beside_one_another_have_the_marks_of_both(client: Client, bank: APIVersion) -> None:
    other = catalog.published(of=bank.api, name="v2")
    deploy(other)
    found = said(client, "analytics/compare?a=bank/v1&b=bank/v2")
    assert found == ["bank v1 published", "bank v2 published", "bank v2: revision 2 deployed in default"]
    assert said(client, "apis/bank/analytics/v1") == ["bank v1 published"]


def test_strangers_see_no_marks_of_others(log_in: LogIn, other_owner: User, client: Client, bank: APIVersion) -> None:
    mine = catalog.published(of=catalog.api(organization=other_owner.memberships.first().organization, name="own"))  # type: ignore[union-attr]
    deploy(bank)
    ingest(gateway=enrolled_gateway().gateway, batch=batch(event(1, at=timezone.now(), version_id=mine.id), boot="two"))
    assert said(log_in(other_owner)) == ["own v1 published"]
