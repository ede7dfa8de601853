"""Readiness: what is still to do before real money is taken, each point computed from how things stand now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from apim.billing.catalogue import obstacle_to_sale
from apim.billing.connection import mode_in_use
from apim.billing.models import ConnectionCheck, Mode, StripeEvent
from apim.notifications.models import MailServer
from apim.products.models import PlanVersion, Product
from apim.usage.models import UsageRollup

_EVENTS_LAST: Final = timedelta(days=7)
_GRACE_DAYS: Final = 3
_NONE: Final = "No product offers a plan with prices yet."


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the checklist. Shapes: name is stable; text says how it stands, or what is to do."""

    name: str
    title: str
    is_met: bool
    text: str


def checklist() -> list[Point]:
    """The eight points. A fixed number of queries; Stripe is not asked."""
    mode = mode_in_use()
    check = ConnectionCheck.objects.filter(mode=mode).first() if mode else None
    sold = list(
        PlanVersion.objects.filter(
            state=PlanVersion.State.ACTIVE,
            plan__archived_at=None,
            plan__products__in=Product.objects.active(),
        )
        .select_related("plan")
        .distinct()
    )
    priced = [version for version in sold if version.is_priced]
    return [
        _login(),
        _meters(priced),
        _plans(priced),
        _live_key(mode, check),
        _profile(check),
        _webhook(mode),
        _limits(priced),
        _grace(priced),
    ]


def _point(name: str, title: str, *, to_do: str, done: str) -> Point:
    return Point(name, title, not to_do, to_do or done)


def _login() -> Point:
    to_do = []
    if not settings.BASE_URL.startswith("https://"):
        to_do.append("Set APIM_BASE_URL to an https:// address: passwords and sessions cross the network.")
    if not MailServer.objects.exists():
        to_do.append("Set a mail server: payers must be reached when a payment fails.")
    done = "People log in over HTTPS, and mails leave."
    return _point("login", "Log-in", to_do=" ".join(to_do), done=done)


def _meters(priced: Iterable[PlanVersion]) -> Point:
    named = sorted({part.meter for version in priced for part in version.terms.prices if hasattr(part, "meter")})
    if not named:
        return _point("meters", "Meters", to_do="", done="No plan on offer charges for usage.")
    since = timezone.now() - _EVENTS_LAST
    is_counting = UsageRollup.objects.filter(period="hour", at__gte=since).exclude(subscription_id="").exists()
    to_do = "" if is_counting else f"{', '.join(named)}: no call with a key was counted within a week. Make one."
    return _point("meters", "Meters", to_do=to_do, done=f"{', '.join(named)}: calls were counted within the week.")


def _plans(priced: list[PlanVersion]) -> Point:
    stuck = [f"{version.plan}: {why}" for version in priced if (why := obstacle_to_sale(version))]
    to_do = " ".join(stuck) if priced else _NONE
    return _point("plans", "Plans", to_do=to_do, done=f"{len(priced)} with prices on offer, and each can be bought.")


def _live_key(mode: str, check: ConnectionCheck | None) -> Point:
    if mode != Mode.LIVE:
        where = "Stripe is connected in test mode." if mode else "Stripe is not connected."
        to_do = f"{where} Real money needs a live key."
    elif check is None:
        to_do = "Check what the key may do."
    else:
        to_do = " ".join(each["fault"] for each in check.permissions if each.get("fault"))
    return _point("live-key", "Live key", to_do=to_do, done="It may do all that is needed.")


def _profile(check: ConnectionCheck | None) -> Point:
    account = check.account if check is not None else {}
    to_do = ""
    if "charges_enabled" not in account:
        to_do = "Not known: check the key, and let it read the account."
    elif not (account["charges_enabled"] and account.get("details_submitted")):
        to_do = "Stripe wants more about your business before it takes payments."
    done = (
        f"The account in {account.get('country') or 'an unknown country'} may take payments. Checkouts ask for "
        "addresses and tax ids; no tax is added to prices."
    )
    return _point("profile", "Business and tax profile", to_do=to_do, done=done)


def _webhook(mode: str) -> Point:
    last = StripeEvent.objects.filter(mode=mode).first() if mode else None
    dead = StripeEvent.objects.filter(mode=mode, state=StripeEvent.State.DEAD).count()
    to_do = ""
    if last is None:
        to_do = "No event has come yet: set the endpoint at Stripe, then test it."
    elif last.received_at < timezone.now() - _EVENTS_LAST:
        to_do = "No event has come for a week: test whether they still arrive."
    elif dead:
        to_do = f"{dead} could not be applied: look at them and apply them again."
    return _point("webhook", "Webhook", to_do=to_do, done="Events arrive and are applied.")


def _limits(priced: list[PlanVersion]) -> Point:
    without = [str(version.plan) for version in priced if version.rate is None]
    to_do = f"{', '.join(without)}: no rate. One customer can take all of the capacity." if without else ""
    return _point("limits", "Limits", to_do=to_do if priced else _NONE, done="Each plan with prices has a rate.")


def _grace(priced: list[PlanVersion]) -> Point:
    days = {str(version.plan): version.terms.dunning.grace_days for version in priced}
    short = [f"{plan} ({grace} days)" for plan, grace in days.items() if grace < _GRACE_DAYS]
    to_do = f"{', '.join(short)}: cards fail for a weekend; give {_GRACE_DAYS} days at least." if short else ""
    done = "Who cannot pay at once has days to do so."
    return _point("grace", "Grace", to_do=to_do if priced else _NONE, done=done)
