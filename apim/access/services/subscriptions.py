"""Subscribing: one live subscription an organization, product and environment, shared by its applications."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access import inbox, records
from apim.access.models import Application, Subscription
from apim.access.telling import tell_subscription
from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import APIVersion
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.listing import enumerated
from apim.notifications.constants import NOWHERE
from apim.products.models import Plan, PlanVersion, Product

_CLOSED_STATES = (APIVersion.State.DEPRECATED, APIVersion.State.RETIRED, APIVersion.State.BLOCKED)
_LONGEST_NOTE = 255


@transaction.atomic
def subscribe(
    *,
    application: Application,
    product: Product,
    plan: Plan,
    by: Actor,
    environment: Environment | None = None,
    name: str = "",
    note: str = "",
    is_checkout: bool = False,
    is_others: bool = False,
) -> Subscription:
    """The organization's live subscription to product, with application in it and plan wanted or in force.

    Shapes: a live one gains the application; another plan than its own is a change of plan, at once when the plan
    approves by itself, else as a request that the product's owners decide while the old plan goes on. is_checkout: the
    caller sees to the payment of a plan with prices, which begins once it is paid; until then nothing is granted.
    is_others: a live one is other teams', too, so that it gains the application and nothing else.
    Errors: Conflict access.payments_not_set_up for a plan with prices and nobody who sees to its payment.
    """
    environment = environment or default_environment()
    _check_subscriber(application)
    terms = offered_terms(product, plan, application.organization)
    if terms.is_priced or terms.approval == PlanVersion.Approval.MANUAL:
        check_confirmed(application.organization)
    # Before the first there is no subscription to lock, hence the organization: two requests at once make one.
    Organization.objects.select_for_update(no_key=True).get(pk=application.organization_id)
    _check_still_there(application)
    subscription = (
        Subscription.objects.live()
        .select_for_update(of=("self",))
        .filter(organization=application.organization_id, product=product, environment=environment)
        .select_related("plan_version__plan")
        .first()
    )
    if not is_checkout and (subscription is None or subscription.plan_version.plan_id != plan.pk):
        _require_free(terms)
    if subscription is None:
        subscription = _start(
            application, product, terms, environment=environment, by=by, name=name, note=note[:_LONGEST_NOTE]
        )
    else:
        _add(subscription, application, by=by)
        if not is_others:
            _extend(subscription, application, terms, by=by, note=note[:_LONGEST_NOTE])
    emit_subscription(subscription)
    return subscription


@transaction.atomic
def withdraw_application(*, subscription: Subscription, application: Application, by: Actor) -> Subscription:
    """The subscription without application, whose keys no longer reach the product; it stays live without any."""
    subscription = Subscription.objects.select_for_update().get(pk=subscription.pk)
    if not subscription.applications.filter(pk=application.pk).exists():
        message = _("%(application)s is not part of this subscription.") % {"application": application}
        raise Conflict("access.not_subscribed", message)
    subscription.applications.remove(application)
    before = {"application": application.name}
    record(by=by, action="subscription.withdraw_application", target=subscription, before=before)
    emit_subscription(subscription)
    return subscription


def emit_subscription(subscription: Subscription) -> None:
    """Tell the gateways of the subscription and of what they join it on. Last in its transaction.

    Of those of its organization, product and environment that are over, gateways keep the last one's reason only.
    """
    earlier = Subscription.objects.filter(
        organization=subscription.organization_id,
        product=subscription.product_id,
        environment=subscription.environment_id,
        created_at__lt=subscription.created_at,
    )
    last_gone = earlier.order_by("-created_at").values_list("id", flat=True)[:1]
    records.emit(
        records.Affected(
            organizations=Organization.objects.filter(pk=subscription.organization_id),
            applications=Application.objects.filter(subscriptions=subscription.pk),
            subscriptions=Subscription.objects.filter(pk=subscription.pk),
            gone=tuple(map(records.removed_subscription, last_gone)),
        ),
        environment_ids=[subscription.environment_id],
    )


def _check_subscriber(application: Application) -> None:
    application.refresh_from_db(fields=["state"])
    if application.state == Application.State.SUSPENDED:
        raise Conflict(
            "access.application_suspended",
            _("%(application)s is suspended, so it cannot subscribe.") % {"application": application},
            hint=_("Resume the application, or choose another one."),
            field="application",
        )
    if application.organization.state == Organization.State.SUSPENDED:
        raise Conflict(
            "access.organization_suspended",
            _("%(organization)s is suspended, so it cannot subscribe.") % {"organization": application.organization},
            hint=_("Ask the administrators to resume the organization."),
        )


def _check_still_there(application: Application) -> None:
    """Refuse an application that went to another organization since it was looked up. Needs the organization's lock."""
    if not Application.objects.filter(pk=application.pk, organization=application.organization_id).exists():
        raise Conflict(
            "access.application_moved",
            _("%(application)s belongs to another organization now.") % {"application": application},
        )


