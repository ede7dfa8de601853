"""The pages about sandboxes: a version's own, and those of environments."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.gateways.services import update_environment
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db

URL = "/console/apis/bank/versions/v1/sandbox"
FORM = {"source": "service", "targets": "https://test.example.com\n", "timeout_s": "5", "headers": "X-Test: 1"}


@pytest.fixture
def bank(environment: Environment, acme: Organization) -> APIVersion:
    """A public version with a document, where there is a sandbox."""
    changes = {"has_sandbox": True, "base_url": "https://gw.example.com"}
    update_environment(environment=environment, changes=changes, by=TESTER)
    return catalog.described(name="bank", organization=acme)


def test_an_owner_has_a_test_system_answer_and_then_the_document_again(
    bank: APIVersion, owner: User, log_in: LogIn
) -> None:
    client = log_in(owner)
    assert "https://gw.example.com/sandbox.bank/v1/" in client.get(URL).content.decode()
    assert "Where is the test system?" in client.post(URL, FORM | {"targets": ""}).content.decode()
    refused = client.post(URL, FORM | {"targets": "http://169.254.169.254"}).content.decode()
    assert "is link-local" in refused
    client.post(URL, FORM)
    bank.refresh_from_db()
    assert bank.sandbox_upstream == {
        "targets": [{"url": "https://test.example.com", "weight": 100}],
        "timeout_s": 5.0,
        "headers": {"X-Test": "1"},
    }
    assert "Your test system answers" in client.get(URL).content.decode()
    client.post(URL, FORM | {"source": "document"})
    bank.refresh_from_db()
    assert bank.sandbox_upstream == {}


def test_what_the_form_does_not_show_stays(bank: APIVersion, owner: User, log_in: LogIn) -> None:
    target = {"url": "https://test.example.com", "weight": 7, "priority": 1}
    bank.sandbox_upstream = {"targets": [target], "timeout_s": 30, "retries": {"attempts": 1}}
    bank.save()
    log_in(owner).post(URL, FORM)
    bank.refresh_from_db()
    assert bank.sandbox_upstream["targets"] == [target]
    assert bank.sandbox_upstream["retries"] == {"attempts": 1}


@pytest.mark.usefixtures("bank")
def test_environments_show_their_sandbox_as_what_it_is(admin: User, log_in: LogIn) -> None:
    client = log_in(admin)
    page = client.get("/console/admin/environments").content.decode()
    assert "Sandbox of Default" in page
    assert "https://gw.example.com/sandbox.{api}/{version}/" in page
    assert "1 version from its document" in page
    assert URL in client.get("/console/admin/environments/default").content.decode()
