"""`apim transfers` against a control plane that listens."""

from __future__ import annotations

import json

import pytest

from apim.access.models import Application
from apim.access.services import create_application
from apim.accounts.models import User
from tests.apim.cli.conftest import Run
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_application_is_offered_looked_at_and_taken(apim: Run, boss: User) -> None:
    agency, client = (accounts_factory.organization(name=name) for name in ("agency", "client"))
    accounts_factory.services.add_member(organization=client, user=boss, role="owner", by=TESTER)
    create_application(organization=agency, name="shop", by=TESTER)
    offered = apim("transfers", "offer", "agency:shop", "--to", "client")
    assert offered.returncode == 0, offered.stderr
    transfer = offered.stdout.strip()
    shown = json.loads(apim("transfers", "show", transfer, "-o", "json").stdout)
    assert (shown["source"], shown["to"], shown["luggage"]["organization"]) == ("agency", "client", "client")
    taken = apim("transfers", "accept", transfer, "--agreed", shown["luggage"]["digest"], "-o", "table")
    assert "shop belongs to client now." in taken.stderr, taken.stderr
    assert Application.objects.get().organization == client
    again = apim("transfers", "withdraw", transfer)
    assert again.returncode == 1
    assert "This offer is over" in again.stderr
