"""Credentials: keys, issued once and rolled with an overlap, and clients of issuers; both are revoked and expire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access import keys, records
from apim.access.models import Application, Credential, CredentialQuerySet
from apim.access.networks import checked_networks
from apim.access.telling import tell_keys
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.products.models import Product

OVERLAPS_S = (0, 3600, 86_400, 604_800)  # what pages offer: now, an hour, a day, a week
LONGEST_OVERLAP_S = OVERLAPS_S[-1]


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A credential and its key, which is shown this once."""

    credential: Credential
    key: str


@transaction.atomic
def create_credential(
    *,
    application: Application,
    by: Actor,
    creator: User | None = None,
    environment: Environment | None = None,
    product: Product | None = None,
    label: str = "",
    expires_at: datetime | None = None,
    allowed_networks: Iterable[str] = (),
) -> IssuedKey:
    """A new key of the application; restricted to one product's subscription when product is given.

    Errors: Invalid access.expiry_in_the_past, those of checked_networks; those of locked.
    """
    check_expiry(expires_at)
    networks = checked_networks(allowed_networks)
    environment = environment or default_environment()
    application, creator = locked(application, creator)
    issued = _issue(
        Credential(
            application=application,
            environment=environment,
            product=product,
            label=label,
            creator=creator,
            created_by=by.label,
            expires_at=expires_at,
            allowed_networks=networks,
        )
    )
    _tell_of_new(issued.credential, by=by)
    return issued


def register(credential: Credential, *, taken: Conflict, by: Actor) -> Credential:
    """The credential, saved, of what its callers hold already; a dead one of the same hash gives its hash up.

    Errors: taken, while the hash is that of a live one.
    """
    known = Credential.objects.filter(key_hash=credential.key_hash).select_for_update().first()
    if known is not None and known.is_live:
        raise taken
    if known is not None:
        Credential.objects.filter(pk=known.pk).update(key_hash=f"gone-{known.pk}")
    credential.save(force_insert=True)
    _tell_of_new(credential, by=by)
    return credential


def _tell_of_new(credential: Credential, *, by: Actor) -> None:
    record(
        by=by,
        action="credential.create",
        target=credential,
        after=state_of(credential),
        organization_id=credential.application.organization_id,
    )
    tell_keys("key.created", [credential])
    emit(credential)


@transaction.atomic
def roll_credential(*, credential: Credential, by: Actor, overlap_s: int = 0, creator: User | None = None) -> IssuedKey:
    """A successor with the same rights; the old key dies at once, or overlap_s from now.

    Shapes: a key with an expiry hands its lifetime on: a 90-day key is followed by a 90-day key.
    """
    if not 0 <= overlap_s <= LONGEST_OVERLAP_S:
        raise Invalid(
            "access.overlap_out_of_range",
            _("The old key can live on for 0 to %(longest_overlap_s)s seconds (7 days).")
            % {"longest_overlap_s": LONGEST_OVERLAP_S},
            field="overlap_s",
        )
    application, creator = locked(credential.application, creator)
    credential = Credential.objects.select_for_update().select_related("environment").get(pk=credential.pk)
    _require_rollable(credential)
    now, before = timezone.now(), state_of(credential)
    lifetime = credential.expires_at - credential.created_at if credential.expires_at else None
    issued = _issue(
        Credential(
            application=application,
            environment=credential.environment,
            product_id=credential.product_id,
            label=credential.label,
            creator=creator or credential.creator,
            created_by=by.label,
            expires_at=now + lifetime if lifetime else None,
            allowed_networks=credential.allowed_networks,
        )
    )
    credential.successor = issued.credential
    if overlap_s:
        ends_at = now + timedelta(seconds=overlap_s)
        credential.state = Credential.State.ROLLING
        credential.expires_at = min(credential.expires_at, ends_at) if credential.expires_at else ends_at
    else:
        credential.state = Credential.State.REVOKED
        credential.revoked_at = now
    credential.save()
    record(
        by=by,
        action="credential.roll",
        target=credential,
        before=before,
        after=state_of(credential),
        organization_id=application.organization_id,
    )
    tell_keys("key.created", [issued.credential])
    if not overlap_s:
        tell_keys("key.revoked", [credential], reason="rolled")
    emit(credential, issued.credential)
    return issued


