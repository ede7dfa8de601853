"""Teams over REST, and the team of an application."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, Team, User
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories import access, accounts, products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("environment")]


def test_who_leads_the_organization_makes_names_and_removes_teams(
    api: MakeClient, owner: User, team_owner: User, acme: Organization
) -> None:
    client, wish = api(owner), {"organization": "acme", "name": "cards", "display_name": "Cards"}
    made = client.post("/api/v1/teams", wish, format="json")
    assert (made.status_code, made.json()["display_name"]) == (201, "Cards")
    assert_problem(client.post("/api/v1/teams", wish, format="json"), 409, "accounts.team_taken")
    renamed = client.patch("/api/v1/teams/acme:cards", {"display_name": "Cards & loans"}, format="json")
    assert (renamed.json()["name"], renamed.json()["display_name"]) == ("cards", "Cards & loans")
    seen = api(team_owner).get("/api/v1/teams?filter[organization]=acme").json()["data"]
    assert [each["name"] for each in seen] == ["cards", "payments"]
    assert_problem(api(team_owner).post("/api/v1/teams", wish, format="json"), 403, "request.forbidden")
    assert_problem(api(team_owner).delete("/api/v1/teams/cards"), 403, "request.forbidden")
    assert client.delete("/api/v1/teams/cards").status_code == 204
    assert set(Team.objects.values_list("name", flat=True)) == {"payments"}


def test_an_application_is_given_to_teams_that_there_are(
    api: MakeClient, developer: User, initech: Organization
) -> None:
    accounts.services.create_team(organization=initech, name="shops", by=accounts.TESTER)
    client = api(developer)
    unknown = client.post("/api/v1/applications", {"name": "shop", "team": "shop"}, format="json")
    assert_problem(unknown, 400, "accounts.no_such_team")
    assert unknown.json()["hint"] == "Its teams are shops."
    made = client.post("/api/v1/applications", {"name": "shop", "team": "shops"}, format="json")
    assert made.json()["team"] == "shops"
    assert [each["name"] for each in client.get("/api/v1/applications?filter[team]=shops").json()["data"]] == ["shop"]
    assert client.patch("/api/v1/applications/shop", {"team": ""}, format="json").json()["team"] == ""


def test_who_is_bound_to_a_team_gives_to_it_or_to_all(api: MakeClient, initech: Organization) -> None:
    access.application(of=initech, name="theirs", team="cards")
    client = api(accounts.member(initech, team="shops"))
    assert client.post("/api/v1/applications", {"name": "mine"}, format="json").json()["team"] == "shops"
    for answer in (
        client.post("/api/v1/applications", {"name": "x", "team": "cards"}, format="json"),
        client.patch("/api/v1/applications/mine", {"team": "cards"}, format="json"),
    ):
        assert_problem(answer, 403, "request.forbidden")
    assert_problem(client.get("/api/v1/applications/theirs"), 404, "request.not_found")


def test_a_shared_subscription_is_not_found_by_what_another_team_calls_its_application(
    api: MakeClient, developer: User, initech: Organization
) -> None:
    product = products.product()
    for name in ("theirs", "mine"):
        application = access.application(of=initech, name=name, team=name)
        access.subscription(application=application, product=product, plan=product.plans.get())
    bound = api(accounts.member(initech, team="mine"))
    for client, name, found in ((bound, "mine", 1), (bound, "theirs", 0), (api(developer), "theirs", 1)):
        listed = client.get(f"/api/v1/subscriptions?filter[application]={name}").json()["data"]
        assert len(listed) == found, name
