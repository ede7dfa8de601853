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
) -> bool:
    """True when the subscription that is joined is other teams', too: then nothing else of it may change.

    To join one with another plan than it has is refused. Errors: Forbidden access.plan_of_other_teams.
    """
    shared = Subscription.objects.live().filter(
        organization=application.organization_id, product=product, environment=environment or default_environment()
    )
    held = shared.select_related("plan_version__plan").first()
    if held is None or Subscription.objects.editable_by(user).filter(pk=held.pk).exists():
        return False
    if held.plan_version.plan_id == plan.pk:
        return True
    words = {"product": product, "plan": held.plan_version.plan}
    raise Forbidden(
        "access.plan_of_other_teams",
        _("Other teams of your organization use %(product)s with the plan %(plan)s.") % words,
        hint=_("Choose %(plan)s too, or ask a member who is in no team to change it.") % words,
    )
