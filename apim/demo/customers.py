"""Making the demo's customers by the usual services: organizations, applications, plans, subscriptions and keys.

Owns: who they are. Must not know: what they call.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext

from apim.access.models import Application
from apim.access.services import create_application, create_credential, revoke_credential, subscribe
from apim.accounts.models import Organization
from apim.accounts.services import create_organization, default_organization
from apim.audit.actor import Actor
from apim.catalog.models import APIVersion
from apim.demo.models import Demo
from apim.demo.shape import BANK, MOBILE, PARTNER, QUOTA_AN_HOUR, REPORTS, SHOP, TRADING
from apim.documents.installation import EXAMPLE_API
from apim.errors import Conflict
from apim.gateways.models import Environment
from apim.products.limits import Terms
from apim.products.models import Plan, Product, ProductPlan
from apim.products.services import create_plan, update_product

MARK = "(demo)"  # ends the display name of everything that people may meet on a page
VERSION = "v1"
_SEAL_CONTEXT = "demo.keys"
_PRODUCTS = {BANK: "bank-payments", TRADING: "market-data"}
_LARGE, _SMALL = "demo-large", "demo-small"


@dataclass(frozen=True, slots=True)
class _Customer:
    name: str
    display_name: str
    applications: tuple[tuple[str, str], ...]
    subscriptions: tuple[tuple[str, str], ...]  # (API, plan)
    is_revoked: bool = False


_CUSTOMERS = (
    _Customer(
        "demo-retail",
        f"Retail Group {MARK}",
        ((SHOP, f"Web shop {MARK}"), (MOBILE, f"Mobile app {MARK}")),
        ((BANK, _LARGE), (TRADING, _LARGE)),
    ),
    _Customer("demo-ledger", f"Ledger Reports {MARK}", ((REPORTS, f"Month-end {MARK}"),), ((BANK, _SMALL),)),
    _Customer(
        "demo-partner", f"Old Partner {MARK}", ((PARTNER, f"Nightly sync {MARK}"),), ((BANK, _SMALL),), is_revoked=True
    ),
)
NAMES = tuple(
    name for customer in _CUSTOMERS for name in (customer.display_name, *(each[1] for each in customer.applications))
)


def make_customers(demo: Demo, environment: Environment, by: Actor) -> None:
    """Fills demo.made and demo.sealed_keys. Errors: demo.no_example, and those of the services."""
    products = _products()
    organizations = [
        create_organization(name=customer.name, display_name=customer.display_name, by=by) for customer in _CUSTOMERS
    ]
    plans = _make_plans(organizations, products, by)
    made: dict[str, list[str]] = {
        "organization": [organization.id for organization in organizations],
        "plan": [plan.id for plan in plans.values()],
        "application": [],
        "credential": [],
        "subscription": [],
    }
    keys: dict[str, str] = {}
    for customer, organization in zip(_CUSTOMERS, organizations, strict=True):
        for name, display_name in customer.applications:
            application = create_application(organization=organization, name=name, display_name=display_name, by=by)
            made["application"].append(application.id)
            for api, plan in customer.subscriptions:
                subscription = subscribe(
                    application=application, product=products[api], plan=plans[plan], environment=environment, by=by
                )
                made["subscription"].append(subscription.id)
            keys[name] = _issue_key(application, environment, made, by, is_revoked=customer.is_revoked)
    demo.made = made | {"subscription": sorted(set(made["subscription"]))}
    demo.sealed_keys = settings.KEYRING.seal(json.dumps(keys).encode(), _SEAL_CONTEXT)


def keys_of(demo: Demo) -> dict[str, str]:
    """The key of each application, by its name."""
    keys: dict[str, str] = json.loads(settings.KEYRING.unseal(bytes(demo.sealed_keys), _SEAL_CONTEXT))
    return keys


def versions_called() -> dict[str, APIVersion]:
    """The version that is called of each API. Errors: demo.no_example."""
    rows = APIVersion.objects.filter(api__name__in=_PRODUCTS, name=VERSION, state__in=APIVersion.CALLABLE)
    found = {row.api.name: row for row in rows.select_related("api")}
    if missing := sorted(_PRODUCTS.keys() - found.keys()):
        raise _no_example(f"{missing[0]} {VERSION}")
    return found


def called_among(version_ids: Collection[str]) -> bool:
    """Whether one of these versions is called by the demo's applications."""
    return APIVersion.objects.filter(id__in=version_ids, api__name__in=_PRODUCTS, name=VERSION).exists()


def _products() -> dict[str, Product]:
    versions_called()
    found = {product.name: product for product in Product.objects.active().filter(name__in=_PRODUCTS.values())}
    if missing := sorted(set(_PRODUCTS.values()) - found.keys()):
        raise _no_example(f"the product {missing[0]}")
    return {api: found[name] for api, name in _PRODUCTS.items()}


def _make_plans(organizations: list[Organization], products: dict[str, Product], by: Actor) -> dict[str, Plan]:
    terms = {
        _LARGE: ("Large", Terms(rate={"requests": 50, "per_s": 1, "burst": 100})),
        _SMALL: ("Small", Terms(quotas=[{"requests": QUOTA_AN_HOUR, "per": "hour"}])),
    }
    plans = {
        name: create_plan(
            organization=default_organization(),
            name=name,
            display_name=f"{title} {MARK}",
            terms=each,
            visibility=Plan.Visibility.PRIVATE,
            offered_to=organizations,
            by=by,
        )
        for name, (title, each) in terms.items()
    }
    for product in products.values():
        offered = [row.plan for row in ProductPlan.objects.filter(product=product).select_related("plan__organization")]
        update_product(product=product, changes={"plans": [*offered, *plans.values()]}, by=by)
    return plans


def _issue_key(
    application: Application, environment: Environment, made: dict[str, list[str]], by: Actor, *, is_revoked: bool
) -> str:
    issued = create_credential(application=application, environment=environment, label="Demo", by=by)
    made["credential"].append(issued.credential.id)
    if is_revoked:
        revoke_credential(credential=issued.credential, by=by)
    return issued.key


def _no_example(what: str) -> Conflict:
    return Conflict(
        "demo.no_example",
        gettext("The demo calls the %(example_api)s example, but %(what)s is not there.")
        % {"example_api": EXAMPLE_API, "what": what},
        hint=gettext("Load it: apim apply -f examples/bank/apim.yaml, and start its services."),
    )
