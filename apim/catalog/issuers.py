"""Writes of registered issuers: whose tokens say which application calls, in one environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext, ngettext

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.issuer_keys import announce_source_on_commit
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.gateways.models import Environment, Issuer
from apim.gateways.services import touch
from gateway_sync.policies.token_issuers import is_claim_name, is_client_text, is_web_address, source_of
from gateway_sync.policies.web_keys import WebKeyInvalid, public_key_set

FIELDS = ("issuer", "jwks", "jwks_url", "client_claim", "is_for_all", "organizations")


@transaction.atomic
def save_issuer(*, environment: Environment, name: str, by: Actor, changes: Mapping[str, Any]) -> Issuer:
    """The issuer of this name, new or with changes to the one there is; what changes does not name stays.

    Shapes: organizations are rows. Their applications alone may be its clients, unless is_for_all.
    Errors: Invalid or Problems gateways.issuer_*; Conflict for an issuer that is registered already.
    """
    if unknown := sorted(changes.keys() - set(FIELDS)):
        raise Invalid(
            "gateways.unknown_field",
            gettext("An issuer has no field %(name)s.") % {"name": unknown[0]},
            field=unknown[0],
        )
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)  # else two at once would make it twice
    found = Issuer.objects.filter(environment=environment, name=name).first()
    before = issuer_state(found) if found else None
    issuer = found or Issuer(environment=environment, name=name)
    own = {field: value for field, value in changes.items() if field != "organizations"}
    _require_same(issuer, own.get("issuer", issuer.issuer))
    for field, value in own.items():
        setattr(issuer, field, value)
    organizations = changes.get("organizations")
    if organizations is None:
        organizations = list(issuer.organizations.all()) if found else []
    _check(issuer, organizations)
    after = state_of(issuer) | {"organizations": sorted(organization.name for organization in organizations)}
    if before == after:
        return issuer
    issuer.save()
    issuer.organizations.set(organizations)
    after = issuer_state(issuer)
    record(by=by, action="issuer.update" if found else "issuer.create", target=issuer, before=before, after=after)
    if source := source_of(issuer.issuer, issuer.jwks, issuer.jwks_url):
        announce_source_on_commit(source)
    touch([environment.pk])
    return issuer


def issuer_state(issuer: Issuer) -> dict[str, Any]:
    """What the audit log keeps of it."""
    return state_of(issuer) | {"organizations": sorted(issuer.organizations.values_list("name", flat=True))}


@transaction.atomic
def delete_issuer(*, issuer: Issuer, by: Actor) -> None:
    """Forget an issuer. Errors: Conflict while applications have clients of it, whose calls that would end."""
    Issuer.objects.select_for_update().get(pk=issuer.pk)  # who registers a client holds it
    if living := live_clients(issuer):
        message = ngettext(
            "%(count)d client of %(issuer)s still calls.", "%(count)d clients of %(issuer)s still call.", living
        ) % {"count": living, "issuer": issuer.issuer}
        hint = gettext("Revoke them first, or close the issuer: name no organization.")
        raise Conflict("gateways.issuer_in_use", message, hint=hint)
    environment_id = issuer.environment_id
    record(by=by, action="issuer.delete", target=issuer, before=issuer_state(issuer))
    issuer.delete()
    touch([environment_id])


def live_clients(issuer: Issuer) -> int:
    """How many clients applications have of it."""
    return issuer.clients.live().count()


def _require_same(issuer: Issuer, wanted: str) -> None:
    if issuer.issuer and wanted != issuer.issuer:
        hint = gettext("Register the other one under a name of its own.")
        message = gettext("The issuer of a registration stays what it is: clients are registered under it.")
        raise Conflict("gateways.issuer_stays", message, field="issuer", hint=hint)
    others = Issuer.objects.filter(environment_id=issuer.environment_id, issuer=wanted).exclude(pk=issuer.pk)
    if other := others.first():
        message = gettext("%(wanted)s is registered already, as %(other)s.") % {"wanted": wanted, "other": other.name}
        raise Conflict("gateways.issuer_taken", message, field="issuer", hint=gettext("Change that one."))


def _check(issuer: Issuer, organizations: list[Organization]) -> None:
    try:
        issuer.jwks = public_key_set(issuer.jwks) if issuer.jwks.strip() else ""
    except WebKeyInvalid as error:
        raise Invalid("gateways.issuer_keys", str(error), field="jwks") from error
    if errors := _errors_in(issuer, organizations):
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))
    try:
        issuer.clean_fields()
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise Invalid("gateways.invalid_value", texts[0], field=field) from error


def _errors_in(issuer: Issuer, organizations: list[Organization]) -> list[DomainError]:
    errors: list[DomainError] = []
    if not is_client_text(issuer.issuer):
        message = gettext("An issuer has 1 to 512 visible characters: what `iss` is in its tokens, letter for letter.")
        errors.append(Invalid("gateways.issuer_invalid", message, field="issuer"))
    elif not (issuer.jwks or issuer.jwks_url or is_web_address(issuer.issuer)):
        hint = gettext("Give jwks or jwks_url; only an https issuer can be asked where its keys are.")
        errors.append(
            Invalid("gateways.issuer_keys", gettext("Its keys cannot be found."), field="jwks_url", hint=hint)
        )
    if issuer.jwks_url and not is_web_address(issuer.jwks_url):
        message = gettext("%(jwks_url)s is no address to fetch keys from.") % {"jwks_url": issuer.jwks_url[:80]}
        errors.append(Invalid("gateways.issuer_keys", message, field="jwks_url", hint=gettext("Begin with https://.")))
    if issuer.client_claim and not is_claim_name(issuer.client_claim):
        message = gettext("This is no name of a claim.")
        hint = gettext("Leave it empty for azp, else client_id. Never a claim that users of the issuer choose.")
        errors.append(Invalid("gateways.issuer_claim", message, field="client_claim", hint=hint))
    if issuer.is_for_all and organizations:
        message = gettext("It is open to the applications of all organizations, and some are named.")
        errors.append(
            Invalid(
                "gateways.issuer_organizations", message, field="organizations", hint=gettext("Choose one of the two.")
            )
        )
    return errors