def check_confirmed(organization: Organization) -> None:
    """Refuse what costs money or somebody's time to people of whom none has confirmed an address."""
    addresses = list(organization.memberships.values_list("user__email", flat=True))
    if addresses and all(address.endswith(f"@{NOWHERE}") for address in addresses):
        raise Conflict(
            "access.address_not_confirmed",
            _("Confirm your e-mail address first."),
            hint=_("Follow the link in the mail that we sent when you got your key."),
        )


def _require_free(terms: PlanVersion) -> None:
    if terms.is_priced:
        raise Conflict(
            "access.payments_not_set_up",
            _("%(plan)s has a price: it is bought in the portal, once payments are set up.") % {"plan": terms.plan},
            hint=_("Choose a plan without prices, or ask the administrators whether payments are set up yet."),
            field="plan",
        )


@transaction.atomic
def offered_terms(product: Product, plan: Plan, organization: Organization) -> PlanVersion:
    """The plan's terms in force, when product offers the plan to new subscribers such as the organization."""
    if product.archived_at is not None:
        raise Conflict(
            "access.product_archived",
            _("%(product)s is archived and takes no new subscribers.") % {"product": product},
            hint=_("Choose another product."),
            field="product",
        )
    on_offer = Plan.objects.open_to(organization).filter(products=product)
    if not on_offer.filter(pk=plan.pk).exists():
        offered = enumerated(on_offer.active().values_list("name", flat=True))
        raise Invalid(
            "access.plan_not_offered",
            _("%(product)s does not offer the plan %(plan)s.") % {"product": product, "plan": plan.name},
            hint=(_("Plans on offer: %(offered)s.") % {"offered": offered} if offered else _("It offers no plan yet.")),
            field="plan",
        )
    plan = Plan.objects.select_for_update(no_key=True).get(pk=plan.pk)  # else a revision now would miss us
    if plan.archived_at is not None:
        raise Conflict(
            "access.plan_archived",
            _("The plan %(plan)s is archived and takes no new subscribers.") % {"plan": plan},
            hint=_("Choose another plan."),
            field="plan",
        )
    terms = plan.versions.filter(state=PlanVersion.State.ACTIVE).first()
    if terms is None:
        raise Conflict(
            "access.plan_not_active",
            _("The plan %(plan)s is a draft: it has no terms in force.") % {"plan": plan},
            field="plan",
        )
    return terms


def _check_open(product: Product) -> None:
    """Refuse new subscribers where everything on offer is on its way out. Those subscribed may go on."""
    states = set(product.items.values_list("version__state", flat=True))
    if states and states <= set(_CLOSED_STATES):
        raise Conflict(
            "access.product_deprecated",
            _("Every API version in %(product)s is deprecated or retired, so it takes no new subscribers.")
            % {"product": product},
            hint=_("Look for a product with the successor version."),
            field="product",
        )


