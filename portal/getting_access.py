"""Get access in one step: application, subscription and key together, or none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from apim.access.models import Application, Subscription
from apim.access.services import IssuedKey, create_application, create_credential, subscribe
from apim.access.sharing import require_no_other_team
from apim.accounts.permissions import own_team
from apim.accounts.services import actor_of, register_developer
from apim.billing.connection import is_connected
from apim.onboarding.journeys import arrive
from apim.onboarding.provisional import begin_account
from portal.names import free_name

if TYPE_CHECKING:
    from apim.accounts.models import Organization, User
    from apim.products.models import Plan, Product

FIRST_APPLICATION = "My first app"
_CALLABLE = (Subscription.Lifecycle.ACTIVE, Subscription.Lifecycle.CANCELED)


@dataclass(frozen=True, slots=True)
class Wish:
    """Shapes: application None = make one, with new_name or silently the first one."""

    product: Product
    plan: Plan
    application: Application | None
    new_name: str = ""
    note: str = ""


@transaction.atomic
def get_access(*, wish: Wish, organization: Organization | None, user: User) -> tuple[Subscription, IssuedKey | None]:
    """The subscription and, when it works already, a key of the application.

    Shapes: who belongs to no organization yet gets one of their own.
    """
    by = actor_of(user)
    organization = organization or register_developer(user)
    application = wish.application or new_application(
        organization=organization, display_name=wish.new_name or FIRST_APPLICATION, user=user
    )
    is_others = require_no_other_team(user=user, application=application, product=wish.product, plan=wish.plan)
    subscription = subscribe(
        application=application,
        product=wish.product,
        plan=wish.plan,
        by=by,
        note=wish.note,
        is_checkout=is_connected(),  # what must be paid for goes on to the page of payment
        is_others=is_others,
    )
    is_callable = subscription.lifecycle in _CALLABLE
    issued = create_credential(application=application, by=by, creator=user) if is_callable else None
    arrive(user=user, product=wish.product, application=application, has_key=is_callable)
    return subscription, issued


@transaction.atomic
def join_and_get_access(*, wish: Wish, email: str) -> tuple[User, IssuedKey | None]:
    """A new person, who confirms the address later, and the key; for plans that are free and need nobody's yes."""
    user = begin_account(email)
    _, issued = get_access(wish=wish, organization=None, user=user)
    return user, issued


def new_application(
    *, organization: Organization, display_name: str, user: User, description: str = "", team: str | None = None
) -> Application:
    """An application whose name is made from what people call it. Shapes: team None = that of the user, if any."""
    taken = set(Application.objects.filter(organization=organization).values_list("name", flat=True))
    return create_application(
        organization=organization,
        name=free_name(display_name, taken),
        display_name=display_name,
        description=description,
        team=own_team(user, organization.pk) if team is None else team,
        by=actor_of(user),
    )
