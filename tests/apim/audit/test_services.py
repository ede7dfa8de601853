"""What the audit log keeps, leaves out, and shows to whom."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.audit.services import record, state_of
from apim.gateways.models import Environment
from apim.notifications.models import MailServer, Message


def test_a_row_names_actor_target_and_organization(owner: User, by: Actor) -> None:
    membership = owner.memberships.get()
    event = record(by=by, action="membership.look", target=membership, after={"a": 1}, reason="curious")
    assert (event.actor_kind, event.actor_label) == ("system", "tests")
    assert (event.target_kind, event.target_id, event.target_label) == ("membership", membership.id, str(membership))
    assert event.organization_id == membership.organization_id
    assert event.reason == "curious"


def test_with_both_states_only_what_differs_is_kept(environment: Environment, by: Actor) -> None:
    event = record(by=by, action="x", target=environment, before={"a": 1, "b": 2}, after={"a": 1, "b": 3, "c": 4})
    assert (event.before, event.after) == ({"b": 2}, {"b": 3, "c": 4})


def test_a_long_label_is_cut(owner: User) -> None:
    owner.name = "x" * 500
    event = record(by=Actor("user", owner.id, "y" * 500), action="x", target=owner)
    assert (len(event.target_label), len(event.actor_label)) == (200, 200)


def test_secrets_never_become_state(owner: User) -> None:
    assert "password" not in state_of(owner)
    assert "password_sealed" not in state_of(MailServer(password_sealed=b"x"))
    assert state_of(owner)["created_at"] == owner.created_at.isoformat()


def test_a_long_text_is_kept_as_its_digest(db: None) -> None:
    state = state_of(Message(to="a@example.org", body="x" * 5000))
    assert state["body"]["length"] == 5000
    assert len(state["body"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("who", "sees_acme", "sees_globex"),
    [
        ("admin", True, True),
        ("owner", True, False),
        ("other_owner", False, True),
        ("team_owner", False, False),
        ("developer", False, False),
        ("stranger", False, False),
    ],
)
def test_people_read_what_happened_where_they_lead(
    request: pytest.FixtureRequest,
    acme: Organization,
    globex: Organization,
    by: Actor,
    who: str,
    sees_acme: bool,
    sees_globex: bool,
) -> None:
    user = request.getfixturevalue(who)
    for organization in (acme, globex):
        record(by=by, action="x", target=organization, organization_id=organization.id)
    seen = AuditEvent.objects.visible_to(user).filter(action="x")
    assert {event.target_id for event in seen} == {
        organization.id for organization, is_seen in ((acme, sees_acme), (globex, sees_globex)) if is_seen
    }


def test_visitors_and_the_suspended_read_nothing(admin: User) -> None:
    admin.is_active = False
    assert not AuditEvent.objects.visible_to(admin).exists()
    assert not AuditEvent.objects.visible_to(AnonymousUser()).exists()
