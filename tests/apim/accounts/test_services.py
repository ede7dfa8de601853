"""People, organizations, invitations, tokens and the set-up."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.utils import timezone

from apim.accounts import services
from apim.accounts.links import absolute_url
from apim.accounts.models import APIToken, Installation, Invitation, Membership, Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Problems
from apim.notifications.models import Message
from apim.secret_text import is_well_formed
from tests.factories import accounts as accounts_factory
from tests.racing import at_once, codes_of

PASSWORD = accounts_factory.PASSWORD
SET_UP = {"email": "root@example.org", "password": PASSWORD, "organization_name": "Acme Ltd"}


def secret_of(invitation: Invitation) -> str:
    """The secret in the mail that carried the invitation."""
    found = re.search(r"/invite/(\S+)", Message.objects.filter(to=invitation.email).latest("id").body)
    assert found is not None
    return found[1]


class TestOrganizations:
    def test_names_are_slugs_and_unique(self, acme: Organization, by: Actor) -> None:
        with pytest.raises(Conflict) as taken:
            services.create_organization(name="acme", display_name="Another", by=by)
        with pytest.raises(Invalid) as malformed:
            services.create_organization(name="Acme Ltd", display_name="Acme", by=by)
        assert (taken.value.code, taken.value.field) == ("accounts.name_taken", "name")
        assert (malformed.value.code, malformed.value.hint) == ("accounts.name_malformed", "Try acme-ltd.")

    def test_a_change_is_in_the_audit_log_of_the_organization_with_what_differs(
        self, acme: Organization, by: Actor
    ) -> None:
        services.update_organization(organization=acme, changes={"display_name": "Acme SE"}, by=by)
        event = AuditEvent.objects.get(action="organization.update")
        assert (event.before, event.after) == ({"display_name": "Acme Ltd"}, {"display_name": "Acme SE"})
        assert event.organization_id == acme.id

    @pytest.mark.parametrize("field", ["name", "state", "is_default", "id"])
    def test_what_is_not_offered_cannot_be_changed(self, acme: Organization, by: Actor, field: str) -> None:
        with pytest.raises(Invalid) as caught:
            services.update_organization(organization=acme, changes={field: "suspended"}, by=by)
        assert (caught.value.code, caught.value.field) == ("accounts.not_changeable", field)

    def test_who_registers_twice_has_one_organization(self, db: None) -> None:
        person = accounts_factory.user("ana@example.org")
        assert services.register_developer(person) == services.register_developer(person)

    def test_two_people_of_one_name_get_two_organizations(self, db: None) -> None:
        first = services.register_developer(accounts_factory.user("ana@example.org"))
        second = services.register_developer(accounts_factory.user("ana@example.net"))
        assert first.name == "ana"
        assert re.fullmatch(r"ana-[0-9a-f]{6}", second.name)


class TestMembers:
    def test_the_last_owner_of_the_whole_organization_stays(
        self, owner: User, team_owner: User, acme: Organization, by: Actor
    ) -> None:
        membership = Membership.objects.get(user=owner)
        for act in (
            lambda: services.remove_member(membership=membership, by=by),
            lambda: services.change_role(membership=membership, role="developer", team="", by=by),
            lambda: services.change_role(membership=membership, role="owner", team="payments", by=by),
        ):
            with pytest.raises(Conflict) as caught:
                act()
            assert caught.value.code == "accounts.last_owner"
        services.change_role(membership=Membership.objects.get(user=team_owner), role="owner", team="", by=by)
        services.remove_member(membership=membership, by=by)
        assert not Membership.objects.filter(user=owner).exists()

    def test_a_suspended_owner_does_not_count(self, owner: User, acme: Organization, by: Actor) -> None:
        second = accounts_factory.member(acme, role="owner")
        User.objects.filter(pk=second.pk).update(is_active=False)
        with pytest.raises(Conflict):
            services.remove_member(membership=Membership.objects.get(user=owner), by=by)

    def test_a_person_joins_once(self, owner: User, acme: Organization, by: Actor) -> None:
        with pytest.raises(Conflict) as caught:
            services.add_member(organization=acme, user=owner, role="developer", by=by)
        assert caught.value.code == "accounts.member_already"

    @pytest.mark.parametrize(
        ("role", "team", "code"),
        [("boss", "", "accounts.no_such_role"), ("developer", "payments", "accounts.no_such_team")],
    )
    def test_roles_that_make_no_sense_are_refused(
        self, stranger: User, acme: Organization, by: Actor, role: str, team: str, code: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            services.add_member(organization=acme, user=stranger, role=role, team=team, by=by)
        assert caught.value.code == code

    def test_the_last_admin_stays(self, admin: User, by: Actor) -> None:
        with pytest.raises(Conflict) as caught:
            services.withdraw_admin(user=admin, by=by)
        assert caught.value.code == "accounts.last_admin"
        second = services.grant_admin(user=accounts_factory.user(), by=by)
        services.withdraw_admin(user=admin, by=by)
        assert list(User.objects.filter(is_platform_admin=True)) == [second]

    @pytest.mark.django_db(transaction=True)
    def test_of_two_owners_who_remove_each_other_at_once_one_remains(
        self, owner: User, acme: Organization, by: Actor
    ) -> None:
        accounts_factory.member(acme, role="owner")
        memberships = list(Membership.objects.filter(organization=acme, role="owner"))
        ends = at_once(partial(services.remove_member, membership=membership, by=by) for membership in memberships)
        assert codes_of(ends) == ["accounts.last_owner"]
        assert Membership.objects.filter(organization=acme, role="owner").count() == 1


class TestInvitations:
    def test_the_mail_says_who_invites_to_what_with_a_link_that_only_its_hash_is_kept_of(
        self, acme: Organization, by: Actor
    ) -> None:
        invitation = services.invite(email="Ana@example.org", organization=acme, role="owner", by=by)
        message = Message.objects.get()
        assert message.to == "ana@example.org"
        assert "tests invites you to Acme Ltd as owner" in message.body
        secret = secret_of(invitation)
        assert absolute_url(f"/invite/{secret}") in message.body
        assert secret not in str(Invitation.objects.values().get())
        assert secret not in str(AuditEvent.objects.values())

    def test_it_is_accepted_once(self, acme: Organization, stranger: User, by: Actor) -> None:
        invitation = services.invite(email=stranger.email, organization=acme, role="developer", by=by)
        secret = secret_of(invitation)
        membership = services.accept_invitation(token=secret, user=stranger)
        assert (membership.organization, membership.role) == (acme, "developer")
        with pytest.raises(NotFound):
            services.accept_invitation(token=secret, user=stranger)

    def test_it_is_for_one_address(self, acme: Organization, stranger: User, by: Actor) -> None:
        invitation = services.invite(email="ana@example.org", organization=acme, role="owner", by=by)
        with pytest.raises(Forbidden) as caught:
            services.accept_invitation(token=secret_of(invitation), user=stranger)
        assert caught.value.code == "accounts.invitation_for_another"
        assert not acme.memberships.filter(user=stranger).exists()

    @pytest.mark.parametrize("how", ["expired", "withdrawn", "replaced", "made up"])
    def test_a_dead_link_opens_nothing(self, acme: Organization, stranger: User, by: Actor, how: str) -> None:
        invitation = services.invite(email=stranger.email, organization=acme, role="owner", by=by)
        secret = secret_of(invitation)
        if how == "expired":
            Invitation.objects.update(expires_at=timezone.now())
        elif how == "withdrawn":
            services.withdraw_invitation(invitation=invitation, by=by)
        elif how == "replaced":
            services.invite(email=stranger.email, organization=acme, role="developer", by=by)
        else:
            secret += "x"
        assert services.open_invitation(secret) is None
        with pytest.raises(NotFound):
            services.accept_invitation(token=secret, user=stranger)

    def test_a_member_is_raised_but_never_lowered(self, acme: Organization, by: Actor) -> None:
        low, high = accounts_factory.user(), accounts_factory.user()
        secrets = [
            secret_of(services.invite(email=person.email, organization=acme, role=role, by=by))
            for person, role in ((low, "owner"), (high, "developer"))
        ]
        services.add_member(organization=acme, user=low, role="developer", by=by)
        services.add_member(organization=acme, user=high, role="owner", by=by)
        assert services.accept_invitation(token=secrets[0], user=low).role == "owner"
        assert services.accept_invitation(token=secrets[1], user=high).role == "owner"

    def test_members_are_not_invited_again(self, owner: User, acme: Organization, by: Actor) -> None:
        with pytest.raises(Conflict) as caught:
            services.invite(email=owner.email.upper(), organization=acme, role="developer", by=by)
        assert caught.value.code == "accounts.member_already"


class TestTokens:
    def test_a_token_opens_with_its_scopes_and_is_kept_as_a_hash(self, owner: User, by: Actor) -> None:
        issued = services.issue_token(user=owner, name="ci", scopes=["usage:read", "apis:read"], by=by)
        assert is_well_formed(issued.secret)
        found = services.authenticate_token(issued.secret)
        assert found is not None
        assert (found.user, found.scopes) == (owner, ["apis:read", "usage:read"])
        assert issued.secret not in str(APIToken.objects.values().get())
        assert issued.secret not in str(AuditEvent.objects.values())

    @pytest.mark.parametrize("how", ["revoked", "expired", "suspended", "changed", "empty"])
    def test_a_dead_token_opens_nothing(self, owner: User, by: Actor, how: str) -> None:
        issued = services.issue_token(user=owner, name="ci", scopes=["apis:read"], by=by)
        secret = issued.secret
        if how == "revoked":
            services.revoke_token(token=issued.token, by=by)
        elif how == "expired":
            APIToken.objects.update(expires_at=timezone.now())
        elif how == "suspended":
            User.objects.filter(pk=owner.pk).update(is_active=False)
        else:
            secret = "" if how == "empty" else secret[:-1]
        assert services.authenticate_token(secret) is None

    def test_every_refusal_takes_one_query(self, owner: User, by: Actor, django_assert_num_queries: object) -> None:
        issued = services.issue_token(user=owner, name="ci", scopes=["apis:read"], by=by)
        services.revoke_token(token=issued.token, by=by)
        for secret in (issued.secret, "", "apim_pat_unknown", "x" * 10_000):
            with django_assert_num_queries(1):  # type: ignore[operator]
                services.authenticate_token(secret)

    def test_use_is_noted_once_a_minute(self, owner: User, by: Actor, django_assert_num_queries: object) -> None:
        issued = services.issue_token(user=owner, name="ci", scopes=["apis:read"], by=by)
        services.authenticate_token(issued.secret)
        issued.token.refresh_from_db()
        assert issued.token.last_used_at is not None
        with django_assert_num_queries(1):  # type: ignore[operator]
            services.authenticate_token(issued.secret)

    @pytest.mark.parametrize(
        ("scopes", "code"),
        [
            ([], "accounts.no_such_scope"),
            (["apis:destroy"], "accounts.no_such_scope"),
            (["admin"], "accounts.scope_beyond_rights"),
        ],
    )
    def test_scopes_one_may_not_have_are_refused(self, owner: User, by: Actor, scopes: list[str], code: str) -> None:
        with pytest.raises(DomainError) as caught:
            services.issue_token(user=owner, name="ci", scopes=scopes, by=by)
        assert caught.value.code == code

    def test_a_token_expires_in_the_future(self, owner: User, by: Actor) -> None:
        expires_at = timezone.now() - timedelta(seconds=1)
        with pytest.raises(Invalid) as caught:
            services.issue_token(user=owner, name="ci", scopes=["apis:read"], by=by, expires_at=expires_at)
        assert caught.value.field == "expires_at"


@pytest.mark.django_db
class TestSetUp:
    def test_the_link_makes_the_admin_the_organization_and_the_address(self) -> None:
        user = services.set_up(token=services.new_set_up_link(), base_url="https://apis.example.com/", **SET_UP)
        assert user.is_platform_admin
        assert user.check_password(PASSWORD)
        organization = Organization.objects.get()
        assert (organization.name, organization.is_default) == ("acme-ltd", True)
        assert Membership.objects.get().role == "owner"
        assert absolute_url("/my") == "https://apis.example.com/my"

    def test_it_works_once_and_only_the_last_one(self) -> None:
        first, second = services.new_set_up_link(), services.new_set_up_link()
        with pytest.raises(Forbidden) as void:
            services.set_up(token=first, base_url="https://apis.example.com", **SET_UP)
        services.set_up(token=second, base_url="https://apis.example.com", **SET_UP)
        with pytest.raises(Conflict) as used:
            services.set_up(token=second, base_url="https://apis.example.com", **SET_UP)
        with pytest.raises(Conflict):
            services.new_set_up_link()
        assert (void.value.code, used.value.code) == ("accounts.set_up_link_void", "accounts.set_up_already")

    def test_no_link_no_set_up(self) -> None:
        services.installation()
        with pytest.raises(Forbidden):
            services.set_up(token="", base_url="https://apis.example.com", **SET_UP)

    def test_the_organization_that_the_example_made_gets_the_name(self) -> None:
        existing = services.default_organization()
        services.set_up(token=services.new_set_up_link(), base_url="https://apis.example.com", **SET_UP)
        existing.refresh_from_db()
        assert existing.display_name == "Acme Ltd"
        assert Organization.objects.count() == 1

    def test_a_refused_set_up_leaves_the_link_usable(self) -> None:
        link = services.new_set_up_link()
        with pytest.raises(Problems) as caught:
            services.set_up(token=link, base_url="https://apis.example.com", **SET_UP | {"password": "short"})
        assert caught.value.field == "password"
        assert Installation.objects.get().set_up_at is None
        services.set_up(token=link, base_url="https://apis.example.com", **SET_UP)

    @pytest.mark.parametrize(
        "url", ["", "apis.example.com", "javascript:alert(1)", "https://u:p@x.example", "https://x/?q"]
    )
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(Invalid) as caught:
            services.set_up(token=services.new_set_up_link(), base_url=url, **SET_UP)
        assert caught.value.field == "base_url"

    def test_before_set_up_links_have_the_address_of_the_start(self) -> None:
        assert absolute_url("/my") == f"{settings.BASE_URL}/my"


class TestPeople:
    def test_errors_are_told_at_once(self, owner: User, by: Actor) -> None:
        with pytest.raises(Problems) as caught:
            services.create_user(email=owner.email.upper(), password="123", by=by)
        assert [error.code for error in caught.value.errors] == ["accounts.email_taken", "accounts.password_weak"]

    def test_the_audit_log_holds_no_password(self, owner: User) -> None:
        assert "password" not in str(AuditEvent.objects.filter(target_kind="user").values())
