"""Slugs of teams that a release without teams wrote get a row each, and stay as they are."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apim.accounts.models import Invitation, Membership, Organization, Team
from apim.catalog.models import API
from tests.factories import accounts, catalog

BEFORE = [("accounts", "0005_team"), ("catalog", "0006_name_a_service_for_the_sandbox")]
AFTER = [("accounts", "0006_name_teams"), ("catalog", "0007_name_teams_of_apis")]


@pytest.mark.django_db(transaction=True)
def test_each_slug_in_use_becomes_a_team_of_its_organization(acme: Organization, globex: Organization) -> None:
    MigrationExecutor(connection).migrate(BEFORE)
    accounts.member(acme)
    accounts.member(globex)
    accounts.services.invite(email="new@acme.example", organization=acme, role="owner", by=accounts.TESTER)
    for name in ("bank", "cards"):
        catalog.api(organization=acme, name=name)
    Membership.objects.update(team="core-banking")
    Invitation.objects.update(team="Payments")
    API.objects.filter(name="bank").update(team="payments")
    API.objects.filter(name="cards").update(team="core-banking")
    MigrationExecutor(connection).migrate(AFTER)
    assert set(Team.objects.values_list("organization__name", "name", "display_name")) == {
        ("acme", "core-banking", "Core banking"),
        ("acme", "payments", "Payments"),
        ("acme", "Payments", "Payments"),
        ("globex", "core-banking", "Core banking"),
    }
    assert set(Membership.objects.values_list("team", flat=True)) == {"core-banking"}
    assert Invitation.objects.get().team == "Payments"
