"""Subscriptions that several teams of an organization share."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apim.access.models import Application, Subscription
from apim.accounts.models import User
from apim.errors import Forbidden
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.products.models import Plan, Product


def require_no_other_team(
    *, user: User, application: Application, product: Product, plan: Plan, environment: Environment | None = None
) -> None:
    """Refuse to join with another plan a subscription whose applications are not all the user's to change.

    Joining it with the plan that it has changes nothing for the others.
    Errors: Forbidden access.plan_of_other_teams.
    """
    shared = Subscription.objects.live().filter(
        organization=application.organization_id, product=product, environment=environment or default_environment()
    )
    held = shared.exclude(plan_version__plan=plan).select_related("plan_version__plan").first()
    if held is None or Subscription.objects.editable_by(user).filter(pk=held.pk).exists():
        return
    words = {"product": product, "plan": held.plan_version.plan}
    raise Forbidden(
        "access.plan_of_other_teams",
        _("Other teams of your organization use %(product)s with the plan %(plan)s.") % words,
        hint=_("Choose %(plan)s too, or ask a member who is in no team to change it.") % words,
    )
