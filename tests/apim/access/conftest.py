"""A product on offer, and an application that wants it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from apim.access.models import Application, Credential
from apim.access.services import create_credential
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.catalog.services import create_api, create_version
from apim.gateways.models import AccessRecord, Environment
from apim.products.models import Plan, Product
from apim.products.services import Terms, create_plan, create_product
from tests.factories import access as access_factory
from tests.factories.accounts import TESTER


@dataclass(frozen=True, slots=True)
class Offer:
    """A product with a plan that approves by itself, a second one like it, and one that asks its owners."""

    product: Product
    free: Plan
    large: Plan
    manual: Plan


@pytest.fixture
def offer(acme: Organization, by: Actor) -> Offer:
    """What acme offers."""
    api = create_api(organization=acme, name="bank", by=by)
    version = create_version(api=api, name="v1", by=by)
    plans = [
        create_plan(organization=acme, name=name, terms=Terms(approval=approval), by=by)
        for name, approval in (("free", "auto"), ("large", "auto"), ("manual", "manual"))
    ]
    product = create_product(organization=acme, name="payments", items=[(version, [])], plans=plans, by=by)
    return Offer(product, *plans)


@pytest.fixture
def shop(initech: Organization, environment: Environment) -> Application:
    """An application of initech."""
    return access_factory.application(of=initech, name="shop")


@pytest.fixture
def eva(globex: Organization, other_owner: User) -> User:
    """Who speaks for globex, where applications go."""
    assert other_owner.memberships.get().organization == globex
    return other_owner


@pytest.fixture
def key(shop: Application, developer: User) -> Credential:
    """A key of the application."""
    return create_credential(application=shop, by=TESTER, creator=developer).credential


class Log:
    """What gateways of an environment have been told last."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def body(self, kind: str, key: str) -> dict[str, object] | None:
        """The body of a record; fails when there never was one."""
        body: dict[str, object] | None = AccessRecord.objects.get(environment=self.environment, kind=kind, key=key).body
        return body

    def seq(self) -> int:
        """The last number given."""
        self.environment.refresh_from_db()
        return self.environment.access_seq


@pytest.fixture
def log(environment: Environment) -> Log:
    """The access log of the default environment."""
    return Log(environment)