def _require_rollable(credential: Credential) -> None:
    if credential.state != Credential.State.ACTIVE:
        raise Conflict(
            "access.key_not_active",
            _("The key %(prefix)s... is %(state)s and cannot be rolled.")
            % {"prefix": credential.prefix, "state": credential.state},
            hint=_("Create a new key."),
        )
    if credential.kind != Credential.Kind.API_KEY:
        raise Conflict(
            "access.client_not_rolled",
            _("The %(noun)s %(shown)s has no key here that could be rolled.")
            % {"noun": credential.noun, "shown": credential.shown},
            hint=(
                _("Register the next certificate beside it.")
                if credential.is_certificate
                else _("Its issuer gives it tokens.")
            ),
        )


@transaction.atomic
def revoke_credential(*, credential: Credential, by: Actor, reason: str = "") -> Credential:
    """Kill a key for good. Revoking a dead key changes nothing, so that a panicked second click is no error."""
    close(Credential.objects.filter(pk=credential.pk), state=Credential.State.REVOKED, by=by, reason=reason)
    return Credential.objects.get(pk=credential.pk)


@transaction.atomic
def expire_credentials() -> int:
    """How many keys were past their expiry and are marked now; gateways have refused them since that moment."""
    due = Credential.objects.filter(expires_at__lte=timezone.now())
    return close(due, state=Credential.State.EXPIRED, by=system_actor("expiry"), reason="It is past its expiry.")


def close(credentials: CredentialQuerySet, *, state: str, by: Actor, reason: str) -> int:
    """How many of credentials were live; they get the given final state. Runs inside the caller's transaction."""
    now = timezone.now()
    closed = list(
        credentials.live().select_for_update(of=("self",)).select_related("application", "environment").order_by("id")
    )
    for credential in closed:
        before = state_of(credential)
        credential.state = state
        if state == Credential.State.REVOKED:
            credential.revoked_at = now
        credential.save(update_fields=["state", "revoked_at"])
        record(
            by=by,
            action="credential.revoke" if state == Credential.State.REVOKED else "credential.expire",
            target=credential,
            before=before,
            after=state_of(credential),
            organization_id=credential.application.organization_id,
            reason=reason,
        )
    if closed:
        type_ = "key.revoked" if state == Credential.State.REVOKED else "key.expired"
        tell_keys(type_, closed, reason=reason)
        emit(*closed)
    return len(closed)


def check_expiry(expires_at: datetime | None) -> None:
    """Errors: Invalid for a moment that has passed."""
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(
            "access.expiry_in_the_past",
            _("A key must expire in the future."),
            field="expires_at",
            hint=_("Pick a later day."),
        )


def locked(application: Application, creator: User | None) -> tuple[Application, User | None]:
    """Application and creator as they are now, held until the commit.

    A suspension that runs at the same time waits, and then finds the new key; or it came first and is noticed here.
    """
    known_of = application.organization_id
    application = (
        Application.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organization")
        .get(pk=application.pk)
    )
    if application.organization_id != known_of:
        raise Conflict(
            "access.application_moved",
            _("%(application)s belongs to another organization now.") % {"application": application},
        )
    if application.state == Application.State.SUSPENDED:
        raise Conflict(
            "access.application_suspended",
            _("%(application)s is suspended, so it cannot get keys.") % {"application": application},
            hint=_("Resume the application first."),
        )
    if application.organization.state == Organization.State.SUSPENDED:
        raise Conflict(
            "access.organization_suspended",
            _("%(organization)s is suspended, so its applications cannot get keys.")
            % {"organization": application.organization},
            hint=_("Ask the administrators to resume the organization."),
        )
    if creator is not None:
        creator = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
    return application, creator


def _issue(credential: Credential) -> IssuedKey:
    key = keys.new_key(credential.environment.name)
    credential.prefix = keys.prefix_of(key)
    credential.key_hash = settings.KEYRING.hash_secret(key)
    credential.save(force_insert=True)
    return IssuedKey(credential, key)


def emit(*credentials: Credential) -> None:
    """Tell the gateways, together with what they join a key on: they may hear of the application for the first time."""
    application_ids = {credential.application_id for credential in credentials}
    records.emit(
        records.Affected(
            organizations=Organization.objects.filter(applications__in=application_ids).distinct(),
            applications=Application.objects.filter(id__in=application_ids),
            credentials=Credential.objects.filter(id__in=[credential.id for credential in credentials]),
        ),
        environment_ids=[credential.environment_id for credential in credentials],
    )
