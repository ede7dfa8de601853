"""People: made, named, raised to admin and back."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, DomainError, Invalid, Problems


def actor_of(user: User) -> Actor:
    """The person as the audit log names them."""
    return Actor("user", user.id, user.email)


@transaction.atomic
def create_user(*, email: str, password: str, by: Actor, name: str = "", is_platform_admin: bool = False) -> User:
    """A person whose address counts as verified: made by an admin or by the installation, not by signing up."""
    email = email.strip().lower()
    user = User(email=email, name=name, is_platform_admin=is_platform_admin)
    _check_new(user, password)
    user.set_password(password)
    user.save(force_insert=True)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    record(by=by, action="user.create", target=user, after=state_of(user))
    return user


@transaction.atomic
def update_user(*, user: User, name: str, by: Actor) -> User:
    """The person under another name."""
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    before = state_of(user)
    user.name = name.strip()
    user.save(update_fields=["name"])
    record(by=by, action="user.update", target=user, before=before, after=state_of(user))
    return user


@transaction.atomic
def choose_language(*, user: User, language: str, by: Actor) -> User:
    """The person who reads pages and mails in this language; an empty one leaves it to the browser."""
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    before = state_of(user)
    user.language = language
    user.save(update_fields=["language"])
    record(by=by, action="user.update", target=user, before=before, after=state_of(user))
    return user


@transaction.atomic
def grant_admin(*, user: User, by: Actor) -> User:
    """Make a person a platform admin."""
    return _set_admin(user, True, by)  # noqa: FBT003 - private, and named by its callers


@transaction.atomic
def withdraw_admin(*, user: User, by: Actor) -> User:
    """Make a platform admin an ordinary person; the last one stays."""
    check_another_admin(user)
    return _set_admin(user, False, by)  # noqa: FBT003 - private, and named by its callers


def check_another_admin(user: User) -> None:
    """Refuse to take the last active platform admin away; holds the admins' rows until the commit."""
    admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("id").select_for_update()
    if {admin.id for admin in admins} == {user.id}:
        raise Conflict(
            "accounts.last_admin",
            _("%(user)s is the last administrator, so nobody could undo this.") % {"user": user},
            hint=_("Make someone else an administrator first."),
        )


def _set_admin(user: User, is_admin: bool, by: Actor) -> User:  # noqa: FBT001 - private, and named by its callers
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    before = state_of(user)
    user.is_platform_admin = is_admin
    user.save(update_fields=["is_platform_admin"])
    action = "user.grant_admin" if is_admin else "user.withdraw_admin"
    record(by=by, action=action, target=user, before=before, after=state_of(user))
    return user


def _check_new(user: User, password: str) -> None:
    errors: list[DomainError] = []
    try:
        validate_email(user.email)
    except ValidationError as error:
        errors.append(Invalid("accounts.email_malformed", error.messages[0], field="email"))
    if User.objects.filter(email__iexact=user.email).exists():
        errors.append(
            Conflict(
                "accounts.email_taken",
                _("There is a person with the address %(email)s already.") % {"email": user.email},
                field="email",
            )
        )
    try:
        validate_password(password, user)
    except ValidationError as error:
        errors.append(Invalid("accounts.password_weak", " ".join(error.messages), field="password"))
    if errors:
        raise Problems(tuple(errors))
