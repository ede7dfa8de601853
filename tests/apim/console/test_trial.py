"""The test panel: what it refuses to send, and the way of a call once the gateway has told."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from apim.catalog.models import APIVersion
from apim.console.forms.trial import TrialForm
from tests.conftest import LogIn
from tests.factories import catalog

URL = "/console/apis/bank/versions/v1/try"

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    """A published version."""
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


def test_the_form_starts_with_the_first_operation(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    form = log_in(owner).get(URL).context["form"]
    assert (form.initial["method"], form.initial["path"]) == ("GET", "/accounts")


def test_without_a_gateway_the_call_is_refused_in_words(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    refused = log_in(owner).post(URL, {"method": "GET", "path": "/accounts"})
    assert refused.status_code == 422
    assert b"gateway" in refused.content


@pytest.mark.parametrize("path", ["/accounts/{id}", "accounts", "/a/../b", ""])
def test_a_path_that_cannot_be_called_is_not_sent(log_in: LogIn, owner: User, bank: APIVersion, path: str) -> None:
    assert log_in(owner).post(URL, {"method": "GET", "path": path}).status_code == 422


def test_path_query_headers_and_body_become_the_call() -> None:
    form = TrialForm({"method": "POST", "path": "/a?b=1&c=2", "headers": "X-One: 1", "body": "{}"})
    assert form.is_valid()
    assert (form.call.path, form.call.query) == ("/a", "b=1&c=2")
    assert form.call.headers == {"X-One": "1", "Content-Type": "application/json"}


def test_the_piece_with_the_way_asks_again_until_it_has_come_and_not_for_ever(
    log_in: LogIn, owner: User, bank: APIVersion
) -> None:
    client = log_in(owner)
    early = client.get(f"{URL}?trace=unknown&tries=1", headers={"HX-Request": "true"})
    assert b"tries=2" in early.content
    late = client.get(f"{URL}?trace=unknown&tries=99", headers={"HX-Request": "true"})
    assert b"hx-get" not in late.content


def test_of_a_version_that_runs_nowhere_the_draft_can_be_tried(log_in: LogIn, owner: User, acme: Organization) -> None:
    catalog.draft(of=catalog.api(organization=acme, name="bank"))
    assert b"Try this draft" in log_in(owner).get(URL).content
