"""What is promised of an API beside what its services bear, on pages."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.gateways.models import Environment
from apim.products.limits import Terms
from tests.conftest import LogIn
from tests.factories import access, catalog, products

pytestmark = pytest.mark.django_db


def test_owners_say_what_services_bear_and_are_warned_where_more_is_promised(
    log_in: LogIn, acme: Organization, owner: User, other_owner: User, admin: User, environment: Environment
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    plan = products.plan(organization=acme, name="silver", terms=Terms(rate={"requests": 30, "per_s": 1, "burst": 30}))
    product = products.product(version=version, plans=[plan])
    access.subscription(application=access.application(), product=product, plan=plan)
    client, path = log_in(owner), "/console/apis/bank/capacity"
    assert "nobody said" in client.get(path).content.decode()
    assert "promised than its services bear" not in client.get("/console/plans/silver").content.decode()
    assert client.post(path, {"calls_per_s": "0"}).status_code == 422
    assert client.post(path, {"calls_per_s": "20"}).status_code == 302
    page = client.get(path).content.decode()
    assert "More is promised than the services bear." in page
    assert "150 %" in page
    warned = client.get("/console/plans/silver").content.decode()
    assert "may call 30 times a second, and the services bear 20: 150 %." in warned
    assert "over-committed" in log_in(admin).get("/console/admin/ceilings").content.decode()
    assert log_in(other_owner).post(path, {"calls_per_s": "1"}).status_code == 404
    assert client.post(path, {"calls_per_s": ""}).status_code == 302
    assert "promised than its services bear" not in client.get("/console/plans/silver").content.decode()
