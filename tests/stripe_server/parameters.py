"""Checks that the parameter types cannot express."""

from __future__ import annotations

from typing import Any

from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.store import Mode, Object

_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500


def only(params: Object, *names: str) -> None:
    """Refuse loudly what Stripe would do and this server does not: nothing is ignored in silence."""
    for name in params:
        if name not in names and params[name] not in ("", [], {}):
            message = f"The stand-in for Stripe does not know what `{name}` does here; Stripe would."
            raise StripeError(501, "api_error", message, param=name)


def metadata(before: Object | None, given: Object | str | None) -> Object:
    """Metadata after an update: empty values unset keys, an empty value unsets all.

    Source: docs.stripe.com/api/metadata (50 keys of 40 characters, values of 500).
    """
    if given is None:
        return dict(before or {})
    if not isinstance(given, dict):
        return {}
    merged = {key: value for key, value in ((before or {}) | given).items() if value != ""}
    if len(merged) > _MOST_KEYS:
        raise invalid(f"You can have up to {_MOST_KEYS} keys in metadata.", param="metadata")
    for key, value in merged.items():
        if len(key) > _LONGEST_KEY:
            raise invalid(
                f"Metadata keys must be {_LONGEST_KEY} characters or less. You passed in a key that is {len(key)} "
                "characters long.",
                param=f"metadata[{key}]",
            )
        if len(value) > _LONGEST_VALUE:
            raise invalid(
                f"Metadata values must be {_LONGEST_VALUE} characters or less. You passed in a value that is "
                f"{len(value)} characters long.",
                param=f"metadata[{key}]",
            )
    return merged


def one_of(params: Object, *names: str) -> str | None:
    """The one of the names that is given.

    Errors: StripeError when more than one is.
    """
    given = [name for name in names if name in params]
    if len(given) > 1:
        raise invalid(f"You may only specify one of these parameters: {', '.join(given)}.", param=given[1])
    return given[0] if given else None


def put(found: Object, params: Object, *names: str) -> None:
    """Set the fields that are given; empty ones become null."""
    for name in names:
        if name in params:
            found[name] = None if params[name] == "" else params[name]


def customer_of(mode: Mode, params: Object, *, required: bool = True) -> Any:
    """The customer that the parameters name."""
    if "customer" not in params:
        if required:
            raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
        return None
    found = mode.get("customer", params["customer"], param="customer")
    if found.get("deleted"):
        raise invalid(f"No such customer: '{found['id']}'", param="customer", code="resource_missing")
    return found
