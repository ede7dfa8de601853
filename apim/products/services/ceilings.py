"""Ceilings: the most that plans may grant, and what they grant where they say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import DomainError, Invalid, Problems
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.products.limits import CALLS, PERIODS, Terms, unit_of
from apim.products.models import Ceiling
from apim.validation import require_clean, require_known


class EffectiveLimit(NamedTuple):
    """A limit in force, and the scope it comes from; value None = unlimited."""

    value: int | None
    source: Literal["environment", "organization", "none"]


@transaction.atomic
def set_ceiling(
    *,
    by: Actor,
    environment: Environment | None = None,
    organization: Organization | None = None,
    **limits: int | None,
) -> Ceiling:
    """The ceiling of one environment or one organization with limits changed; None = inherit.

    Plans that exist keep what they grant; the ceiling holds for what is saved from now on.
    Errors: products.ceiling_scope, products.unknown_field, products.invalid_value.
    """
    if (environment is None) == (organization is None):
        raise Invalid("products.ceiling_scope", _("A ceiling belongs to one environment or one organization."))
    require_known(limits, Ceiling.LIMITS, prefix="products", noun="A ceiling")
    _lock_scope(environment, organization)
    found = Ceiling.objects.filter(environment=environment, organization=organization).first()
    ceiling = found or Ceiling(environment=environment, organization=organization)
    before = state_of(ceiling) if found else None
    for name, value in limits.items():
        setattr(ceiling, name, value)
    require_clean(ceiling, prefix="products")
    ceiling.save()
    record(
        by=by,
        action="ceiling.set",
        target=ceiling,
        before=before,
        after=state_of(ceiling),
        organization_id=organization.pk if organization else "",
    )
    return ceiling


def effective_ceiling(*, organization: Organization, environment: Environment) -> dict[str, EffectiveLimit]:
    """Each limit in force for plans of the organization in the environment, with the scope it comes from. One query."""
    rows = Ceiling.objects.filter(organization=organization) | Ceiling.objects.filter(environment=environment)
    by_scope = {"organization" if row.organization_id else "environment": row for row in rows}
    return {
        name: _effective(name, by_scope.get("organization"), by_scope.get("environment")) for name in Ceiling.LIMITS
    }


def granted_terms(terms: Terms, organization: Organization) -> Terms:
    """The terms with what they leave open filled in from the defaults, in the default environment.

    Errors: Problems of products.above_ceiling when they exceed what any environment allows.
    """
    defaults = effective_ceiling(organization=organization, environment=default_environment())
    rate, per_month = defaults["default_rate_per_s"].value, defaults["default_per_month"].value
    if terms.rate is None and rate is not None:
        terms = replace(terms, rate={"requests": rate, "per_s": 1, "burst": rate})
    if not terms.quotas and per_month is not None:
        terms = replace(terms, quotas=[{"requests": per_month, "per": "month"}])
    errors = [
        error
        for environment in Environment.objects.all()
        for error in _excesses(
            terms, effective_ceiling(organization=organization, environment=environment), environment
        )
    ]
    if errors:
        raise Problems(tuple(errors))
    return terms


def _lock_scope(environment: Environment | None, organization: Organization | None) -> None:
    """Hold the scope's row: before its first ceiling there is none to hold, and two at once would make two."""
    if environment is not None:
        Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if organization is not None:
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def _effective(name: str, organization: Ceiling | None, environment: Ceiling | None) -> EffectiveLimit:
    if organization is not None and (value := getattr(organization, name)) is not None:
        return EffectiveLimit(value, "organization")
    if environment is not None and (value := getattr(environment, name)) is not None:
        return EffectiveLimit(value, "environment")
    return EffectiveLimit(None, "none")


def _excesses(terms: Terms, ceiling: dict[str, EffectiveLimit], environment: Environment) -> Iterator[DomainError]:
    yield from _rate_excesses(terms, ceiling["max_rate_per_s"], environment)
    quotas = {
        quota["per"]: (index, quota["requests"]) for index, quota in enumerate(terms.quotas) if unit_of(quota) == CALLS
    }
    for per in PERIODS:
        limit = ceiling[f"max_per_{per}"]
        if limit.value is None:
            continue
        index, requests = quotas.get(per, (None, 0))
        most = f"{limit.value:,} per {per}"
        if index is None:
            yield _above("quotas", f"A plan without a quota per {per}", most, limit=limit, environment=environment)
        elif requests > limit.value:
            yield _above(f"quotas.{index}", f"{requests:,} per {per}", most, limit=limit, environment=environment)


def _rate_excesses(terms: Terms, limit: EffectiveLimit, environment: Environment) -> Iterator[DomainError]:
    if limit.value is None:
        return
    most = f"{limit.value:,} requests a second"
    if terms.rate is None:
        yield _above("rate", "A plan without a rate", most, limit=limit, environment=environment)
    elif terms.rate["requests"] > limit.value * terms.rate["per_s"]:
        granted = f"{terms.rate['requests']:,} requests each {terms.rate['per_s']:,} s"
        yield _above("rate", granted, most, limit=limit, environment=environment)


def _above(field: str, granted: str, most: str, *, limit: EffectiveLimit, environment: Environment) -> DomainError:
    scope = f"the environment {environment}" if limit.source == "environment" else "the organization"
    message = _("%(granted)s is above the ceiling of %(most)s that %(scope)s sets.") % {
        "granted": granted,
        "most": most,
        "scope": scope,
    }
    return Invalid("products.above_ceiling", message, field=field, hint=_("Grant at most %(most)s.") % {"most": most})
