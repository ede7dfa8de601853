"""Plan documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apim.access.models import Subscription
from apim.access.services.plans import revise_plan
from apim.accounts.models import Organization
from apim.accounts.permissions import is_admin, owns
from apim.audit.services import state_of
from apim.documents.appliers.pricing import asked_pricing, changed_pricing, offered_organizations
from apim.documents.pricing_shapes import LIMIT_FIELDS
from apim.documents.reading import Document
from apim.documents.session import Change, Session, changed_fields, pick, require
from apim.products.limits import Terms, parse_rate
from apim.products.models import Plan, PlanVersion
from apim.products.services import create_plan, update_plan
from apim.products.services.plans import active_version, terms_of

_FIELDS = {"displayName": "display_name", "description": "description", "visibility": "visibility"}


def apply_plan(document: Document, session: Session) -> Change:
    """Make the plan what the document says: other terms make its next version.

    Subscriptions move to it where its `migration` says so, as it does for plans without prices.
    """
    plan = Plan.objects.select_related("organization").filter(name=document.name).first()
    if plan is None:
        organization = session.owner(document)
        require(allowed=_may_edit(session, organization), act=f"make plans of {organization.name}")
        create_plan(
            organization=organization,
            name=document.name,
            terms=_terms(document, session, Terms(), organization),
            offered_to=offered_organizations(document),
            by=session.by,
            **pick(document.spec, _FIELDS),
        )
        return Change("create", document.kind, document.name)
    if document.spec.get("organization", plan.organization.name) != plan.organization.name:
        message = f"The plan belongs to {plan.organization.name}, and that cannot be changed."
        raise document.error(("spec", "organization"), "documents.other_organization", message)
    fields = _update(plan, document, session)
    return Change("update" if fields else "unchanged", document.kind, document.name, fields)


def _update(plan: Plan, document: Document, session: Session) -> tuple[str, ...]:
    active = active_version(plan)
    old = terms_of(active) if active else Terms()
    is_editable = Plan.objects.editable_by(session.user).filter(pk=plan.pk).exists()
    changes = pick(document.spec, _FIELDS)
    before = state_of(plan)
    terms = _terms(document, session, old, plan.organization)
    if not is_editable and terms == old and not any(getattr(plan, name) != value for name, value in changes.items()):
        return ()  # a document may name a plan that its user only offers
    require(allowed=is_editable, act=f"change the plan {plan.name}")
    offered = set(plan.offered_to.values_list("name", flat=True))
    if "offeredTo" in document.spec:
        changes["offered_to"] = offered_organizations(document)
    update_plan(plan=plan, changes=changes, by=session.by)
    fields = list(changed_fields(before, state_of(plan), _FIELDS))
    fields += ["offeredTo"] if set(document.spec.get("offeredTo", offered)) != offered else []
    version = revise_plan(plan=plan, terms=terms, by=session.by)
    if active is None or version.pk != active.pk:
        fields += _changed_terms(old, terms_of(version))
        _tell_of_those_left(plan, version, session)
    return tuple(fields)


def _changed_terms(old: Terms, new: Terms) -> list[str]:
    priced = changed_pricing(old.pricing, new.pricing)
    is_limited_otherwise = (old.rate, old.quotas) != (new.rate, new.quotas) and "limits" not in priced
    fields = ["limits"] if is_limited_otherwise else []
    fields += [name for name in ("approval", "timezone", "weights") if getattr(old, name) != getattr(new, name)]
    names = {"whenUnconfirmed": "when_unconfirmed", "whenUnrecorded": "when_unrecorded"}
    said = [name for name, attribute in names.items() if getattr(old, attribute) != getattr(new, attribute)]
    return fields + priced + said


def _tell_of_those_left(plan: Plan, version: PlanVersion, session: Session) -> None:
    left = Subscription.objects.live().filter(plan_version__plan=plan).exclude(plan_version=version).count()
    if left:
        whose = "1 subscription keeps its" if left == 1 else f"{left} subscriptions keep their"
        session.warnings.append(
            f"Plan {plan.name}: {whose} earlier version; `apim plans migrate {plan.name}` shows and moves them."
        )


def _may_edit(session: Session, organization: Organization) -> bool:
    return is_admin(session.user) or (organization.owners_edit_plans and owns(session.user, organization.pk))


def _terms(document: Document, session: Session, old: Terms, owner: Organization) -> Terms:
    """The terms that the document asks for; what it does not name stays."""
    spec = document.spec
    rate, quotas = old.rate, old.quotas
    if "limits" in spec:
        rate, quotas = _limits(spec["limits"], document)
    return Terms(
        approval=spec.get("approval", old.approval),
        rate=rate,
        quotas=quotas,
        timezone=spec.get("timezone", old.timezone),
        weights=_weights(spec["weights"], document) if "weights" in spec else old.weights,
        when_unconfirmed=spec.get("whenUnconfirmed", old.when_unconfirmed),
        when_unrecorded=spec.get("whenUnrecorded", old.when_unrecorded),
        pricing=asked_pricing(document, session, old.pricing, owner),
    )


def _weights(weights: object, document: Document) -> Mapping[str, int]:
    if not isinstance(weights, dict):
        hint = 'Write `weights: { "POST /transfers": 5 }`.'
        raise document.error(("spec", "weights"), "documents.value", "Weights are a mapping.", hint)
    return {str(name): weight for name, weight in weights.items()}


def _limits(
    limits: Sequence[Mapping[str, Any]], document: Document
) -> tuple[Mapping[str, int] | None, Sequence[Mapping[str, Any]]]:
    rate: Mapping[str, int] | None = None
    quotas: list[Mapping[str, Any]] = []
    for index, limit in enumerate(limits):
        at = ("spec", "limits", str(index))
        match set(limit):
            case names if names in ({"rate"}, {"rate", "burst"}):
                if rate is not None:
                    raise document.error(at, "documents.value", "A plan has one rate.")
                rate = parse_rate(limit["rate"], limit.get("burst"))
            case names if names - {"unit", "window"} == {"quota", "per"}:
                more = {name: limit[name] for name in ("unit", "window") if name in limit}
                quotas.append({"requests": limit["quota"], "per": limit["per"], **more})
            case names if "meter" in names and names <= LIMIT_FIELDS.keys():
                continue  # a matter of money
            case _:
                hint = "Write `{ rate: 10/s }`, `{ quota: 1000, per: month }` or `{ meter: calls, included: 1000 }`."
                raise document.error(at, "documents.value", "A limit is a rate, a quota or a meter's.", hint)
    return rate, quotas
