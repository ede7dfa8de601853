"""Who may call what: joins the access records of a key to the subscription that covers a route.

Owns: the rules. Must not know: where records are kept; a Records is anything that finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

FOREVER: Final = 2**62

Record = Mapping[str, Any]

_LIFECYCLE_CODES: Final = {"pending": "subscription-pending", "paused": "subscription-inactive"}


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a caller may use a route. code "" = yes, by `subscription` under `plan`, until `valid_until_s`."""

    identity: Identity
    code: str
    subscription: str = ""
    plan: str = ""
    product: str = ""
    valid_until_s: int = FOREVER


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
    """The first usable subscription: by rank of its product, then the oldest; else why the first is not usable."""
    ranks = {product: rank for product, rank in products if credential["product"] in ("", product)}
    held = sorted(
        (ranks[body["product"]], body["created_at"], subscription_id, body)
        for subscription_id, body in records.subscriptions_of(identity.application)
        if body["product"] in ranks
    )
    refused: Verdict | None = None
    for _, _, subscription_id, body in held:
        ends_s = body["ends_at"] or FOREVER
        code = _subscription_code(body, now_s)
        until_s = min(expires_s, ends_s) if not code else expires_s
        verdict = Verdict(identity, code, subscription_id, body["plan"], body["product"], until_s)
        if not code:
            return verdict
        refused = refused or verdict
    return refused or Verdict(identity, "no-subscription", valid_until_s=expires_s)


def _subscription_code(body: Record, now_s: int) -> str:
    lifecycle = body["lifecycle"]
    if lifecycle not in ("active", "canceled"):
        return _LIFECYCLE_CODES.get(lifecycle, "no-subscription")
    if 0 < body["ends_at"] <= now_s:
        return "no-subscription"
    return "payment-required" if body["payment"] == "suspended" else ""
