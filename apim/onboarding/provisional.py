"""Provisional accounts: a new person calls a free plan before the mail is read.

Owns: how such an account begins, is confirmed and ends. It has no address of its own until somebody who reads the
mail says so, and what happens at first is the same for an address that has an account: nobody learns which. Must not
know: sessions, pages.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language, gettext

from apim.access.models import Application
from apim.access.services import delete_application
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, Organization, User
from apim.accounts.second_factor import remove_second_factor
from apim.accounts.services import actor_of, register_developer, revoke_token
from apim.audit.actor import system_actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid, NotFound
from apim.notifications.constants import NOWHERE
from apim.notifications.posting import post
from apim.onboarding.models import ProvisionalAccount
from apim.ui.language import to_keep

KEPT = timedelta(days=3)
_SALT = "apim.onboarding.provisional"
_BATCH = 50
_CLOCK = system_actor("confirmation not given in time")
_READER = system_actor("confirmation of the address")


@transaction.atomic
def begin_account(email: str) -> User:
    """A person who can act at once, with an organization; the address is asked by mail whether it is theirs."""
    email = email.strip().lower()
    local = email.partition("@")[0][:60]
    user = User(email=f"{secrets.token_hex(8)}@{NOWHERE}", name=local, language=to_keep())
    user.set_unusable_password()
    user.save(force_insert=True)
    organization = register_developer(user)
    account = ProvisionalAccount.objects.create(user=user, email=email, expires_at=timezone.now() + KEPT)
    record(by=actor_of(user), action="user.begin", target=user, after=state_of(user), organization_id=organization.id)
    _send(account)
    return user


def token_of(account: ProvisionalAccount) -> str:
    """What the mailed link holds."""
    return signing.dumps({"user": account.user_id, "email": account.email}, salt=_SALT)


def account_of(token: str) -> ProvisionalAccount:
    """The account that a mailed link confirms.

    Errors: NotFound onboarding.link_over for a link that is made up, used, or too old.
    """
    try:
        told = signing.loads(token, salt=_SALT, max_age=KEPT)
    except signing.BadSignature:
        told = {}
    found = ProvisionalAccount.objects.filter(
        user=told.get("user", ""), email=told.get("email", ""), expires_at__gt=timezone.now(), user__is_active=True
    )
    account = found.select_related("user").first()
    if account is None or not is_provisional(account.user):  # confirmed by another way: it is somebody's already
        raise NotFound("onboarding.link_over", gettext("This link was used already, or its time is over."))
    return account


@transaction.atomic
def confirm_account(*, token: str, password: str) -> User:
    """The person, with the address as theirs and a password; sessions, tokens, other addresses and codes are dead.

    Whoever began the account need not be who reads the mail: nothing that logs them in may be left to them.
    Errors: as account_of; Conflict onboarding.address_in_use; Invalid onboarding.password.
    """
    account = account_of(token)
    user: User = User.objects.select_for_update().get(pk=account.user_id)
    if not ProvisionalAccount.objects.filter(pk=user.pk).exists():  # a second press of the button
        raise NotFound("onboarding.link_over", gettext("This link was used already, or its time is over."))
    if _has_account(account.email):
        raise Conflict(
            "onboarding.address_in_use",
            gettext("There is an account with this address already."),
            hint=gettext("Log in to it, and make a key there."),
        )
    before = state_of(user)
    user.email = account.email
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("onboarding.password", " ".join(error.messages), field="password") from error
    user.set_password(password)
    user.save(update_fields=["email", "password"])
    for api_token in user.tokens.filter(revoked_at=None):
        revoke_token(token=api_token, by=_READER)
    remove_second_factor(user=user, by=_READER)
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    account.delete()
    record(by=actor_of(user), action="user.confirm", target=user, before=before, after=state_of(user))
    return user


def is_provisional(user: User) -> bool:
    """True for a person whose address is not confirmed."""
    return user.email.endswith(f"@{NOWHERE}")


def end_unconfirmed(now: datetime) -> int:
    """End the accounts that nobody confirmed in time: keys, applications, the person; how many."""
    accounts = list(ProvisionalAccount.objects.over(now)[:_BATCH])
    for account in accounts:
        _end(account)
    return len(accounts)


@transaction.atomic
def _end(account: ProvisionalAccount) -> None:
    user: User = User.objects.select_for_update().get(pk=account.user_id)
    if not ProvisionalAccount.objects.filter(pk=user.pk).exists():  # confirmed meanwhile, or ended by another worker
        return
    if not is_provisional(user):  # confirmed by another way, such as a change of the address
        account.delete()
        return
    alone = Organization.objects.filter(memberships__user=user).exclude(
        id__in=Membership.objects.exclude(user=user).values("organization_id")
    )
    for application in Application.objects.filter(organization__in=alone):
        delete_application(application=application, by=_CLOCK)
    record(by=_CLOCK, action="user.end_unconfirmed", target=user, before=state_of(user))
    account.delete()  # the address that was given is kept no longer
    user.is_active = False
    user.session_epoch += 1
    user.save(update_fields=["is_active", "session_epoch"])


def _has_account(email: str) -> bool:
    is_taken: bool = User.objects.filter(email__iexact=email).exists()
    return is_taken or bool(EmailAddress.objects.filter(email__iexact=email, verified=True).exists())


def _send(account: ProvisionalAccount) -> None:
    has_account = _has_account(account.email)
    link = "/account/login/" if has_account else f"/join/{token_of(account)}"
    post(
        "onboarding.account_exists" if has_account else "onboarding.confirm_account",
        to=account.email,
        values={"email": account.email, "link": absolute_url(link), "days": KEPT.days},
        language=get_language() or "",
    )
