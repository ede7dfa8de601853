"""Subscription documents."""

from __future__ import annotations

from apim.access.models import Application, Subscription
from apim.access.services import subscribe
from apim.access.sharing import require_no_other_team
from apim.accounts.links import absolute_url
from apim.billing.connection import is_connected
from apim.documents.reading import Document
from apim.documents.session import Change, Session, missing
from apim.products.models import Plan, Product


def apply_subscription(document: Document, session: Session) -> Change:
    """Have the application in its organization's subscription of the product, by the plan.

    What waits for approval, or is paused, stays so: a document asks, it does not decide.
    """
    application = _application(document, session)
    product = _product(document, session)
    plan = _plan(document, product)
    environment = session.environment(document)
    live = (
        Subscription.objects.live()
        .select_related("plan_version", "requested_plan_version")
        .filter(organization=application.organization_id, product=product, environment=environment)
        .exclude(lifecycle=Subscription.Lifecycle.CANCELED)
        .first()
    )
    fields: list[str] = []
    if live is not None:
        wanted = live.requested_plan_version or live.plan_version
        fields += [] if live.applications.filter(pk=application.pk).exists() else ["application"]
        fields += [] if wanted.plan_id == plan.pk else ["plan"]
        if not fields:
            return Change("unchanged", document.kind, document.name)
    is_others = require_no_other_team(
        user=session.user, application=application, product=product, plan=plan, environment=environment
    )
    subscription = subscribe(
        application=application,
        product=product,
        plan=plan,
        by=session.by,
        environment=environment,
        name=document.name,
        is_checkout=is_connected(),
        is_others=is_others,
    )
    if subscription.awaits_payment:
        page = absolute_url("/my")  # not its own page: a dry run takes the subscription back
        session.warnings.append(f"Subscription `{document.name}` waits for its payment, which is made at {page}.")
    return Change("update" if live else "create", document.kind, document.name, tuple(fields))


def _application(document: Document, session: Session) -> Application:
    reference = document.spec["application"]
    organization, _, name = reference.rpartition("/")
    editable = Application.objects.editable_by(session.user).select_related("organization")
    found = editable.filter(name=name)
    if organization:
        found = found.filter(organization__name=organization)
    candidates = list(found[:2])
    at = ("spec", "application")
    if not candidates:
        known = [f"{one.organization.name}/{one.name}" for one in editable[:500]]
        raise missing(document, at, noun="application", name=reference, known=known)
    if len(candidates) > 1:
        names = " or ".join(f"`{one.organization.name}/{one.name}`" for one in candidates)
        message = f"Several organizations have an application `{name}`."
        raise document.error(at, "documents.ambiguous", message, f"Write {names}.")
    return candidates[0]


def _product(document: Document, session: Session) -> Product:
    name = document.spec["product"]
    visible = Product.objects.visible_to(session.user)
    product = visible.filter(name=name).first()
    if product is None:
        known = visible.values_list("name", flat=True)[:500]
        raise missing(document, ("spec", "product"), noun="product", name=name, known=known)
    return product


def _plan(document: Document, product: Product) -> Plan:
    name = document.spec["plan"]
    plan = product.plans.filter(name=name).first()
    if plan is None:
        known = product.plans.values_list("name", flat=True)
        raise missing(document, ("spec", "plan"), noun=f"plan of {product.name}", name=name, known=known)
    return plan
