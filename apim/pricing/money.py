"""Money: currencies, their minor units, and the one rounding that invoices know.

Amounts are Decimal in major units ("41.96"); minor units are whole numbers (4196).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, localcontext

_TWO = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG
"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

# ISO 4217: how many digits the minor unit has.
CURRENCIES = {code: digits for codes, digits in ((_TWO, 2), (_NONE, 0), (_THREE, 3)) for code in codes.split()}

# Wide enough for every product of a quantity and a price that terms allow; anything inexact in it is a bug.
EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=80, rounding=ROUND_HALF_UP)


def minor_digits(currency: str) -> int:
    """How many digits the minor unit of a currency has: 2 for EUR, 0 for JPY, 3 for KWD.

    Errors: KeyError for what is no currency.
    """
    return CURRENCIES[currency]


def round_money(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units, halves away from zero; lines of invoices are rounded so, once each."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), context=_ROUNDING)


def to_minor(amount: Decimal, currency: str) -> int:
    """The amount in minor units.

    Errors: ValueError when it has a fraction of one: rounding is the act of a line, not of a conversion.
    """
    with localcontext(EXACT):
        minor = amount.scaleb(minor_digits(currency))
        if minor != minor.to_integral_value():
            raise ValueError(f"{amount} {currency} has a fraction of the minor unit")
        return int(minor)


def from_minor(minor: int, currency: str) -> Decimal:
    """The amount that whole minor units make."""
    return Decimal(minor).scaleb(-minor_digits(currency), context=EXACT)


def money_text(amount: Decimal, currency: str) -> str:
    """The amount with the digits of its currency, and more where it has more: `29.00`, `0.0004`, `1200` for JPY."""
    return _plain(amount, minor_digits(currency))


def quantity_text(quantity: Decimal) -> str:
    """The quantity in plain digits: `132400`, `0.5`."""
    return _plain(quantity, 0)


def _plain(value: Decimal, digits: int) -> str:
    text = f"{value:f}"
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(digits, "0")
    return f"{whole}.{fraction}" if fraction else whole