def _start(
    application: Application,
    product: Product,
    terms: PlanVersion,
    *,
    environment: Environment,
    by: Actor,
    name: str,
    note: str,
) -> Subscription:
    _check_open(product)
    is_manual = terms.approval == PlanVersion.Approval.MANUAL
    is_waiting = is_manual or terms.is_priced
    subscription = Subscription(
        organization=application.organization,
        product=product,
        environment=environment,
        plan_version=terms,
        lifecycle=Subscription.Lifecycle.PENDING if is_waiting else Subscription.Lifecycle.ACTIVE,
        awaits_payment=terms.is_priced and not is_manual,
        name=name,
        note=note,
        requested_by=by.label,
        asked_at=timezone.now() if is_manual else None,
    )
    subscription.save(force_insert=True)
    subscription.applications.add(application)
    after = state_of(subscription) | {"application": application.name}
    record(by=by, action="subscription.create", target=subscription, after=after)
    if is_manual:
        inbox.announce_request(subscription, application)
    if not subscription.awaits_payment:
        tell_subscription("subscription.requested" if is_manual else "subscription.approved", subscription)
    return subscription


def _add(subscription: Subscription, application: Application, *, by: Actor) -> None:
    if not subscription.applications.filter(pk=application.pk).exists():
        subscription.applications.add(application)
        after = {"application": application.name}
        record(by=by, action="subscription.add_application", target=subscription, after=after)


def _extend(subscription: Subscription, application: Application, terms: PlanVersion, *, by: Actor, note: str) -> None:
    """When the plan is another one or the end was set, change that."""
    before = state_of(subscription)
    is_request = False
    if subscription.plan_version.plan_id == terms.plan_id:
        if subscription.requested_plan_version is not None:
            subscription.awaits_payment = False
        subscription.requested_plan_version = None  # asking for the plan in force takes back a wish for another
    elif subscription.lifecycle == Subscription.Lifecycle.PENDING:
        _choose_while_pending(subscription, terms)
    elif subscription.payment != Subscription.Payment.NONE:
        raise Conflict(
            "access.plan_is_billed",
            _("The plan %(plan)s is paid for, so it is not changed this way.")
            % {"plan": subscription.plan_version.plan},
            hint=_("Cancel it to the end of its period, then choose the other plan."),
            field="plan",
        )
    elif terms.approval == PlanVersion.Approval.MANUAL or terms.is_priced:
        subscription.awaits_payment = terms.approval == PlanVersion.Approval.AUTO
        is_request = subscription.requested_plan_version_id != terms.id and not subscription.awaits_payment
        subscription.requested_plan_version = terms
        subscription.note = note
    else:
        subscription.plan_version = terms
        subscription.requested_plan_version = None
    is_billed = subscription.payment != Subscription.Payment.NONE  # then its end is taken back where it is billed
    if subscription.lifecycle == Subscription.Lifecycle.CANCELED and not is_billed:
        subscription.lifecycle = Subscription.Lifecycle.ACTIVE  # they came back before the end
        subscription.ends_at = None
    after = state_of(subscription)
    if after == before:
        return
    subscription.save()
    record(by=by, action="subscription.change_plan", target=subscription, before=before, after=after)
    if is_request:
        Subscription.objects.filter(pk=subscription.pk).update(asked_at=timezone.now(), reminded_at=None)
        inbox.announce_request(subscription, application)


def _choose_while_pending(subscription: Subscription, terms: PlanVersion) -> None:
    """Nothing is in force yet: the wish is replaced; a plan that approves by itself needs no decision any more."""
    subscription.plan_version = terms
    is_approved = terms.approval == PlanVersion.Approval.AUTO
    subscription.awaits_payment = is_approved and terms.is_priced
    if is_approved and not terms.is_priced:
        subscription.lifecycle = Subscription.Lifecycle.ACTIVE
