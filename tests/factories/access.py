"""Applications, subscriptions and keys, made by the real services."""

from __future__ import annotations

from itertools import count

from apim.access import services
from apim.access.models import Application, Subscription
from apim.access.services import IssuedKey
from apim.accounts.models import Organization, User
from apim.accounts.services import adopt_team
from apim.gateways.models import Environment
from apim.products.models import Plan, Product
from tests.factories.accounts import TESTER, organization

_numbers = count(1)


def application(*, of: Organization | None = None, name: str = "", team: str = "") -> Application:
    """An application, of an organization of its own when none is given, and of a team that is made if need be."""
    of = of or organization()
    adopt_team(organization=of, name=team, by=TESTER)
    return services.create_application(
        organization=of, name=name or f"application-{next(_numbers)}", team=team, by=TESTER
    )


def subscription(
    *, application: Application, product: Product, plan: Plan, environment: Environment | None = None
) -> Subscription:
    """A subscription as asked for: active, or pending when the plan wants approval."""
    return services.subscribe(application=application, product=product, plan=plan, environment=environment, by=TESTER)


def issued_key(*, application: Application, creator: User | None = None, **options: object) -> IssuedKey:
    """A live key and its text."""
    return services.create_credential(application=application, by=TESTER, creator=creator, **options)  # type: ignore[arg-type]
