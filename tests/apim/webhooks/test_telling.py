"""What happens to keys, subscriptions and versions is told, in the same transaction."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apim.access.models import Application, Credential
from apim.access.services import (
    approve_subscription,
    create_credential,
    end_subscription,
    expire_credentials,
    reject_subscription,
    revoke_credential,
    roll_credential,
    subscribe,
)
from apim.access.telling import spread_version_events
from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.catalog.models import APIVersion
from apim.catalog.services import create_api, create_version
from apim.catalog.services.versions import deprecate_version, retire_version
from apim.catalog.telling import tell_of_move
from apim.gateways.models import Environment
from apim.products.models import Plan, Product
from apim.products.services import Terms, create_plan, create_product
from apim.webhooks.events import TYPES
from apim.webhooks.models import Delivery, Event
from apim.webhooks.services import create_endpoint
from tests.factories import access as access_factory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _endpoints(initech: Organization, acme: Organization, globex: Organization, by: Actor) -> None:
    for organization in (initech, acme, globex):
        create_endpoint(organization=organization, url="https://example.com/hook", event_types=TYPES, by=by)


@pytest.fixture
def shop(initech: Organization, environment: Environment) -> Application:
    return access_factory.application(of=initech, name="shop")


@pytest.fixture
def version(acme: Organization, environment: Environment, by: Actor) -> APIVersion:
    return published(create_version(api=create_api(organization=acme, name="bank", by=by), name="v1", by=by))


def published(version: APIVersion) -> APIVersion:
    """The version as somebody published it; how that is done is not asked here."""
    version.state, version.published_at = APIVersion.State.PUBLISHED, timezone.now()
    version.save()
    tell_of_move(version, "version.publish")
    return version


@pytest.fixture
def manual(acme: Organization, by: Actor) -> Plan:
    return create_plan(organization=acme, name="manual", terms=Terms(approval="manual"), by=by)


@pytest.fixture
def product(acme: Organization, version: APIVersion, manual: Plan, by: Actor) -> Product:
    return create_product(organization=acme, name="payments", items=[(version, [])], plans=[manual], by=by)


def told(organization: Organization) -> list[str]:
    """The types of the events that the organization's endpoint gets, the oldest first."""
    return list(
        Delivery.objects.filter(endpoint__organization=organization)
        .order_by("id")
        .values_list("event__type", flat=True)
    )


def test_the_life_of_a_key(shop: Application, initech: Organization, acme: Organization, by: Actor) -> None:
    issued = create_credential(application=shop, by=by, label="till")
    rolled = roll_credential(credential=issued.credential, by=by, overlap_s=0)
    revoke_credential(credential=rolled.credential, by=by, reason="lost")
    short = create_credential(application=shop, by=by, expires_at=timezone.now() + timedelta(days=1))
    Credential.objects.filter(pk=short.credential.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    expire_credentials()
    assert told(initech) == [
        "key.created", "key.created", "key.revoked", "key.revoked", "key.created", "key.expired",
    ]  # fmt: skip
    assert told(acme) == []
    for event in Event.objects.all():
        assert issued.key not in json.dumps(event.data)
        assert issued.credential.key_hash not in json.dumps(event.data)
    assert Event.objects.filter(type="key.revoked").order_by("-id")[0].data["reason"] == "lost"


def test_a_change_that_is_rolled_back_is_not_told(shop: Application, initech: Organization, by: Actor) -> None:
    with transaction.atomic():
        create_credential(application=shop, by=by)
        assert told(initech) == ["key.created"]
        transaction.set_rollback(True)
    assert told(initech) == []


def test_who_subscribes_and_who_offers_hear_of_a_subscription(
    shop: Application, product: Product, manual: Plan, initech: Organization, acme: Organization, by: Actor
) -> None:
    first = subscribe(application=shop, product=product, plan=manual, by=by)
    reject_subscription(subscription=first, by=by, reason="no")
    second = subscribe(application=shop, product=product, plan=manual, by=by)
    approve_subscription(subscription=second, by=by)
    end_subscription(subscription=second, by=by)
    types = [f"subscription.{each}" for each in ("requested", "rejected", "requested", "approved", "ended")]
    assert told(initech) == types
    assert told(acme) == types


def test_those_who_subscribed_hear_of_versions_and_nobody_else(
    shop: Application, product: Product, manual: Plan, version: APIVersion, initech: Organization, acme: Organization,
    globex: Organization, by: Actor,
) -> None:  # fmt: skip
    subscribe(application=shop, product=product, plan=manual, by=by)
    Event.objects.all().delete()
    following = published(create_version(api=version.api, name="v2", by=by))
    deprecate_version(version=version, by=by, deprecated_at=timezone.now(), successor=following)
    retire_version(version=version, by=by)
    assert told(initech) == []
    assert spread_version_events() == 3
    assert spread_version_events() == 0
    assert told(initech) == told(acme) == ["version.published", "version.deprecated", "version.retired"]
    assert told(globex) == []
    deprecated = Event.objects.filter(type="version.deprecated", organization=initech).get()
    assert (deprecated.data["api"], deprecated.data["version"], deprecated.data["successor"]) == ("bank", "v1", "v2")


def test_without_an_endpoint_nothing_is_kept(environment: Environment, by: Actor) -> None:
    organization = access_factory.application(name="lonely").organization
    create_credential(application=organization.applications.get(), by=by)
    create_api(organization=organization, name="mine", by=by)
    assert not Event.objects.exists()
