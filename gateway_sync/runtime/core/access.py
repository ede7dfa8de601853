"""Who may call what: joins the access records of a key to the subscription that covers a route.

Owns: the rules. Must not know: where records are kept; a Records is anything that finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

FOREVER: Final = 2**62

Record = Mapping[str, Any]

# What the owner of the subscription can do about it, by lifecycle.
_ACTIONS: Final = {"pending": "", "paused": "resume", "ended": "subscribe", "rejected": "subscribe"}
_OVER: Final = ("ended", "rejected")
NO_CREDITS: Final = "The prepaid credits are used up."


class Records(Protocol):
    """Finds access records by kind and key, and the subscriptions of an application."""

    def find(self, kind: str, key: str) -> Record | None:
        """The body of the record, None when there is none."""

    def subscriptions_of(self, application: str) -> list[tuple[str, Record]]:
        """(id, body) of each subscription that lists the application."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: ids for usage records, and the application's name; empty strings for nobody."""

    credential: str = ""
    application: str = ""
    organization: str = ""
    application_name: str = ""


Rivals = tuple[tuple[str, str, int, str], ...]  # (subscription, product, rank, why it cannot be used), the first first
_MOST_RIVALS: Final = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a caller may use a route. code "" = yes, by `subscription` under `plan`, until `valid_until_s`.

    Shapes: rivals are all that cover the route, where there are several.
    """

    identity: Identity
    code: str
    subscription: str = ""
    plan: str = ""
    product: str = ""
    valid_until_s: int = FOREVER
    rivals: Rivals = ()
    detail: str = ""  # of a refusal: why
    action: str = ""  # of a refusal: what its subscriber can do at the portal: pay, upgrade, top-up or resume
    anchor_s: int = 0  # of billing periods
    is_restricted: bool = False  # paid late, or spent the most: passes at a part of the plan's rate
    allowance: tuple[int, int] | None = None  # (since when in seconds, calls) that prepaid credits pay for
    networks: tuple[str, ...] = ()  # CIDR blocks that the credential may call from; none = any
    since_s: int = 0  # what anchored quotas are counted from: as billing periods, or since there is the subscription
    plan_name: str = ""  # of a plan with earlier versions


NOBODY: Final = Identity()


def find_verdict(
    records: Records, key_hash: str, products: Iterable[tuple[str, int]], now_s: int, kind: str = "credential"
) -> Verdict:
    """The verdict on a key and a route that the products open.

    Shapes: products are pairs of id and rank, 0 for those that name the route; kind is that of the record, so that no
    key is ever taken for the client of a token.
    Errors: total; a record of an unknown shape (a later format) is a KeyError and ends as 500, never as an admission.
    """
    credential = records.find(kind, key_hash)
    if credential is None or 0 < credential["expires_at"] <= now_s:
        return Verdict(NOBODY, "unauthenticated", valid_until_s=now_s)
    application_id, organization_id = credential["application"], credential["organization"]
    identity = Identity(credential["id"], application_id, organization_id)
    expires_s = credential["expires_at"] or FOREVER
    application = records.find("application", application_id)
    organization = records.find("organization", organization_id)
    if application is not None:
        identity = replace(identity, application_name=str(application.get("name", "")))
    states = (credential["state"], (application or {}).get("state"), (organization or {}).get("state"))
    if states[0] not in ("active", "rolling") or states[1] != "active" or states[2] != "active":
        return Verdict(identity, "forbidden", valid_until_s=expires_s)
    return _find_subscription(records, credential, identity, products, now_s, expires_s)


def _find_subscription(
    records: Records,
    credential: Record,
    identity: Identity,
    products: Iterable[tuple[str, int]],
    now_s: int,
    expires_s: int,
) -> Verdict:
    """The first usable subscription: by rank of its product, then the oldest; else why the first is not usable.

    One that is over says why only where no other stands.
    """
    ranks = {product: rank for product, rank in products if credential["product"] in ("", product)}
    held = sorted(
        (body["lifecycle"] in _OVER, ranks[body["product"]], body["created_at"], subscription_id, body)
        for subscription_id, body in records.subscriptions_of(identity.application)
        if body["product"] in ranks
    )
    refused: Verdict | None = None
    rivals = _rivals(held, now_s) if len(held) > 1 else ()
    for *_, subscription_id, body in held:
        ends_s = body["ends_at"] or FOREVER
        code, detail, action = _subscription_fault(body, now_s)
        reopens_s = body["capped"] if code == "quota-exceeded" else FOREVER
        verdict = Verdict(
            identity,
            code,
            subscription_id,
            body["plan"],
            body["product"],
            min(expires_s, reopens_s if code else ends_s),
            rivals,
            detail,
            action,
            body.get("anchor", 0),
            body["payment"] == "restricted" or "throttled" in body,
            _allowance_of(body),
            tuple(credential.get("networks", ())),
            body.get("anchor", 0) or body["created_at"],
            body.get("plan_name", ""),
        )
        if not code:
            return verdict
        refused = refused or verdict
    return refused or Verdict(identity, "no-subscription", valid_until_s=expires_s)


def _allowance_of(body: Record) -> tuple[int, int] | None:
    allowance = body.get("allowance")
    return None if allowance is None else (allowance[0], allowance[1])


def _rivals(held: list[tuple[bool, int, int, str, Record]], now_s: int) -> Rivals:
    first = held[:_MOST_RIVALS]
    return tuple((name, body["product"], rank, _subscription_fault(body, now_s)[0]) for _, rank, _, name, body in first)


def _subscription_fault(body: Record, now_s: int) -> tuple[str, str, str]:
    """Why the subscription lets nobody pass: code, reason and action; ("", "", "") when it does.

    Lifecycle comes first: who is paused or over is not asked to pay.
    """
    lifecycle, reason = body["lifecycle"], body.get("reason", "")
    if lifecycle == "pending":
        return "subscription-pending", reason, "pay" if body.get("awaits") == "payment" else ""
    if lifecycle in _ACTIONS:
        return "subscription-inactive", reason or f"The subscription is {lifecycle}.", _ACTIONS[lifecycle]
    if lifecycle not in ("active", "canceled"):
        return "no-subscription", "", ""
    if 0 < body["ends_at"] <= now_s:
        return "subscription-inactive", "The subscription has ended.", "subscribe"
    if body["payment"] == "suspended":
        return "payment-required", reason or "An invoice is unpaid.", "pay"
    if body.get("credits") == "exhausted":
        return "credits-exhausted", NO_CREDITS, "top-up"
    if body.get("capped", 0) > now_s:
        return "quota-exceeded", "The most that may be spent in this billing period is spent.", "upgrade"
    return "", "", ""
