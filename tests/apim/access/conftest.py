"""A product on offer, and an application that wants it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from apim.access.models import Application
from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.catalog.services import create_api, create_version
from apim.gateways.models import AccessRecord, Environment
from apim.products.models import Plan, Product
from apim.products.services import Terms, create_plan, create_product
from tests.factories import access as access_factory


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
