"""The team of an API: what it says is what the querysets decide."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.accounts.models import Invitation, Organization, User
from apim.accounts.services import invite
from apim.catalog.models import API
from tests.conftest import LogIn
from tests.factories import accounts, catalog

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(acme: Organization) -> API:
    return catalog.api(organization=acme, name="bank")


@pytest.mark.parametrize("team", ["", "payments"])
def test_who_is_said_to_change_an_api_is_who_may(
    bank: API, acme: Organization, owner: User, log_in: LogIn, team: str
) -> None:
    API.objects.update(team=team)
    for role, bound in (("owner", "payments"), ("owner", "cards"), ("developer", "")):
        accounts.member(acme, f"{role}-{bound or 'none'}@acme.example", role=role, team=bound)
    shown = log_in(owner).get("/console/apis/bank/team").context["people"]
    assert len(shown) == 4
    for membership, owns in shown:
        assert owns == API.objects.editable_by(membership.user).filter(pk=bank.pk).exists(), membership


def test_who_leads_invites_into_the_team(
    bank: API, acme: Organization, owner: User, admin: User, log_in: LogIn
) -> None:
    API.objects.update(team="payments")
    bound = accounts.member(acme, "bound@acme.example", role="owner", team="payments")
    path, wish = "/console/apis/bank/team", {"email": "new@acme.example", "role": "team"}
    assert log_in(bound).post(path, wish).status_code == 403
    assert "Let somebody in" not in log_in(bound).get(path).content.decode()
    assert log_in(owner).post(path, wish).status_code == 302
    made = Invitation.objects.get()
    assert (made.role, made.team) == ("owner", "payments")
    assert "new@acme.example" in log_in(owner).get(path).content.decode()
    assert "What can this person see?" in log_in(admin).get(path).content.decode()
    assert log_in(owner).post(path, {"email": "x", "role": "king"}).status_code == 422


def test_many_members_cost_as_many_queries_as_one(bank: API, acme: Organization, owner: User, log_in: LogIn) -> None:
    client = log_in(owner)
    client.get("/console/apis/bank/team")
    with CaptureQueriesContext(connection) as few:
        client.get("/console/apis/bank/team")
    for _ in range(5):
        accounts.member(acme)
    with CaptureQueriesContext(connection) as many:
        client.get("/console/apis/bank/team")
    assert len(many) == len(few)


def test_who_leads_withdraws_invitations_and_sends_expired_ones_again(
    bank: API, acme: Organization, owner: User, log_in: LogIn
) -> None:
    page, client = f"/console/apis/{bank.name}/team", log_in(owner)
    kept = invite(email="ana@acme.example", organization=acme, role="owner", by=accounts.TESTER)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "Expired" in client.get(page).content.decode()
    client.post(page, {"again": kept.pk})
    renewed = Invitation.objects.get()
    assert (renewed.email, renewed.role, renewed.has_expired) == (kept.email, "owner", False)
    assert renewed.token_hash != kept.token_hash
    client.post(page, {"withdraw": renewed.pk})
    assert not Invitation.objects.exists()
    foreign = invite(
        email="b@b.example", organization=accounts.organization(name="elsewhere"), role="owner", by=accounts.TESTER
    )
    assert client.post(page, {"withdraw": foreign.pk}).status_code == 404
