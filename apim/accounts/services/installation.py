"""The installation itself: its set-up by a one-time link, its address, its default organization."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apim.accounts.models import Installation, Membership, Organization, User
from apim.accounts.services.organizations import add_member, create_organization, update_organization
from apim.accounts.services.people import choose_language, create_user
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Forbidden, Invalid

_SECRET_BYTES = 32


def installation() -> Installation:
    """The one row about this installation."""
    return Installation.objects.get_or_create(id=1)[0]


@transaction.atomic
def new_set_up_link() -> str:
    """The secret of a fresh link `/setup?token=...`; the one before is void."""
    installation_ = _locked()
    if installation_.set_up_at is not None:
        raise _set_up_already()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    installation_.set_up_token_hash = settings.KEYRING.hash_secret(secret)
    installation_.save(update_fields=["set_up_token_hash"])
    return secret


def is_set_up_link(token: str) -> bool:
    """True when the secret is that of the link that the last start printed."""
    kept = installation().set_up_token_hash
    return bool(token and kept) and hmac.compare_digest(kept, settings.KEYRING.hash_secret(token))


@transaction.atomic
def set_up(*, token: str, email: str, password: str, organization_name: str, base_url: str, language: str = "") -> User:
    """The first admin, who owns the default organization; the link is used up."""
    installation_ = _locked()
    if installation_.set_up_at is not None:
        raise _set_up_already()
    if not hmac.compare_digest(installation_.set_up_token_hash, settings.KEYRING.hash_secret(token)):
        raise Forbidden(
            "accounts.set_up_link_void",
            _("This set-up link is not valid any more."),
            hint=_("Use the link that the last start printed."),
        )
    by = system_actor("set-up")
    installation_.base_url = _checked_url(base_url)
    installation_.set_up_at = timezone.now()
    installation_.set_up_token_hash = ""
    installation_.save()
    user = create_user(email=email, password=password, by=by, is_platform_admin=True)
    user = choose_language(user=user, language=language, by=by) if language else user
    organization = _named_default(organization_name, by)
    add_member(organization=organization, user=user, role=Membership.Role.OWNER, by=by)
    record(by=by, action="installation.set_up", target=installation_, after=state_of(installation_))
    return user


@transaction.atomic
def set_base_url(*, base_url: str, by: Actor) -> Installation:
    """The installation under another address, which links in mails begin with from now on."""
    installation_ = _locked()
    before = state_of(installation_)
    installation_.base_url = _checked_url(base_url)
    installation_.save(update_fields=["base_url"])
    record(by=by, action="installation.update", target=installation_, before=before, after=state_of(installation_))
    return installation_


@transaction.atomic
def default_organization() -> Organization:
    """The organization that owns what names no owner; made when it is missing."""
    _locked()
    existing = Organization.objects.filter(is_default=True).first()
    return existing or create_organization(
        name="default", display_name="Default", by=system_actor("installation"), is_default=True
    )


def _named_default(organization_name: str, by: Actor) -> Organization:
    """The default organization under the name given at set-up; one that owns things already keeps its short name."""
    existing = Organization.objects.filter(is_default=True).first()
    if existing is not None:
        return update_organization(organization=existing, changes={"display_name": organization_name}, by=by)
    return create_organization(name=slugify(organization_name), display_name=organization_name, by=by, is_default=True)


def _locked() -> Installation:
    installation()
    return Installation.objects.select_for_update().get(id=1)


def _checked_url(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Invalid(
            "accounts.base_url_malformed",
            _("%(base_url)s is not the address of a site.") % {"base_url": base_url},
            field="base_url",
            hint=_("Write it like https://apis.example.com."),
        )
    return base_url.rstrip("/")


def _set_up_already() -> Conflict:
    return Conflict(
        "accounts.set_up_already",
        _("This installation is set up already."),
        hint=_("Log in as its administrator."),
    )
