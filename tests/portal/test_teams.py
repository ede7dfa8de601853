"""Teams in the portal: listed, made, named anew, removed; what belongs to them, and who may give it away."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.access.models import Application
from apim.accounts.models import Invitation, Organization, Team, User
from tests.conftest import LogIn
from tests.factories import access, accounts, catalog

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("environment")]


@pytest.fixture
def payments(acme: Organization) -> Team:
    return accounts.services.create_team(organization=acme, display_name="Payments & Cards", by=accounts.TESTER)


@pytest.fixture
def payer(acme: Organization, payments: Team) -> User:
    """A developer bound to that team."""
    return accounts.member(acme, "payer@acme.example", team=payments.name)


def test_an_owner_makes_a_team_and_gives_it_people(owner: User, acme: Organization, log_in: LogIn) -> None:
    client = log_in(owner)
    assert "No teams" in client.get("/my/organization").content.decode()
    made = client.post("/my/teams/new", {"display_name": "Payments & Cards", "name": ""})
    team = Team.objects.get()
    assert (made.headers["Location"], team.name) == (f"/my/teams/{team.id}", "payments-cards")
    assert client.post("/my/teams/new", {"display_name": "支払い", "name": ""}).status_code == 422
    assert client.post("/my/teams/new", {"display_name": "Again", "name": "payments-cards"}).status_code == 422
    wish = {"email": "new@acme.example", "role": "developer", "team": "payments-cards"}
    assert client.post("/my/organization", wish).status_code == 302
    assert Invitation.objects.get().team == "payments-cards"
    assert client.post("/my/organization", wish | {"team": "made-up"}).status_code == 422
    member = accounts.member(acme).memberships.get()
    client.post(f"/my/members/{member.id}/role", {"role": "developer", "team": "payments-cards"})
    member.refresh_from_db()
    assert member.team == "payments-cards"
    assert "Payments &amp; Cards" in client.get("/my/organization").content.decode()


def test_developers_see_teams_and_change_none(payer: User, payments: Team, log_in: LogIn) -> None:
    client = log_in(payer)
    assert payer.email in client.get(f"/my/teams/{payments.id}").content.decode()
    assert client.get("/my/teams/new").status_code == 403
    assert client.get(f"/my/teams/{payments.id}/edit").status_code == 404
    assert client.post(f"/my/teams/{payments.id}/remove").status_code == 404


def test_a_new_name_leaves_the_slug(owner: User, payments: Team, log_in: LogIn) -> None:
    log_in(owner).post(f"/my/teams/{payments.id}/edit", {"display_name": "Money"})
    payments.refresh_from_db()
    assert (payments.display_name, payments.name) == ("Money", "payments-cards")


def test_removing_a_team_says_what_becomes_of_what_it_has(
    owner: User, payer: User, payments: Team, acme: Organization, log_in: LogIn
) -> None:
    app = access.application(of=acme, name="shop", team=payments.name)
    catalog.api(organization=acme, name="bank", team=payments.name)
    client, path = log_in(owner), f"/my/teams/{payments.id}/remove"
    asked = client.get(path).content.decode()
    assert "What it has goes to the whole organization: 1 application, 1 API. Keys go on working." in asked
    assert client.post(path, {"typed": "something else"}).status_code == 422
    assert client.post(path, {"typed": payments.name}).headers["Location"] == "/my/organization"
    app.refresh_from_db()
    assert (app.team, payer.memberships.get().team, Team.objects.count()) == ("", "", 0)


def test_an_empty_team_goes_without_its_name(owner: User, payments: Team, log_in: LogIn) -> None:
    log_in(owner).post(f"/my/teams/{payments.id}/remove")
    assert not Team.objects.exists()


def test_an_application_is_of_the_team_of_who_makes_it(
    payer: User, owner: User, payments: Team, acme: Organization, log_in: LogIn
) -> None:
    accounts.services.create_team(organization=acme, name="cards", by=accounts.TESTER)
    client = log_in(payer)
    form = client.get("/my/apps/new").context["form"]
    assert (form["team"].value(), [value for value, _ in form.fields["team"].choices]) == (
        payments.name,
        ["", payments.name],
    )
    client.post("/my/apps/new", {"display_name": "Mine", "team": payments.name})
    client.post("/my/apps/new", {"display_name": "Everybody's", "team": ""})
    assert client.post("/my/apps/new", {"display_name": "Theirs", "team": "cards"}).status_code == 422
    log_in(owner).post("/my/apps/new", {"display_name": "Theirs", "team": "cards"})
    assert set(Application.objects.values_list("display_name", "team")) == {
        ("Mine", payments.name),
        ("Everybody's", ""),
        ("Theirs", "cards"),
    }
    shown = client.get("/my/apps")
    assert [row[0].display_name for row in shown.context["applications"]] == ["Everybody's", "Mine"]
    narrowed = [client.get(f"/my/apps?team={team}").context["applications"] for team in (payments.name, "-", "cards")]
    assert [[row[0].display_name for row in rows] for rows in narrowed] == [["Mine"], ["Everybody's"], []]


def test_moving_an_application_is_taken_back_by_one_press(
    owner: User, payer: User, payments: Team, acme: Organization, log_in: LogIn
) -> None:
    app = access.application(of=acme, name="shop")
    client, path = log_in(owner), f"/my/apps/{app.id}/team"
    moved = client.post(path, {"team": payments.name}, follow=True)
    assert f"{path}?to=" in moved.content.decode()
    assert [str(each) for each in moved.context["messages"]] == [f"shop belongs to the team {payments} now."]
    assert client.get(f"{path}?to=").context["form"]["team"].value() == ""
    app.refresh_from_db()
    assert app.team == payments.name
    back = client.post(f"{path}?to=", {"team": ""}, follow=True)
    assert [str(each) for each in back.context["messages"]] == ["shop belongs to the whole organization now."]
    app.refresh_from_db()
    assert app.team == ""
    accounts.member(acme, team="cards")
    assert log_in(payer).post(path, {"team": "cards"}).status_code == 422


def test_where_there_are_no_teams_nobody_is_asked_for_one(developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    assert "team" not in client.get("/my/apps/new").context["form"].fields
    assert "Give to a team" not in client.get("/my/apps").content.decode()


def test_many_teams_cost_as_many_queries_as_one(owner: User, acme: Organization, payments: Team, log_in: LogIn) -> None:
    client = log_in(owner)
    access.application(of=acme, team=payments.name)
    pages = ("/my/organization", "/my/apps", f"/my/teams/{payments.id}")

    def queries() -> list[int]:
        found = []
        for path in pages:
            with CaptureQueriesContext(connection) as asked:
                client.get(path)
            found.append(len(asked))
        return found

    queries()
    few = queries()
    for number in range(4):
        accounts.member(acme, team=f"team-{number}")
        accounts.member(acme, team=payments.name)
        access.application(of=acme, team=f"team-{number}")
        access.application(of=acme, team=payments.name)
    assert queries() == few


def test_the_catalogue_is_narrowed_by_what_teams_are_called(
    acme: Organization, globex: Organization, payments: Team, log_in: LogIn
) -> None:
    Team.objects.create(organization=globex, name=payments.name, display_name="Secret plans")
    catalog.published(of=catalog.api(organization=acme, name="bank", team=payments.name))
    catalog.published(of=catalog.api(organization=acme, name="maps", team="cards"))
    answer = log_in(None).get("/")
    teams = answer.context["topics"].teams
    assert sorted(teams) == [("cards", "Cards", 1), (payments.name, payments.display_name, 1)]
    assert f"team={payments.name}" in answer.content.decode()
