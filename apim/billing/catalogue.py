"""The catalogue at Stripe: a product, a meter and the prices of a plan version, made when they are first needed.

Prices are found by `{product}:{plan}:v{n}:{part}:{currency}` and never changed: another version has other prices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext

from apim.billing.connection import Connection, account_of
from apim.billing.credits.terms import obstacle_to_credits
from apim.billing.driver import DriverFailed
from apim.billing.models import CatalogueEntry
from apim.errors import Conflict
from apim.pricing.closing import is_arrears
from apim.pricing.money import minor_digits, to_minor
from apim.pricing.parts import Flat, Graduated, Package, Part, Setup, Tier, Unit, Volume
from apim.pricing.terms import Terms
from apim.products.models import Meter, PlanVersion, Product

_PRODUCT: Final = "product"
_METER: Final = "billing.meter"
_PRICE: Final = "price"
_PORTAL: Final = "portal"
_PORTAL_NAME: Final = "apim-cards-1"  # another set of features is another name
_LONGEST_NAME: Final = 100  # of an event, by docs.stripe.com/api/billing/meter/create
_DIGEST: Final = 12
_OTHER_UNITS: Final = ("ISK", "MGA", "UGX")  # by docs.stripe.com/currencies#special-cases, against ISO 4217
_KINDS: Final = {_PORTAL: "billing_portal.configuration"}  # where the provider's word is another one


def obstacle_to_sale(version: PlanVersion) -> str:
    """Why a plan cannot be sold through Stripe as it is; "" when it can."""
    terms = version.terms
    if terms.currency in _OTHER_UNITS:
        words = gettext(
            "Stripe counts %(currency)s in other units than its standard: it would charge a hundredfold off."
        )
        return words % {"currency": terms.currency}
    if terms.prepaid is not None:
        return obstacle_to_credits(terms)
    if all(isinstance(part, Setup) or is_arrears(part) for part in terms.prices):
        return gettext("Stripe needs a price in advance or of usage to begin with; 0.00 in advance will do.")
    if any(isinstance(part, Package) and _included(part, terms) for part in terms.prices):
        return gettext("Stripe knows no packages beside included units; tiers can say both.")
    if any(tier.flat for part in terms.prices for tier in getattr(part, "tiers", ())[:1]):
        return gettext("Stripe charges the fixed amount of a first tier without any usage too; a flat price says that.")
    return ""


def check_sellable(version: PlanVersion) -> None:
    """Refuse a plan that cannot be a subscription at Stripe. Errors: Conflict billing.not_sellable."""
    is_prepaid = version.terms.prepaid is not None
    if why := gettext("Credits are bought by top-ups.") if is_prepaid else obstacle_to_sale(version):
        raise Conflict(
            "billing.not_sellable", why, hint=gettext("Choose another plan, or ask the owner of the product.")
        )


def line_items(connection: Connection, product: Product, version: PlanVersion) -> list[dict[str, Any]]:
    """What a checkout of the plan version sells. Errors: DriverFailed; Conflict billing.not_sellable."""
    check_sellable(version)
    items: list[dict[str, Any]] = []
    for part in version.terms.prices:
        if is_arrears(part):
            continue  # a line that we put on the draft of each invoice
        price = price_of(connection, product, version, part)
        is_metered = not isinstance(part, Flat | Setup)
        items.append({"price": price} if is_metered else {"price": price, "quantity": 1})
    return items


def price_of(connection: Connection, product: Product, version: PlanVersion, part: Part) -> str:
    """The id of the price of a part of the plan version."""
    terms = version.terms
    lookup_key = f"{product.name}:{version.plan.name}:v{version.number}:{part.name}:{terms.currency}"
    params = {
        "currency": terms.currency.lower(),
        "product": _stripe_product(connection, product),
        "nickname": f"{version.plan.display_name}: {part.name}",
        "lookup_key": lookup_key,
        "metadata": {"apim_plan_version": version.id, "apim_part": part.name},
    }
    if not isinstance(part, Setup):
        recurring: dict[str, Any] = {"interval": terms.interval}
        if not isinstance(part, Flat):
            recurring |= {"usage_type": "metered", "meter": meter_of(connection, product, _meter_name(part))}
        params["recurring"] = recurring
    return _entry(connection, _PRICE, lookup_key, params | _amounts(part, terms))


def meter_of(connection: Connection, product: Product, name: str) -> str:
    """The id of the meter that counts for the product: one a product, for Stripe's events name customers only."""
    meter = Meter.objects.get(name=name)
    event_name = event_name_of(product, meter)
    params = {
        "display_name": f"{product.display_name}: {meter.display_name}"[:250],
        "event_name": event_name,
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": "value"},
    }
    return _entry(connection, _METER, event_name, params)


