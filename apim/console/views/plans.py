"""Pages of plans: terms, their versions, who has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Count, Prefetch, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, ngettext

from apim.access.commitments import commitments
from apim.access.models import Subscription
from apim.access.services import revise_plan
from apim.accounts.permissions import is_admin
from apim.accounts.services import actor_of
from apim.billing.catalogue import obstacle_to_sale
from apim.console.forms.plans import AudienceForm, NewPlanForm, TermsForm, audience_initial, terms_initial
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.problems import problems_of
from apim.console.scope import apis_of, owned_organizations, plans_of, products_of
from apim.errors import Forbidden
from apim.gateways.services import default_environment
from apim.products.models import Plan
from apim.products.services import archive_plan, create_plan, effective_ceiling, update_plan
from apim.products.services.plans import terms_of
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.accounts.models import Organization, User
    from apim.catalog.models import API
    from apim.console.gate import ConsoleRequest

LIVE = Q(versions__subscriptions__lifecycle__in=Subscription.LIVE)


@publisher_page
def plan_list(request: ConsoleRequest) -> HttpResponse:
    """My plans with their terms and subscribers."""
    is_archived = request.GET.get("archived") == "1"
    plans = plans_of(request.user).filter(archived_at__isnull=not is_archived)
    products = products_of(request.user)
    live = LIVE & Q(versions__subscriptions__product__in=products)  # a platform's plan has subscribers of others
    rows = plans.annotate(subscribers=Count("versions__subscriptions", filter=live, distinct=True))
    return page(
        request,
        "console/plans/list.html",
        rows=listing(request, rows.prefetch_related("versions", Prefetch("products", products)).order_by("name")),
        is_archived=is_archived,
        can_add=plan_editors(request.user).exists(),
    )


@publisher_page
def plan_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """A plan's terms now, its earlier versions, and who has it."""
    plan = get_object_or_404(plans_of(request.user).select_related("organization"), name=name)
    products = products_of(request.user)
    live = Q(subscriptions__lifecycle__in=Subscription.LIVE, subscriptions__product__in=products)
    versions = plan.versions.annotate(subscribers=Count("subscriptions", filter=live))
    current = next((version for version in versions if version.state == version.State.ACTIVE), None)
    return page(
        request,
        "console/plans/page.html",
        plan=plan,
        versions=versions,
        current=current,
        audience=plan.offered_to.order_by("name"),
        behind=sum(version.subscribers for version in versions if version.state != version.State.ACTIVE),
        obstacle=obstacle_to_sale(current) if current is not None and current.is_priced else "",
        products=products.filter(plans=plan),
        problems=problems_of({plan.id, *(version.id for version in versions)}),
        over_committed=[each for each in commitments(_apis_of(request.user, plan)) if each.is_over],
        **_ceiling(plan.organization),
        can_edit=_can_edit(request.user, plan),
    )


@publisher_page
def plan_new(request: ConsoleRequest) -> HttpResponse:
    """A plan and its first terms."""
    if not plan_editors(request.user).exists():
        raise Forbidden(
            "console.plans_not_delegated", gettext("Only admins edit plans here."), hint=str(DELEGATION_HINT)
        )
    form = NewPlanForm(posted(request), user=request.user)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            data = {key: form.cleaned_data[key] for key in ("name", "display_name", "description", "organization")}
            plan = create_plan(**data, terms=form.terms, by=actor_of(request.user))
            messages.success(
                request, gettext("%(plan)s is made. Offer it with a product.") % {"plan": plan.display_name}
            )
            return redirect("console:plan", plan.name)
    organization = owned_organizations(request.user).order_by("-is_default", "name").first()
    ceiling = _ceiling(organization) if organization else {}
    return page(request, "console/plans/edit.html", form=form, **ceiling)


