"""Organization, invitations, settings, tokens."""

from __future__ import annotations

import re

from django.core import mail

from apim.accounts.models import APIToken, Invitation, Membership, Organization, User
from apim.accounts.services import add_member, authenticate_token
from apim.notifications.models import Message
from tests.conftest import LogIn
from tests.factories import access
from tests.factories.accounts import TESTER


def test_an_owner_invites_and_the_invited_join(acme: Organization, owner: User, stranger: User, log_in: LogIn) -> None:
    log_in(owner).post("/my/organization", {"email": stranger.email, "role": "developer", "team": ""})
    bodies = [str(each.body) for each in mail.outbox] + list(Message.objects.values_list("body", flat=True))
    link = re.search(r"/invite/[\w-]+", "\n".join(bodies))
    assert link is not None
    client = log_in(stranger)
    assert "Join Acme Ltd" in client.get(link[0]).content.decode()
    assert client.post(link[0])["Location"] == "/my"
    assert Membership.objects.filter(user=stranger, organization=acme, role="developer").exists()
    assert "This invitation has ended" in client.get(link[0]).content.decode()


def test_signing_up_by_an_invitation_needs_no_second_code(acme: Organization, owner: User, log_in: LogIn) -> None:
    log_in(owner).post("/my/organization", {"email": "nina@example.com", "role": "developer", "team": ""})
    link = re.search(r"/invite/[\w-]+", Message.objects.get(to="nina@example.com").body)
    assert link is not None
    client = log_in(None)
    client.get(link[0])
    made = client.post("/account/signup/", {"email": "nina@example.com", "password1": "a-long-passphrase-7"})
    assert client.get(made["Location"], follow=True).redirect_chain[-1:] in ([], [(link[0], 302)])
    assert client.get(link[0]).status_code == 200
    client.post(link[0])
    assert acme.memberships.filter(user__email="nina@example.com").exists()


def test_developers_cannot_invite(developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    assert "Invite somebody" not in client.get("/my/organization").content.decode()
    answer = client.post("/my/organization", {"email": "a@example.org", "role": "owner", "team": ""})
    assert answer.status_code == 404
    assert not Invitation.objects.exists()


def test_removing_a_member_takes_their_keys(acme: Organization, owner: User, team_owner: User, log_in: LogIn) -> None:
    key = access.issued_key(application=access.application(of=acme), creator=team_owner).credential
    membership = Membership.objects.get(user=team_owner)
    client = log_in(owner)
    assert "Keys that they created" in client.get(f"/my/members/{membership.id}/remove").content.decode()
    assert client.post(f"/my/members/{membership.id}/remove").status_code == 422
    client.post(f"/my/members/{membership.id}/remove", {"typed": team_owner.email})
    key.refresh_from_db()
    assert key.state == "revoked"


def test_keys_of_a_member_who_goes_may_go_on_under_who_removes_them(
    acme: Organization, owner: User, team_owner: User, log_in: LogIn
) -> None:
    key = access.issued_key(application=access.application(of=acme), creator=team_owner).credential
    path = f"/my/members/{Membership.objects.get(user=team_owner).id}/remove"
    log_in(owner).post(path, {"typed": team_owner.email, "keys": "keep"})
    key.refresh_from_db()
    assert (key.state, key.creator) == ("active", owner)
    assert not Membership.objects.filter(user=team_owner).exists()


def test_acting_for_another_organization_is_remembered(
    globex: Organization, developer: User, stranger: User, log_in: LogIn
) -> None:
    add_member(organization=globex, user=developer, role="developer", by=TESTER)
    client = log_in(developer)
    client.post("/my/organization/switch", {"organization": globex.id})
    assert f'value="{globex.id}" selected>Globex Corp<' in client.get("/my").content.decode()
    assert log_in(stranger).post("/my/organization/switch", {"organization": globex.id}).status_code == 404


def test_a_name_is_saved(developer: User, log_in: LogIn) -> None:
    log_in(developer).post("/my/settings", {"name": "Dana"})
    developer.refresh_from_db()
    assert developer.name == "Dana"


def test_a_token_is_shown_once_works_and_is_revoked(developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    page = client.post("/my/settings/tokens/new", {"name": "ci", "scopes": ["apis:read"], "lifetime": 30})
    found = re.search(r'id="token">([^<]+)<', page.content.decode())
    assert found is not None
    assert authenticate_token(found[1]) is not None
    assert found[1] not in client.get("/my/settings").content.decode()
    assert client.post(f"/my/settings/tokens/{APIToken.objects.get().id}/revoke").status_code == 422
    client.post(f"/my/settings/tokens/{APIToken.objects.get().id}/revoke", {"typed": "ci"})
    assert authenticate_token(found[1]) is None


def test_only_admins_are_offered_the_admin_scope(developer: User, admin: User, log_in: LogIn) -> None:
    assert 'value="admin"' not in log_in(developer).get("/my/settings/tokens/new").content.decode()
    assert 'value="admin"' in log_in(admin).get("/my/settings/tokens/new").content.decode()
    answer = log_in(developer).post("/my/settings/tokens/new", {"name": "x", "scopes": ["admin"], "lifetime": 30})
    assert answer.status_code == 422


def test_nobody_revokes_the_token_of_somebody_else(developer: User, stranger: User, log_in: LogIn) -> None:
    log_in(developer).post("/my/settings/tokens/new", {"name": "ci", "scopes": ["apis:read"], "lifetime": 30})
    token = APIToken.objects.get()
    assert log_in(stranger).post(f"/my/settings/tokens/{token.id}/revoke").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_an_owner_hands_the_organization_over(acme: Organization, owner: User, team_owner: User, log_in: LogIn) -> None:
    client = log_in(owner)
    mine, theirs = (acme.memberships.get(user=person) for person in (owner, team_owner))
    kept = client.post(f"/my/members/{mine.id}/role", {"role": "developer", "team": ""})
    assert kept.status_code == 422
    assert "the last owner" in kept.content.decode()
    client.post(f"/my/members/{theirs.id}/role", {"role": "owner", "team": ""})
    client.post(f"/my/members/{mine.id}/role", {"role": "developer", "team": ""})
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.role, theirs.role, theirs.team) == ("developer", "owner", "")
    assert client.get(f"/my/members/{theirs.id}/role").status_code == 404


def test_an_invitation_is_sent_again_with_another_link(acme: Organization, owner: User, log_in: LogIn) -> None:
    client = log_in(owner)
    client.post("/my/organization", {"email": "nina@example.com", "role": "developer", "team": ""})
    first = Invitation.objects.get()
    assert client.get(f"/my/invitations/{first.id}/again").status_code == 405
    client.post(f"/my/invitations/{first.id}/again")
    second = Invitation.objects.get()
    assert second.token_hash != first.token_hash
    assert second.expires_at > first.expires_at
    assert Message.objects.filter(to="nina@example.com").count() == 2
