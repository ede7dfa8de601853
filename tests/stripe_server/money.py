"""Currencies and amounts. Source: docs.stripe.com/currencies (minor units, zero-decimal, three-decimal, minimum)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from tests.stripe_server.errors import invalid

_ZERO = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE = "bhd jod kwd omr tnd"
_TWO = """
aed all amd ang ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve czk dkk dop
dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr
lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub
sar sbd scr sek sgd shp sll sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst yer zar zmw
"""
ZERO_DECIMAL = frozenset(_ZERO.split())
THREE_DECIMAL = frozenset(_THREE.split())
TWO_DECIMAL = frozenset(_TWO.split())
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL
_PLACES = 12
_LARGEST = 99_999_999
# The smallest charges, by docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
_MINIMUM = {"usd": 50, "eur": 50, "gbp": 30, "chf": 50, "jpy": 50, "aud": 50, "cad": 50, "sgd": 50, "nzd": 50,
            "sek": 300, "nok": 300, "dkk": 250, "pln": 200, "inr": 50, "brl": 50, "mxn": 1000, "hkd": 400}  # fmt: skip


def check_currency(currency: str, param: str = "currency") -> str:
    """The currency in lower case.

    Errors: StripeError for one that is not supported.
    """
    lower = currency.lower()
    if lower not in CURRENCIES:
        raise invalid(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(CURRENCIES))}",
            param=param,
        )
    return lower


def check_amount(amount: int, currency: str, param: str) -> int:
    """An amount in the smallest unit.

    Errors: StripeError for a negative or too large amount, or a three-decimal one that does not end in 0.
    """
    if amount < 0:
        raise invalid("This value must be greater than or equal to 0.", param=param, code="parameter_invalid_integer")
    if amount > _LARGEST and currency not in ZERO_DECIMAL:
        raise invalid("Amount must be no more than 999,999.99", param=param, code="amount_too_large")
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid(
            f"Invalid amount: {amount}. Amounts in {currency.upper()} must be divisible by 10: its three decimals end "
            "in 0.",
            param=param,
        )
    return amount


def check_decimal(text: str, param: str) -> Decimal:
    """A decimal amount with at most 12 places. Source: docs.stripe.com/api/prices/create (unit_amount_decimal)."""
    number = Decimal(text)
    if number < 0:
        raise invalid("This value must be greater than or equal to 0.", param=param)
    if -int(number.normalize().as_tuple().exponent) > _PLACES:
        raise invalid(f"Invalid decimal: {text}; must contain at maximum {_PLACES} decimal places.", param=param)
    return number


def round_line(amount: Decimal, currency: str) -> int:
    """A line's amount in the smallest unit that can be charged, half away from zero.

    Source: docs.stripe.com/billing/subscriptions/usage-based/pricing-models (the line is rounded, not the unit price).
    """
    if currency in THREE_DECIMAL:
        return int((amount / 10).quantize(Decimal(1), ROUND_HALF_UP)) * 10
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def minimum(currency: str) -> int:
    """The smallest amount that is charged; smaller invoices are paid by carrying them over."""
    return _MINIMUM.get(currency, 50)
