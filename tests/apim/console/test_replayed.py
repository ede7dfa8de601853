"""What a publication changes for the last calls, as its page tells it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog import services as catalog
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.usage.models import UsageRecord
from tests.factories import access, gateways, products
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


@pytest.fixture
def called(environment: Environment) -> APIVersion:
    """A version that runs and was called twice; its next revision drops one of the operations."""
    version = gateways.published_version("GET /accounts", "GET /cards", name="bank")
    application = access.application(name="shop")
    product = products.product(version=version)
    access.subscription(application=application, product=product, plan=product.plans.get(), environment=environment)
    for seq, path in enumerate(("/accounts", "/cards"), start=1):
        record(environment, version, application, seq, path)
    catalog.save_revision(version=version, by=TESTER, operations=[{"method": "GET", "path": "/accounts"}])
    return version


def record(environment: Environment, version: APIVersion, application: Application, seq: int, path: str) -> None:
    UsageRecord.objects.create(
        gateway_id="gtw_1",
        boot="boot",
        seq=seq,
        request_id=f"r{seq}",
        at=timezone.now(),
        environment_id=environment.id,
        version_id=version.id,
        operation=f"GET {path}",
        path=f"/bank/v1{path}",
        organization_id=application.organization_id,
        application_id=application.id,
        credential_id="crd_1",
        status=200,
        duration_us=1,
    )


def given_up(execute: Callable[..., object], sql: str, *rest: object) -> object:
    """A database that has so many records that those which are looked for are not found in time."""
    if 'FROM "usage_usagerecord"' in sql:
        error = OperationalError("canceling statement due to statement timeout")
        error.__cause__ = Canceled()
        raise error
    return execute(sql, *rest)


class Canceled(Exception):
    sqlstate = "57014"


def page_of(admin: User, path: str) -> str:
    client = Client()
    client.force_login(admin)
    answer = client.get(f"/console/apis/bank/versions/v1/{path}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_of_a_publication_names_the_calls_that_would_be_answered_differently(
    called: APIVersion, admin: User
) -> None:
    page = page_of(admin, "publish")
    assert called.revisions.count() == 2
    assert "1 of the last 2 calls would be answered differently." in page
    assert "such as /bank/v1/cards" in page
    assert "Refused: 404 not-found" in page


def test_who_rolls_back_sees_that_nothing_recent_changes(called: APIVersion, admin: User) -> None:
    catalog.publish_version(version=called, by=TESTER)
    UsageRecord.objects.filter(path="/bank/v1/cards").delete()
    assert "The last call would be answered as now." in page_of(admin, "rollback/1")


def test_that_there_is_nothing_to_compare_is_neither_good_nor_bad_news(called: APIVersion, admin: User) -> None:
    UsageRecord.objects.all().delete()
    page = page_of(admin, "publish")
    assert "No call of an application is in the log yet" in page
    assert "notice--ok" not in page.split('id="replayed"')[1].split("</section>")[0]


def test_a_first_publication_compares_nothing(environment: Environment, admin: User) -> None:
    assert environment.name == "default"
    organization = access.application().organization
    version = catalog.create_version(
        api=catalog.create_api(organization=organization, name="bank", by=TESTER), name="v1", by=TESTER
    )
    catalog.save_revision(version=version, by=TESTER, operations=[{"method": "GET", "path": "/"}])
    assert "Recent calls, answered anew" not in page_of(admin, "publish")


def test_a_page_of_confirmation_comes_without_calls_that_are_not_found_in_time(admin: User, called: APIVersion) -> None:
    with connection.execute_wrapper(given_up):
        shown = page_of(admin, "publish")
    assert "The last calls were not compared" in shown
    assert "Publish" in shown
