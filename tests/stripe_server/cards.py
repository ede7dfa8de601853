"""Test cards: what each number does. Source: docs.stripe.com/testing (numbers and PaymentMethods)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.stripe_server.errors import StripeError, card_error, invalid

_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
_OWN_CODE = {"expired_card", "incorrect_cvc", "processing_error", "authentication_required"}
# Source: docs.stripe.com/billing/revenue-recovery/smart-retries (hard declines are not tried again)
HARD_DECLINES = frozenset({"lost_card", "stolen_card", "authentication_required"})


@dataclass(frozen=True, slots=True)
class Card:
    """One number.

    Shapes: decline = the decline code of every charge; attaches = whether it can be saved at all; authentication is
    "" (none), "always", "unless_set_up" or "then_declined".
    """

    number: str
    brand: str = "visa"
    decline: str = ""
    attaches: bool = True
    authentication: str = ""
    refund_fails: bool = False
    disputes: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("4000056655665556"),
        Card("5555555555554444", brand="mastercard"),
        Card("378282246310005", brand="amex"),
        Card("4000000000000002", decline="generic_decline", attaches=False),
        Card("4000000000009995", decline="insufficient_funds", attaches=False),
        Card("4000000000009987", decline="lost_card", attaches=False),
        Card("4000000000009979", decline="stolen_card", attaches=False),
        Card("4000000000000069", decline="expired_card", attaches=False),
        Card("4000000000000127", decline="incorrect_cvc", attaches=False),
        Card("4000000000000119", decline="processing_error", attaches=False),
        Card("4000000000000341", decline="generic_decline"),  # saved, but every charge is declined
        Card("4000002760003184", authentication="always"),
        Card("4000002500003155", authentication="unless_set_up"),
        Card("4000000000003220", authentication="always"),
        Card("4000008260003178", authentication="then_declined", decline="insufficient_funds"),
        Card("4000000000000259", disputes=True),
        Card("4000000000005126", refund_fails=True),
    )
}

NAMED = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedLostCard": "4000000000009987",
    "visa_chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "threeDSecure2Required": "4000000000003220",
    "createDispute": "4000000000000259",
    "refundFail": "4000000000005126",
}


def named(text: str) -> Card | None:
    """The card behind `pm_card_...` or `tok_...`; None for no such name."""
    for prefix in ("pm_card_", "tok_"):
        if text.startswith(prefix) and text.removeprefix(prefix) in NAMED:
            return CARDS[NAMED[text.removeprefix(prefix)]]
    return None


def numbered(text: str, param: str = "card[number]") -> Card:
    """The card of a number.

    Errors: StripeError for a number that is no test card, or no number.
    """
    digits = text.replace(" ", "").replace("-", "")
    if digits in CARDS:
        return CARDS[digits]
    if not digits.isdigit() or not _is_luhn(digits):
        error = card_error("Your card number is incorrect.", code="incorrect_number", param=param)
        error.keeps_changes = False
        raise error
    raise card_error(
        "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test "
        "cards, visit: https://stripe.com/docs/testing.",
        code="card_declined",
        decline_code="test_mode_live_card",
    )


def declined(decline: str) -> StripeError:
    """The error of a declined charge."""
    code = decline if decline in _OWN_CODE else "card_declined"
    return card_error(_MESSAGES[decline], code=code, decline_code=None if code == decline else decline)


def no_such_card(text: str) -> StripeError:
    return invalid(f"No such PaymentMethod: '{text}'", param="payment_method", code="resource_missing")


def _is_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
