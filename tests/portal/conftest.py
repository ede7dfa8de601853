"""What portal tests share: a product on offer, a gateway that answers, an application with a key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from apim.access.models import Application
from apim.accounts.models import Organization
from apim.gateways.models import Environment
from apim.gateways.services import update_environment
from apim.products.limits import Terms
from apim.products.models import PlanVersion, Product
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER
from tests.payments import _inbox, _standin, product, stripe_server  # noqa: F401 - fixtures
from tests.prepaid import prepaid  # noqa: F401 - a fixture
from tests.upstreams import Arrival, Reply, Upstream


@dataclass(slots=True)
class Gateway:
    """A server that answers as told and remembers what it was asked."""

    url: str = ""
    status: int = 200
    content_type: str = "application/json"
    coding: str = ""
    body: bytes = b'{"ok": true}'
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def gateway(environment: Environment) -> Iterator[Gateway]:
    """A listening gateway that the environment points at."""
    kept = Gateway()

    def answer(arrival: Arrival) -> Reply:
        kept.asked.append((arrival.method, arrival.target, dict(arrival.headers), arrival.body))
        fields = {"X-Request-Id": "req_1"} | ({"Content-Encoding": kept.coding} if kept.coding else {})
        return Reply(kept.body, kept.status, kept.content_type, fields)

    with Upstream(answer) as listening:
        kept.url = listening.url
        update_environment(environment=environment, changes={"base_url": kept.url}, by=TESTER)
        yield kept


@pytest.fixture
def bank(acme: Organization) -> Product:
    """The product `bank-payments` of the API `bank`, with the plans starter (at once) and growth (after approval)."""
    api = catalog.api(organization=acme, name="bank", display_name="Bank API", description="Money **here**.")
    version = catalog.published(of=api)
    starter = products.plan(organization=acme, name="starter", terms=Terms(quotas=[{"requests": 1000, "per": "month"}]))
    growth = products.plan(organization=acme, name="growth", terms=Terms(approval=PlanVersion.Approval.MANUAL))
    return products.product(version=version, name="bank-payments", plans=[starter, growth])


@pytest.fixture
def shop(initech: Organization, bank: Product) -> Application:
    """An application of the developer's organization, subscribed to the bank's starter plan."""
    application = access.application(of=initech, name="shop")
    access.subscription(application=application, product=bank, plan=bank.plans.get(name="starter"))
    return application
