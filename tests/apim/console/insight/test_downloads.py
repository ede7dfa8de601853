"""Tables as files: all rows of what a page shows the first of, and a last line where even a file is cut."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.catalog.models import APIVersion
from apim.console.insight import filters
from apim.console.views import analytics
from tests.conftest import LogIn
from tests.factories import access, catalog
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest

pytestmark = pytest.mark.django_db

MANY = 65  # more than any page shows


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def client(log_in: LogIn, owner: User, bank: APIVersion) -> Client:
    """Of an owner whose API many applications called, each another operation, which failed."""
    ids = [access.application(name=f"shop-{number}").id for number in range(MANY)]
    told = [
        event(
            number + 1, at=timezone.now(), status=500, version_id=bank.id, application=caller,
            operation=f"GET /{number}", request_id=f"r-{number}",
        )
        for number, caller in enumerate(ids)
    ]  # fmt: skip
    ingest(gateway=enrolled_gateway().gateway, batch=batch(*told))
    return log_in(owner)


def rows(client: Client, path: str) -> list[list[str]]:
    text = client.get(f"/console/{path}").content.decode().removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text)))[1:]


@pytest.mark.parametrize("path", [
    "apis/bank/analytics?csv=operations", "apis/bank/analytics?csv=applications", "apis/bank/analytics?csv=samples",
    "analytics/errors?csv=groups", "analytics/latency?api=bank&csv=slowest", "analytics/consumers?csv=callers",
    "analytics/map?csv=map",
])  # fmt: skip
def test_a_file_holds_every_row(client: Client, path: str) -> None:
    assert len(rows(client, path)) == MANY


def test_a_file_that_is_cut_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (filters, analytics):
        monkeypatch.setattr(module, "MOST_ROWS", 30)
    found = rows(client, "apis/bank/analytics?csv=operations")
    assert len(found) == 31
    assert found[-1] == ["This file ends after 30 rows: choose a shorter time or more filters for the rest."]
