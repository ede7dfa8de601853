"""Suspensions of applications, organizations and people, and the end of memberships.

Promises H37.
"""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client

from apim.access import services
from apim.access.models import Application, Credential
from apim.accounts.models import Membership, User
from apim.accounts.services import authenticate_token, issue_token
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict
from tests.apim.access.conftest import Log
from tests.factories import access as access_factory
from tests.factories import accounts as accounts_factory
from tests.racing import at_once, codes_of


def test_a_suspended_application_is_refused_until_it_is_resumed(shop: Application, log: Log, by: Actor) -> None:
    access_factory.issued_key(application=shop)
    services.suspend_application(application=shop, by=by, reason="flood")
    assert log.body("application", shop.id) == {
        "organization": shop.organization_id, "state": "suspended", "name": "shop",
    }  # fmt: skip
    assert AuditEvent.objects.get(action="application.suspend").reason == "flood"
    with pytest.raises(Conflict):
        services.suspend_application(application=shop, by=by)
    services.resume_application(application=shop, by=by)
    body = log.body("application", shop.id)
    assert body is not None
    assert body["state"] == "active"


def test_a_suspended_organization_is_refused_until_it_is_resumed(shop: Application, log: Log, by: Actor) -> None:
    access_factory.issued_key(application=shop)
    services.suspend_organization(organization=shop.organization, by=by)
    assert log.body("organization", shop.organization_id) == {"state": "suspended"}
    services.resume_organization(organization=shop.organization, by=by)
    assert log.body("organization", shop.organization_id) == {"state": "active"}


def test_a_key_made_for_a_suspended_person_is_suspended_from_the_start(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    services.suspend_user(user=developer, by=by)
    developer.refresh_from_db()
    issued = access_factory.issued_key(application=shop, creator=developer)
    body = log.body("credential", issued.credential.key_hash)
    assert body is not None
    assert body["state"] == "suspended"


def test_a_suspended_person_loses_session_tokens_log_in_and_the_keys_they_made(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    theirs = access_factory.issued_key(application=shop, creator=developer).credential
    others = access_factory.issued_key(application=shop).credential
    token = issue_token(user=developer, name="ci", scopes=["apis:read"], by=by)
    client = Client()
    client.force_login(developer)
    services.suspend_user(user=developer, by=by)
    assert log.body("credential", theirs.key_hash)["state"] == "suspended"  # type: ignore[index]
    assert log.body("credential", others.key_hash)["state"] == "active"  # type: ignore[index]
    assert authenticate_token(token.secret) is None
    assert client.get("/account/password/change/").status_code == 302
    assert not Client().login(email=developer.email, password=accounts_factory.PASSWORD)


def test_a_resumed_persons_keys_work_again_but_old_sessions_and_tokens_stay_dead(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    theirs = access_factory.issued_key(application=shop, creator=developer).credential
    token = issue_token(user=developer, name="ci", scopes=["apis:read"], by=by)
    client = Client()
    client.force_login(developer)
    services.suspend_user(user=developer, by=by)
    services.resume_user(user=developer, by=by)
    assert log.body("credential", theirs.key_hash)["state"] == "active"  # type: ignore[index]
    assert authenticate_token(token.secret) is None
    response = client.get("/account/password/change/")
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


def test_the_last_admin_cannot_be_suspended(admin: User, by: Actor) -> None:
    with pytest.raises(Conflict) as caught:
        services.suspend_user(user=admin, by=by)
    assert caught.value.code == "accounts.last_admin"
    accounts_factory.user(is_platform_admin=True)
    assert not services.suspend_user(user=admin, by=by).is_active


def test_the_keys_of_who_leaves_an_organization_die_with_the_membership(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    theirs = access_factory.issued_key(application=shop, creator=developer).credential
    others = access_factory.issued_key(application=shop).credential
    elsewhere = access_factory.issued_key(application=access_factory.application(), creator=developer).credential
    removed = services.remove_member(membership=Membership.objects.get(user=developer), by=by)
    assert removed == 1
    assert log.body("credential", theirs.key_hash) is None
    assert set(Credential.objects.live()) == {others, elsewhere}
    assert not Application.objects.visible_to(developer).filter(pk=shop.pk).exists()


def test_an_heir_answers_for_the_keys_of_a_member_who_goes(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    theirs = access_factory.issued_key(application=shop, creator=developer).credential
    heir = accounts_factory.member(shop.organization, role="owner")
    membership = Membership.objects.get(user=developer, organization=shop.organization)
    assert services.remove_member(membership=membership, by=by, heir=heir) == 0
    assert log.body("credential", theirs.key_hash) is not None
    services.suspend_user(user=developer, by=by)
    theirs.refresh_from_db()
    assert (theirs.creator, theirs.state) == (heir, "active")
    assert AuditEvent.objects.get(action="credential.inherit").after == {"creator_id": heir.pk}


@pytest.mark.django_db(transaction=True)
def test_no_key_slips_through_a_suspension_that_runs_at_the_same_time(
    shop: Application, developer: User, log: Log, by: Actor
) -> None:
    def create() -> None:
        for _ in range(5):
            access_factory.issued_key(application=shop, creator=developer)

    ends = at_once([create, create, create, partial(services.suspend_user, user=developer, by=by)])
    assert codes_of(ends) == []
    hashes = Credential.objects.values_list("key_hash", flat=True)
    assert len(hashes) == 15
    assert {log.body("credential", key_hash)["state"] for key_hash in hashes} == {"suspended"}  # type: ignore[index]
