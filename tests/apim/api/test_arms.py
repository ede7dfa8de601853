"""The weights of a canary through REST."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.catalog.services import publish_version, save_revision
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.factories.catalog import ARMS

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("environment")
def test_weights_change_without_a_revision(api: MakeClient, owner: User, acme: Organization) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client = api(owner)
    url = "/api/v1/versions/bank:v1/arms"
    assert_problem(client.post(url, {"weights": {"green": 1}}, format="json"), 409, "catalog.no_arms")
    publish_version(version=version, by=TESTER, revision=save_revision(version=version, by=TESTER, upstream=ARMS))

    shifted = client.post(url, {"weights": {"blue": 5, "green": 95}}, format="json").json()
    assert (shifted["arms"], shifted["revision_number"]) == ({"blue": 5, "green": 95}, 2)
    assert client.post(url, {"weights": {"blue": 100}}, format="json").json()["arms"] == {"blue": 100, "green": 95}
    assert client.post(url, {}, format="json").json()["arms"] == {"blue": 100, "green": 0}
    assert_problem(client.post(url, {"weights": {"red": 1}}, format="json"), 400, "catalog.arm_weights")
    none = client.post(url, {"weights": {"blue": 0, "green": 0}}, format="json")
    assert_problem(none, 400, "catalog.arm_weights")
