"""Teams in the console: what each has, and choosing one for an API and for a person."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Membership, Organization, Team, User
from tests.conftest import LogIn
from tests.factories import access, accounts, catalog

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("environment")]


def test_admins_see_what_each_team_has(admin: User, acme: Organization, initech: Organization, log_in: LogIn) -> None:
    client = log_in(admin)
    assert "No teams yet" in client.get("/console/admin/teams").content.decode()
    catalog.api(organization=acme, name="bank", team="payments")
    access.application(of=acme, name="shop", team="payments")
    accounts.member(acme, "payer@acme.example", team="payments")
    accounts.member(initech, team="payments")  # another one
    told = client.get("/console/admin/teams").context["teams"]
    assert [(row.organization.name, line.members, line.applications, line.apis) for row, line in told] == [
        ("acme", 1, 1, 1),
        ("initech", 1, 0, 0),
    ]
    team = Team.objects.get(organization=acme)
    shown = client.get(f"/console/admin/teams/{team.id}").content.decode()
    for name in ("payer@acme.example", "shop", "bank"):
        assert name in shown
    narrowed = client.get("/console/admin/teams?q=inite").context["teams"]
    assert [row.organization.name for row, _ in narrowed] == ["initech"]


def test_admins_make_name_and_remove_teams(admin: User, acme: Organization, log_in: LogIn) -> None:
    client = log_in(admin)
    assert client.get("/console/admin/new-team?organization=acme").context["form"].initial["organization"] == acme
    wish = {"organization": acme.pk, "display_name": "Payments", "name": ""}
    assert client.post("/console/admin/new-team", wish).status_code == 302
    team = Team.objects.get()
    client.post(f"/console/admin/teams/{team.id}", {"display_name": "Money"})
    accounts.member(acme, team="payments")
    path = f"/console/admin/teams/{team.id}/remove"
    assert "Its 1 member stays" in client.get(path).content.decode()
    assert client.post(path, {"typed": "no"}).status_code == 422
    assert client.post(path, {"typed": "payments"}).headers["Location"] == "/console/admin/teams"
    assert (Membership.objects.get().team, Team.objects.count()) == ("", 0)


def test_a_person_gets_a_team_of_the_organization_chosen(
    admin: User, stranger: User, acme: Organization, initech: Organization, log_in: LogIn
) -> None:
    accounts.services.create_team(organization=acme, name="payments", by=accounts.TESTER)
    team, client, path = Team.objects.get(), log_in(admin), f"/console/admin/users/{stranger.id}"
    refused = client.post(path, {"organization": initech.pk, "role": "developer", "team": team.pk})
    assert "payments is a team of Acme Ltd" in refused.content.decode()
    client.post(path, {"organization": acme.pk, "role": "developer", "team": team.pk})
    membership = Membership.objects.get(user=stranger, organization=acme)
    assert membership.team == "payments"
    client.post(f"/console/admin/memberships/{membership.id}", {"role": "developer", "team": ""})
    membership.refresh_from_db()
    assert membership.team == ""


def test_an_api_is_handed_to_a_team_that_one_may_hand_it_to(
    owner: User, team_owner: User, acme: Organization, log_in: LogIn
) -> None:
    bank = catalog.api(organization=acme, name="bank", team="payments")
    accounts.services.create_team(organization=acme, name="cards", by=accounts.TESTER)
    path = f"/console/apis/{bank.name}/settings"
    offered = [
        [value for value, _ in log_in(person).get(path).context["form"].fields["team"].choices]
        for person in (owner, team_owner)
    ]
    assert offered == [["", "cards", "payments"], ["", "payments"]]


def test_sight_says_whose_applications_are_open(admin: User, acme: Organization, log_in: LogIn) -> None:
    access.application(of=acme, name="shop", team="cards")
    access.application(of=acme, name="common")
    payer = accounts.member(acme, "payer@acme.example", team="payments")
    sight = log_in(admin).get(f"/console/admin/users/{payer.id}/sight")
    assert "those of Payments and of the whole organization" in sight.content.decode()
    [applications] = [noun for noun in sight.context["sight"].nouns if noun.title == "Applications"]
    assert (applications.visible, list(applications.labels)) == (1, ["common"])


def test_many_teams_cost_as_many_queries_as_one(admin: User, acme: Organization, log_in: LogIn) -> None:
    client = log_in(admin)
    team = accounts.services.create_team(organization=acme, name="first", by=accounts.TESTER)
    pages = ("/console/admin/teams", f"/console/admin/teams/{team.id}", "/console/admin/organizations/acme")

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
        accounts.member(accounts.organization(), team=f"team-{number}")
        accounts.member(acme, team="first")
        access.application(of=acme, team="first")
    assert queries() == few


def test_pages_call_a_team_by_its_name(admin: User, acme: Organization, log_in: LogIn) -> None:
    accounts.services.create_team(organization=acme, name="pay", display_name="Money & cards", by=accounts.TESTER)
    catalog.published(of=catalog.api(organization=acme, name="bank", team="pay"))
    access.application(of=acme, name="shop", team="pay")
    payer = accounts.member(acme, "payer@acme.example", role="owner", team="pay")
    wish = {"email": "new@acme.example", "role": "owner", "team": "pay"}
    accounts.services.invite(organization=acme, by=accounts.TESTER, **wish)
    client = log_in(admin)
    own = ("/", "/apis", "/apis/bank", "/apis/bank/team", "/apis?q=cards")
    admins = ("users", f"users/{payer.id}", "organizations/acme", "applications")
    for path in (*own, *(f"/admin/{each}" for each in admins)):
        shown = client.get(f"/console{path}").content.decode()
        assert "Money &amp; cards" in shown, path


def test_an_admin_chooses_who_answers_for_the_keys_of_a_member_who_goes(
    admin: User, owner: User, acme: Organization, log_in: LogIn
) -> None:
    leaver = accounts.member(acme, "leaver@acme.example", role="owner")
    accounts.member(acme, "bound@acme.example", role="owner", team="payments")
    issued = access.issued_key(application=access.application(of=acme, name="shop"), creator=leaver)
    membership = Membership.objects.get(user=leaver)
    client, path = log_in(admin), f"/console/admin/memberships/{membership.id}/remove"
    assert list(client.get(path).context["form"].fields["heir"].queryset) == [owner]
    assert client.post(path, {"heir": owner.pk, "typed": "no"}).status_code == 422
    client.post(path, {"heir": owner.pk, "typed": leaver.email})
    issued.credential.refresh_from_db()
    assert not Membership.objects.filter(user=leaver).exists()
    assert (issued.credential.creator, issued.credential.state) == (owner, "active")
