"""The mails about money, declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_PAYERS: Final = _("Everyone in the organization that pays")
_PRODUCT: Final = Placeholder("product", _("The product"), "Bank accounts")
_PLAN: Final = Placeholder("plan", _("The plan"), "Silver")


def _link(meaning: str | _StrPromise, path: str) -> Placeholder:
    return Placeholder("link", meaning, f"https://apis.example.com{path}", is_needed=True)


declare(
    MailKind(
        name="billing.trial_ends",
        title=_("A trial is about to end"),
        reader=_PAYERS,
        subject=_("%(product)s: the trial ends on %(day)s"),
        body=_(
            "The trial of %(product)s ends on %(day)s at %(time)s UTC. From then on the plan %(plan)s is charged. "
            "%(without_card)s\n\nAdd or change the card here: %(link)s"
        ),
        placeholders=(
            _PRODUCT,
            _PLAN,
            Placeholder("day", _("The day on which it ends"), "2026-12-01"),
            Placeholder("time", _("The time at which it ends, UTC"), "09:30"),
            Placeholder("without_card", _("What follows without a card"), _("Without a card the subscription ends.")),
            _link(_("Where the card is added"), "/my/subscriptions/sub_1/card"),
        ),
    ),
    MailKind(
        name="billing.action_required",
        title=_("The bank asks to confirm a payment"),
        reader=_PAYERS,
        subject=_("Invoice %(invoice)s: your bank asks you to confirm the payment"),
        body=_(
            "Your bank wants to know that the payment is yours (3-D Secure). Nothing is refused meanwhile.\n\n"
            "Confirm it here: %(link)s"
        ),
        placeholders=(
            Placeholder("invoice", _("The number of the invoice"), "A-0042"),
            _link(_("Where it is confirmed"), "/pay"),
        ),
    ),
    MailKind(
        name="billing.still_waits",
        title=_("A page of payment has run out"),
        reader=_PAYERS,
        subject=_("%(product)s still waits for your payment"),
        body=_(
            "The page of payment for %(product)s has run out; nothing was charged.\n\nOpen another one here: %(link)s"
        ),
        placeholders=(_PRODUCT, _link(_("Where to pay"), "/my/subscriptions/sub_1/pay")),
    ),
    MailKind(
        name="billing.unpaid",
        title=_("A payment failed, and what follows"),
        reader=_PAYERS,
        subject=_("%(product)s: %(headline)s"),
        body=_("%(stage)s\n\nPay or change the card here: %(link)s"),
        placeholders=(
            _PRODUCT,
            Placeholder("headline", _("The stage in a few words"), _("a payment failed")),
            Placeholder(
                "stage", _("What it means for calls"), _("A payment failed. Calls go on; please look at the card.")
            ),
            _link(_("Where to pay"), "/my/subscriptions/sub_1"),
        ),
    ),
    MailKind(
        name="billing.given_back",
        title=_("Money was given back"),
        reader=_PAYERS,
        subject=_("%(amount)s back"),
        body=_("%(what)s: %(ways)s.\n%(reason)s\nAll of it is on %(link)s"),
        placeholders=(
            Placeholder("amount", _("The amount"), "12.00 EUR"),
            Placeholder("what", _("The amount, and of which invoice"), _("12.00 EUR of invoice A-0042")),
            Placeholder("ways", _("Where the money goes"), _("12.00 EUR to the card, which takes some days")),
            Placeholder("reason", _("The reason, when one was given"), _("\nThe reason: an outage\n")),
            _link(_("The page of invoices"), "/my/billing"),
        ),
    ),
    MailKind(
        name="billing.alarm",
        title=_("Something about money has to be looked at"),
        reader=_("Admins"),
        subject=_("Billing: %(headline)s"),
        body=_("%(text)s\n\nIt is about %(about)s. Look at it here: %(link)s"),
        placeholders=(
            Placeholder("headline", _("The first sentence"), _("A price was archived at Stripe")),
            Placeholder("text", _("What happened"), _("A price was archived at Stripe. No plan sells with it.")),
            Placeholder("about", _("What it is about"), "price_1"),
            _link(_("The page of billing"), "/console/admin/billing"),
        ),
    ),
    MailKind(
        name="billing.pay_anew",
        title=_("Payments have moved to another account"),
        reader=_PAYERS,
        subject=_("%(product)s: please pay anew"),
        body=_(
            "Payments for %(product)s have moved. Calls are refused until it is paid anew; keys stay.\n\n"
            "Pay here: %(link)s"
        ),
        placeholders=(_PRODUCT, _link(_("Where to pay"), "/my/subscriptions/sub_1/pay")),
    ),
    MailKind(
        name="billing.plan_changes",
        title=_("A plan changes for those who have it"),
        reader=_PAYERS,
        subject=_("%(product)s: the plan %(plan)s changes"),
        body=_(
            "With your first renewal from %(day)s on, the plan %(plan)s changes for you: %(now)s becomes %(then)s. "
            "Until then everything stays as it is, and your keys go on working after it.\n%(words)s\n"
            "Look at it, choose another plan or cancel: %(link)s"
        ),
        placeholders=(
            _PRODUCT,
            _PLAN,
            Placeholder("day", _("The first day"), "2026-12-01"),
            Placeholder("now", _("What it costs now"), _("10.00 EUR a month")),
            Placeholder("then", _("What it costs then"), _("12.00 EUR a month")),
            Placeholder("words", _("What the owner says, when they say something"), _("\nWe grow.\n")),
            _link(_("The page of the subscription"), "/my/subscriptions/sub_1"),
        ),
    ),
    MailKind(
        name="billing.credits_not_bought",
        title=_("Credits could not be bought by themselves"),
        reader=_PAYERS,
        subject=_("%(product)s: credits could not be bought"),
        body=_(
            "A top-up could not be charged to your card: %(why)s\n\nNo further one is bought unasked. When the credits"
            " are used up, calls are refused with 402.\n\nTop up, and turn it on again, here: %(link)s"
        ),
        placeholders=(
            _PRODUCT,
            Placeholder("why", _("What the bank says"), _("Your card was declined.")),
            _link(_("The page of credits"), "/my/subscriptions/sub_1/credits"),
        ),
    ),
    MailKind(
        name="billing.usage",
        title=_("Much of a quota or of a cap is used"),
        reader=_PAYERS,
        subject=_("%(product)s: %(percent)s %% of %(of)s"),
        body=_("%(words)s.\n\nUsage, the expected invoice, the cap and these mails: %(link)s"),
        placeholders=(
            _PRODUCT,
            Placeholder("percent", _("How much of it, in per cent"), "80"),
            Placeholder("of", _("Of what"), "requests"),
            Placeholder("words", _("In a sentence"), _("8,000 of 10,000 requests that the plan includes are used")),
            _link(_("The page of usage"), "/my/subscriptions/sub_1/usage"),
        ),
    ),
)