@publisher_page
def plan_edit(request: ConsoleRequest, name: str) -> HttpResponse:
    """Changed terms: version n+1, and whom it moves."""
    plan = find_plan_to_edit(request.user, name)
    current = plan.versions.filter(state="active").first()
    form = TermsForm(posted(request), initial=terms_initial(current) if current else {})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            terms = replace(form.terms, pricing=current.pricing if current else None)  # prices have their own page
            version = revise_plan(plan=plan, terms=terms, by=actor_of(request.user))
            messages.success(
                request,
                gettext("Version %(number)s is in force; gateways apply it within a second.")
                % {"number": version.number},
            )
            return redirect("console:plan", plan.name)
    moved = Subscription.objects.live().filter(plan_version__plan=plan)
    is_kept = current is not None and not terms_of(current).moves_existing
    return page(
        request,
        "console/plans/edit.html",
        plan=plan,
        form=form,
        current=current,
        next_number=(current.number if current else 0) + 1,
        moved=moved.select_related("organization", "product")[:10],
        moved_count=moved.count(),
        is_kept=is_kept,
        **_ceiling(plan.organization),
    )


@publisher_page
def plan_audience(request: ConsoleRequest, name: str) -> HttpResponse:
    """What a plan is called and who may choose it; its terms stay."""
    plan = find_plan_to_edit(request.user, name)
    form = AudienceForm(posted(request), initial=audience_initial(plan))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_plan(plan=plan, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, gettext("Saved; subscribers keep what they have."))
            return redirect("console:plan", plan.name)
    return page(request, "console/plans/audience.html", plan=plan, form=form)


@publisher_page
def plan_archive(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then offers the plan to nobody new."""
    plan = find_plan_to_edit(request.user, name)
    count = Subscription.objects.live().filter(plan_version__plan=plan).count()
    confirmation = Confirmation(
        title=gettext("Archive the plan %(plan)s?") % {"plan": plan.display_name},
        consequences=(
            _subscribers(count),
            gettext("Nobody can choose it any more."),
        ),
        verb=gettext("Archive it"),
        back=reverse("console:plans"),
        done=gettext("%(plan)s is archived.") % {"plan": plan.display_name},
    )  # fmt: skip
    return confirm(request, confirmation, lambda _, by: archive_plan(plan=plan, by=by))


def _subscribers(count: int) -> str:
    if not count:
        return gettext("Nobody is on it.")
    text = ngettext(
        "%(count)d live subscription on it: it keeps the terms.",
        "%(count)d live subscriptions on it: they keep the terms.",
        count,
    )
    return text % {"count": count}


DELEGATION_HINT = gettext_lazy("An admin can delegate plan editing to owners on the organization's page.")


def _ceiling(organization: Organization) -> Mapping[str, object]:
    """The limits in force for the organization's plans, and where each is set, as the page's context."""
    environment = default_environment()
    limits = effective_ceiling(organization=organization, environment=environment)
    where = {
        "organization": organization,
        "environment": gettext("the environment %(environment)s") % {"environment": environment},
    }
    rows = [(name, limit.value, where[limit.source]) for name, limit in limits.items() if limit.value is not None]
    return {
        "ceilings": [row for row in rows if not row[0].startswith("default_")],
        "defaults": [row for row in rows if row[0].startswith("default_")],
        "ceiling_of": organization,
    }


def _apis_of(user: User, plan: Plan) -> list[API]:
    """The APIs that subscribers of the plan may call, and that the user looks after."""
    products = products_of(user).filter(plans=plan)
    return list(apis_of(user).filter(versions__product_items__product__in=products, capacity__isnull=False).distinct())


def plan_editors(user: User) -> QuerySet[Organization]:
    """The organizations whose plans and meters the user edits."""
    owned = owned_organizations(user)
    return owned if is_admin(user) else owned.filter(owners_edit_plans=True)


def _can_edit(user: User, plan: Plan) -> bool:
    return Plan.objects.editable_by(user).filter(pk=plan.pk).exists()


def find_plan_to_edit(user: User, name: str) -> Plan:
    """The plan, when the user may change it."""
    plan: Plan = get_object_or_404(plans_of(user).select_related("organization"), name=name)
    if not _can_edit(user, plan):
        raise Forbidden(
            "console.plans_not_delegated", gettext("You may see this plan, not change it."), hint=str(DELEGATION_HINT)
        )
    return plan