def event_name_of(product: Product, meter: Meter) -> str:
    """What events of the meter are called at Stripe; another definition is another name, for names are for ever."""
    name = f"apim.{product.name}.{meter.name}.v{meter.version}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]  # what is cut off must not make two meters one
    return f"{name[: _LONGEST_NAME - _DIGEST - 1]}.{digest}"


def portal_configuration(connection: Connection) -> str:
    """The id of what the hosted page offers: cards, invoices, address and tax ids; what is bought is changed here only.

    Source: docs.stripe.com/api/customer_portal/configurations/create.
    """
    off = {"enabled": False}
    updates = {"enabled": True, "allowed_updates": ["address", "name", "tax_id"]}
    params = {
        "features": {
            "customer_update": updates,
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": off,
            "subscription_update": off,
        },
        "metadata": {"apim_portal": _PORTAL_NAME},
    }
    return _entry(connection, _PORTAL, _PORTAL_NAME, params)


def _stripe_product(connection: Connection, product: Product) -> str:
    params = {"name": product.display_name, "metadata": {"apim_product": product.id}}
    return _entry(connection, _PRODUCT, product.id, params)


def _entry(connection: Connection, kind: str, lookup_key: str, params: Mapping[str, Any]) -> str:
    """The id of what stands under the key, made when there is none; what an interrupted try made is found again."""
    of = {"mode": connection.mode, "account_id": account_of(connection), "kind": kind, "lookup_key": lookup_key}
    known = CatalogueEntry.objects.filter(**of).first()
    if known is not None:
        return known.stripe_id
    found = next(_existing(connection, kind, lookup_key), None)
    if found is None:
        found = connection.driver.make(_KINDS.get(kind, kind), params, key=f"apim:{kind}:{lookup_key}"[:255])["id"]
    entry, _ = CatalogueEntry.objects.get_or_create(**of, defaults={"stripe_id": found})
    return entry.stripe_id


def _existing(connection: Connection, kind: str, lookup_key: str) -> Iterator[str]:
    driver = connection.driver
    if kind == _PRICE:
        yield from (each["id"] for each in driver.list(kind, {"lookup_keys": [lookup_key]}))
    elif kind == _METER:
        yield from (each["id"] for each in driver.list(kind, {}) if each["event_name"] == lookup_key)
    else:
        mark = "apim_portal" if kind == _PORTAL else "apim_product"
        found = driver.list(_KINDS.get(kind, kind), {})
        yield from (each["id"] for each in found if (each.get("metadata") or {}).get(mark) == lookup_key)


def _meter_name(part: Part) -> str:
    assert isinstance(part, Unit | Package | Graduated | Volume)  # noqa: S101 - who asks has looked
    return part.meter


def _included(part: Unit | Package, terms: Terms) -> int:
    """How many units cost nothing because a limit of the plan says so."""
    limit = terms.limit_of(part.meter)
    return limit.included if limit else 0


def _amounts(part: Part, terms: Terms) -> dict[str, Any]:
    currency = terms.currency
    match part:
        case Unit() if included := _included(part, terms):
            tiers = (Tier(included, Decimal(0)), Tier(None, part.unit))
            return _amounts(Graduated(part.name, part.meter, tiers), terms)
        case Flat() | Setup():
            return {"unit_amount": to_minor(part.amount, currency)}
        case Unit():
            return {"billing_scheme": "per_unit", "unit_amount_decimal": _decimal(part.unit, currency)}
        case Package():
            rounding = {"divide_by": part.size, "round": "up"}
            return {"unit_amount": to_minor(part.amount, currency), "transform_quantity": rounding}
        case Graduated() | Volume():
            return {
                "billing_scheme": "tiered",
                "tiers_mode": "graduated" if isinstance(part, Graduated) else "volume",
                "tiers": [
                    {
                        "up_to": tier.up_to if tier.up_to is not None else "inf",
                        "unit_amount_decimal": _decimal(tier.unit, currency),
                    }
                    | ({"flat_amount": to_minor(tier.flat, currency)} if tier.flat else {})
                    for tier in part.tiers
                ],
            }
    raise DriverFailed(f"{part.name} has no price at Stripe.", is_passing=False)


def _decimal(amount: Decimal, currency: str) -> str:
    """An amount in minor units, with all its digits."""
    return format((amount.scaleb(minor_digits(currency))).normalize(), "f")
