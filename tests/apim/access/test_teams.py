"""Teams and what belongs to them: who sees it, who may give it away, what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from apim.access import services
from apim.access.models import Application, Credential, Subscription
from apim.access.sharing import require_no_other_team
from apim.access.teams import line_of, lines_of
from apim.accounts.models import Invitation, Membership, Organization, Team, User
from apim.accounts.permissions import may_give_to, own_team
from apim.accounts.services import invite
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.models import API
from apim.errors import Forbidden, Invalid
from apim.notifications.models import Notification
from tests.factories import access, accounts, catalog, products

pytestmark = pytest.mark.django_db


@pytest.fixture
def payer(initech: Organization) -> User:
    """A developer bound to the team payments."""
    return accounts.member(initech, "payer@initech.example", team="payments")


@pytest.fixture
def carder(initech: Organization) -> User:
    """A developer bound to the team cards."""
    return accounts.member(initech, "carder@initech.example", team="cards")


@pytest.fixture
def pay(initech: Organization) -> Application:
    """An application of the team payments."""
    return access.application(of=initech, name="pay", team="payments")


@pytest.fixture
def common(initech: Organization) -> Application:
    """An application of the whole organization."""
    return access.application(of=initech, name="common")


def seen(user: User) -> set[str]:
    return set(Application.objects.visible_to(user).values_list("name", flat=True))


class TestWhoSeesApplications:
    def test_a_member_of_a_team_sees_its_own_and_the_whole_organizations(
        self, payer: User, carder: User, pay: Application, common: Application
    ) -> None:
        assert seen(payer) == {"pay", "common"}
        assert seen(carder) == {"common"}

    def test_who_is_in_no_team_sees_all_of_the_organization(
        self, developer: User, admin: User, pay: Application, common: Application
    ) -> None:
        assert seen(developer) == seen(admin) == {"pay", "common"}

    def test_a_team_of_the_same_name_elsewhere_is_another(
        self, pay: Application, common: Application, team_owner: User, stranger: User
    ) -> None:
        assert team_owner.memberships.get().team == pay.team
        assert seen(team_owner) == seen(stranger) == set()

    def test_its_keys_are_seen_by_the_same(self, payer: User, carder: User, pay: Application) -> None:
        access.issued_key(application=pay)
        assert Credential.objects.visible_to(payer).count() == 1
        assert Credential.objects.editable_by(carder).count() == 0

    def test_of_a_key_that_was_found_its_team_hears_and_no_other(
        self, payer: User, carder: User, developer: User, pay: Application
    ) -> None:
        key = access.issued_key(application=pay)
        services.report_leak(text=key.key)
        told = set(Notification.objects.values_list("user__email", flat=True))
        assert told == {payer.email, developer.email}


class TestSubscriptions:
    @pytest.fixture
    def shared(self, pay: Application) -> Subscription:
        product = products.product()
        return access.subscription(application=pay, product=product, plan=product.plans.get())

    def test_one_of_another_teams_application_is_not_seen(
        self, shared: Subscription, payer: User, carder: User, developer: User
    ) -> None:
        assert [Subscription.objects.visible_to(each).count() for each in (payer, carder, developer)] == [1, 0, 1]
        assert [Subscription.objects.editable_by(each).count() for each in (payer, carder, developer)] == [1, 0, 1]

    def test_one_that_two_teams_share_is_seen_by_both_and_changed_by_who_is_in_none(
        self, shared: Subscription, payer: User, carder: User, developer: User, initech: Organization
    ) -> None:
        card = access.application(of=initech, name="card", team="cards")
        access.subscription(application=card, product=shared.product, plan=shared.plan_version.plan)
        assert [Subscription.objects.visible_to(each).count() for each in (payer, carder, developer)] == [1, 1, 1]
        assert [Subscription.objects.editable_by(each).count() for each in (payer, carder, developer)] == [0, 0, 1]
        named = shared.applications.named_to(carder)  # type: ignore[attr-defined]  # of its queryset
        assert [each.name for each in named] == ["card"]

    def test_joining_it_with_another_plan_is_refused(
        self, shared: Subscription, carder: User, developer: User, initech: Organization
    ) -> None:
        card = access.application(of=initech, name="card", team="cards")
        other = products.plan(organization=shared.product.organization)
        wanted: dict[str, Any] = {"application": card, "product": shared.product}
        require_no_other_team(user=carder, plan=shared.plan_version.plan, **wanted)
        require_no_other_team(user=developer, plan=other, **wanted)
        with pytest.raises(Forbidden) as caught:
            require_no_other_team(user=carder, plan=other, **wanted)
        assert caught.value.code == "access.plan_of_other_teams"

    def test_joining_it_takes_back_neither_its_end_nor_a_wish_of_the_others(
        self, shared: Subscription, carder: User, initech: Organization, by: Actor
    ) -> None:
        other = products.plan(organization=shared.product.organization)
        wished = other.versions.get()
        ended: dict[str, Any] = {"lifecycle": Subscription.Lifecycle.CANCELED}
        for changes in (ended, {"requested_plan_version": wished}):
            Subscription.objects.filter(pk=shared.pk).update(**changes)
            card = access.application(of=initech, team="cards")
            plan, product = shared.plan_version.plan, shared.product
            is_others = require_no_other_team(user=carder, application=card, product=product, plan=plan)
            joined = services.subscribe(application=card, product=product, plan=plan, by=by, is_others=is_others)
            assert joined.applications.filter(pk=card.pk).exists()
        shared.refresh_from_db()
        assert (shared.lifecycle, shared.requested_plan_version) == (Subscription.Lifecycle.CANCELED, wished)


class TestGiving:
    def test_who_is_bound_gives_to_the_own_team_or_the_whole_organization(
        self, payer: User, developer: User, stranger: User, initech: Organization
    ) -> None:
        assert own_team(payer, initech.pk) == "payments"
        assert own_team(developer, initech.pk) == own_team(stranger, initech.pk) == ""
        may = [[may_give_to(each, initech.pk, team) for team in ("payments", "cards", "")] for each in
               (payer, developer, stranger)]  # fmt: skip
        assert may == [[True, False, True], [True, True, True], [False, False, False]]

    def test_a_team_that_is_not_there_is_told_with_those_that_are(
        self, pay: Application, initech: Organization, by: Actor
    ) -> None:
        for act in (
            lambda: services.create_application(organization=initech, name="x", team="pyments", by=by),
            lambda: services.update_application(application=pay, changes={"team": "pyments"}, by=by),
            lambda: accounts.services.invite(
                email="x@y.example", organization=initech, role="developer", team="x", by=by
            ),
        ):
            with pytest.raises(Invalid) as caught:
                act()
            assert (caught.value.code, caught.value.field) == ("accounts.no_such_team", "team")
            assert "payments" in caught.value.hint

    def test_moving_and_moving_back_leaves_it_as_it_was(self, pay: Application, carder: User, by: Actor) -> None:
        key = access.issued_key(application=pay).credential
        services.update_application(application=pay, changes={"team": "cards"}, by=by)
        assert seen(carder) == {"pay"}
        services.update_application(application=pay, changes={"team": "payments"}, by=by)
        pay.refresh_from_db()
        key.refresh_from_db()
        assert (pay.team, key.state) == ("payments", "active")


class TestRemoving:
    def test_what_was_its_own_falls_to_the_whole_organization_and_keys_go_on(
        self, payer: User, carder: User, pay: Application, initech: Organization, by: Actor
    ) -> None:
        bound = accounts.member(initech, "bound@initech.example", role="owner", team="payments")
        catalog.api(organization=initech, name="payouts", team="payments")
        invite(email="new@initech.example", organization=initech, role="owner", team="payments", by=by)
        key = access.issued_key(application=pay, creator=payer).credential
        services.remove_team(team=Team.objects.get(name="payments"), by=by)
        assert seen(payer) == seen(carder) == {"pay"}
        assert API.objects.get().team == Invitation.objects.get().team == ""
        assert {*Membership.objects.filter(user__in=[payer, bound]).values_list("team", "role")} == {("", "developer")}
        assert Invitation.objects.get().role == "developer"  # nobody comes to lead by it
        key.refresh_from_db()
        assert key.state == "active"
        event = AuditEvent.objects.get(action="team.delete")
        assert event.before is not None
        assert (event.before["applications"], event.before["apis"]) == (["pay"], ["payouts"])

    def test_a_team_of_the_same_name_elsewhere_keeps_what_is_its_own(
        self, pay: Application, team_owner: User, by: Actor
    ) -> None:
        services.remove_team(team=Team.objects.get(organization=pay.organization), by=by)
        assert team_owner.memberships.get().team == "payments"


class TestLines:
    def test_each_team_is_told_with_what_is_its_own(
        self, payer: User, carder: User, pay: Application, common: Application, initech: Organization, by: Actor
    ) -> None:
        catalog.api(organization=initech, name="payouts", team="payments")
        invite(email="new@initech.example", organization=initech, role="developer", team="payments", by=by)
        told = [
            (str(each), each.members, each.invitations, each.applications, each.apis) for each in lines_of([initech])
        ]
        assert told == [("Cards", 1, 0, 0, 0), ("Payments", 1, 1, 1, 1)]
        assert not line_of(Team.objects.get(name="cards")).is_empty

    def test_a_slug_without_a_row_is_told_too(self, initech: Organization, developer: User) -> None:
        Membership.objects.filter(user=developer).update(team="written-by-the-release-before")
        [line] = lines_of([initech])
        assert (line.team, str(line), line.members) == (None, "written-by-the-release-before", 1)
