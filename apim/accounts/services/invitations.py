"""Invitations: a role offered by mail, accepted once by who holds that address."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.links import absolute_url
from apim.accounts.models import Invitation, Membership, Organization, User
from apim.accounts.services.organizations import add_member, change_role, check_role
from apim.accounts.services.people import actor_of
from apim.accounts.services.teams import adopt_team, require_team
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Forbidden, Invalid, NotFound
from apim.mails.writing import send, write

LIFETIME = timedelta(days=7)
_SECRET_BYTES = 32


@transaction.atomic
def invite(*, email: str, organization: Organization, role: str, by: Actor, team: str = "") -> Invitation:
    """The invitation, mailed; it replaces one to the same address that was not accepted."""
    email = email.strip().lower()
    check_role(role)
    require_team(organization, team)
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid("accounts.email_malformed", error.messages[0], field="email") from error
    if Membership.objects.filter(organization=organization, user__email__iexact=email).exists():
        raise Conflict(
            "accounts.member_already",
            _("%(email)s belongs to %(organization)s already.") % {"email": email, "organization": organization},
            hint=_("Change the role instead."),
            field="email",
        )
    now = timezone.now()
    Invitation.objects.filter(accepted_at=None, organization=organization, email__iexact=email).delete()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    invitation = Invitation(
        email=email,
        organization=organization,
        role=role,
        team=team,
        token_hash=settings.KEYRING.hash_secret(secret),
        invited_by=by.label,
        expires_at=now + LIFETIME,
    )
    invitation.save(force_insert=True)
    record(by=by, action="invitation.create", target=invitation, after=state_of(invitation))
    _mail(invitation, secret)
    return invitation


def open_invitation(token: str) -> Invitation | None:
    """The invitation that token opens, while it can be accepted."""
    open_now = Invitation.objects.open(timezone.now()).select_related("organization")
    return open_now.filter(token_hash=settings.KEYRING.hash_secret(token)).first()


@transaction.atomic
def accept_invitation(*, token: str, user: User) -> Membership:
    """The membership that the invitation offered; a member already gains the role when it is the greater one."""
    invitation = open_invitation(token)
    if invitation is None:
        raise NotFound(
            "accounts.invitation_gone",
            _("This invitation has expired, was withdrawn, or was accepted already."),
            hint=_("Ask for a new invitation."),
        )
    if invitation.email.lower() != user.email.lower():
        raise Forbidden(
            "accounts.invitation_for_another",
            _("This invitation is for %(email)s; you are logged in as %(email2)s.")
            % {"email": invitation.email, "email2": user.email},
            hint=_("Log out, then open the link again."),
        )
    claimed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=timezone.now())
    if not claimed:
        raise Conflict("accounts.invitation_accepted", _("This invitation was accepted already."))
    by = actor_of(user)
    record(by=by, action="invitation.accept", target=invitation)
    organization = invitation.organization
    adopt_team(organization=organization, name=invitation.team, by=by)
    membership = Membership.objects.filter(organization=organization, user=user).first()
    if membership is None:
        return add_member(organization=organization, user=user, role=invitation.role, team=invitation.team, by=by)
    if invitation.role == Membership.Role.OWNER and membership.role != Membership.Role.OWNER:
        return change_role(membership=membership, role=invitation.role, team=invitation.team, by=by)
    return membership


@transaction.atomic
def send_again(*, invitation: Invitation, by: Actor) -> Invitation:
    """A new invitation to the same, good for its whole time; the link of the one before is worthless."""
    adopt_team(organization=invitation.organization, name=invitation.team, by=by)
    return invite(
        organization=invitation.organization,
        email=invitation.email,
        role=invitation.role,
        team=invitation.team,
        by=by,
    )


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, by: Actor) -> None:
    """Make the link worthless."""
    record(by=by, action="invitation.withdraw", target=invitation, before=state_of(invitation))
    invitation.delete()


def _mail(invitation: Invitation, secret: str) -> None:
    reader = User.objects.filter(email__iexact=invitation.email).first()
    is_owner = invitation.role == Membership.Role.OWNER
    words = write(
        "accounts.invitation",
        {
            "who": invitation.invited_by,
            "organization": invitation.organization,
            "role": lambda: invitation.get_role_display().lower(),
            "team": invitation.team,
            "email": invitation.email,
            "link": absolute_url(f"/invite/{secret}"),
            "days": LIFETIME.days,
            "is_owner": "1" if is_owner else "",
        },
        language=(reader.language if reader else "") or settings.LANGUAGE_CODE,
    )
    send(words, to=invitation.email)
