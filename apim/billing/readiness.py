"""Readiness: what is still to do before real money is taken, each point computed from how things stand now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext

from apim.billing.catalogue import obstacle_to_sale
from apim.billing.connection import mode_in_use
from apim.billing.models import ConnectionCheck, Mode, StripeEvent
from apim.listing import enumerated, labelled
from apim.notifications.models import MailServer
from apim.products.models import PlanVersion, Product
from apim.ui.said import said
from apim.usage.models import UsageRollup

_EVENTS_LAST: Final = timedelta(days=7)
_GRACE_DAYS: Final = 3
_NONE: Final = gettext_noop("No product offers a plan with prices yet.")


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
        to_do.append(gettext("Set APIM_BASE_URL to an https:// address: passwords and sessions cross the network."))
    if not MailServer.objects.exists():
        to_do.append(gettext("Set a mail server: payers must be reached when a payment fails."))
    done = gettext("People log in over HTTPS, and mails leave.")
    return _point("login", gettext("Log-in"), to_do=" ".join(to_do), done=done)


def _meters(priced: Iterable[PlanVersion]) -> Point:
    named = sorted({part.meter for version in priced for part in version.terms.prices if hasattr(part, "meter")})
    if not named:
        return _point("meters", gettext("Meters"), to_do="", done=gettext("No plan on offer charges for usage."))
    since = timezone.now() - _EVENTS_LAST
    is_counting = UsageRollup.objects.filter(period="hour", at__gte=since).exclude(subscription_id="").exists()
    words = gettext("%(names)s: no call with a key was counted within a week. Make one.") % {"names": enumerated(named)}
    to_do = "" if is_counting else words
    done = gettext("%(names)s: calls were counted within the week.") % {"names": enumerated(named)}
    return _point("meters", gettext("Meters"), to_do=to_do, done=done)


def _plans(priced: list[PlanVersion]) -> Point:
    stuck = [labelled(version.plan, why) for version in priced if (why := obstacle_to_sale(version))]
    to_do = " ".join(stuck) if priced else gettext(_NONE)
    done = gettext("%(count)s with prices on offer, and each can be bought.") % {"count": len(priced)}
    return _point("plans", gettext("Plans"), to_do=to_do, done=done)


def _live_key(mode: str, check: ConnectionCheck | None) -> Point:
    if mode != Mode.LIVE:
        in_test = gettext("Stripe is connected in test mode. Real money needs a live key.")
        to_do = in_test if mode else gettext("Stripe is not connected. Real money needs a live key.")
    elif check is None:
        to_do = gettext("Check what the key may do.")
    else:
        to_do = " ".join(said(each["fault"]) for each in check.permissions if each.get("fault"))
    return _point("live-key", gettext("Live key"), to_do=to_do, done=gettext("It may do all that is needed."))


def _profile(check: ConnectionCheck | None) -> Point:
    account = check.account if check is not None else {}
    to_do = ""
    if "charges_enabled" not in account:
        to_do = gettext("Not known: check the key, and let it read the account.")
    elif not (account["charges_enabled"] and account.get("details_submitted")):
        to_do = gettext("Stripe wants more about your business before it takes payments.")
    done = gettext(
        "The account in %(country)s may take payments. "
        "Checkouts ask for addresses and tax ids; no tax is added to prices."
    ) % {"country": account.get("country") or gettext("an unknown country")}
    return _point("profile", gettext("Business and tax profile"), to_do=to_do, done=done)


def _webhook(mode: str) -> Point:
    last = StripeEvent.objects.filter(mode=mode).first() if mode else None
    dead = StripeEvent.objects.filter(mode=mode, state=StripeEvent.State.DEAD).count()
    to_do = ""
    if last is None:
        to_do = gettext("No event has come yet: set the endpoint at Stripe, then test it.")
    elif last.received_at < timezone.now() - _EVENTS_LAST:
        to_do = gettext("No event has come for a week: test whether they still arrive.")
    elif dead:
        to_do = gettext("%(count)s could not be applied: look at them and apply them again.") % {"count": dead}
    return _point("webhook", gettext("Webhook"), to_do=to_do, done=gettext("Events arrive and are applied."))


def _limits(priced: list[PlanVersion]) -> Point:
    without = [str(version.plan) for version in priced if version.rate is None]
    words = gettext("%(plans)s: no rate. One customer can take all of the capacity.") % {"plans": enumerated(without)}
    to_do = words if without else ""
    done = gettext("Each plan with prices has a rate.")
    return _point("limits", gettext("Limits"), to_do=to_do if priced else gettext(_NONE), done=done)


def _grace(priced: list[PlanVersion]) -> Point:
    days = {str(version.plan): version.terms.dunning.grace_days for version in priced}
    short = [
        ngettext("%(plan)s (%(count)d day)", "%(plan)s (%(count)d days)", grace) % {"plan": plan, "count": grace}
        for plan, grace in days.items()
        if grace < _GRACE_DAYS
    ]
    words = gettext("%(plans)s: cards fail for a weekend; give %(count)d days at least.")
    to_do = words % {"plans": enumerated(short), "count": _GRACE_DAYS} if short else ""
    done = gettext("Who cannot pay at once has days to do so.")
    return _point("grace", gettext("Grace"), to_do=to_do if priced else gettext(_NONE), done=done)
