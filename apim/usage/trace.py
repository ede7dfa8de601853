"""The trace of an exchange: the steps of admission in their order and how each ended.

Made from the usage record alone: the steps before the one that refused have passed, those after it were not reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext_lazy as _

_LOST: Final = "unknown: the worker died"
_WORDS: Final = {
    "route": _("Route"),
    "key": _("API key"),
    "caller": _("Caller"),
    "subscription": _("Subscription"),
    "limits": _("Rates and quotas"),
    "body": _("Body"),
    "upstream": _("Service"),
    "passed": _("passed"),
    _LOST: _("unknown: the worker died"),
}
_STEP_OF_CODE = {
    "bad-request": "route",
    "headers-too-large": "route",
    "method-not-allowed": "route",
    "misdirected": "route",
    "not-found": "route",
    "retired": "route",
    "unauthenticated": "key",
    "credential-unconfirmed": "key",
    "forbidden": "caller",
    "no-subscription": "subscription",
    "subscription-pending": "subscription",
    "subscription-inactive": "subscription",
    "payment-required": "subscription",
    "rate-limited": "limits",
    "quota-exceeded": "limits",
    "quota-unconfirmed": "limits",
    "overloaded": "limits",
    "concurrency-limited": "limits",
    "insufficient-scope": "caller",
    "address-not-allowed": "caller",
    "body-too-large": "body",
    "invalid-request": "body",
}
_ORDER = ("route", "key", "caller", "subscription", "limits", "body", "upstream")


def trace_of(
    *,
    operation: str,
    credential: str,
    application: str,
    subscription: str,
    plan: str,
    code: str,
    status: int,
    is_indeterminate: bool,
) -> list[tuple[str, str]]:
    """[(step, outcome)]: the object that a step found, "passed", or the code it ended with."""
    found = {
        "route": operation,
        "key": credential,
        "caller": application,
        "subscription": f"{subscription} {plan}".strip(),
    }
    stopped = _STEP_OF_CODE.get(code, "upstream") if code else ""
    steps: list[tuple[str, str]] = []
    for step in _ORDER:
        if step == stopped:
            return [*steps, (step, code)]
        steps.append((step, found.get(step) or "passed"))
    steps[-1] = ("upstream", _LOST if is_indeterminate else str(status))
    return steps


def trace_words(steps: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The steps and their outcomes as people read them; names and codes stay as they are."""
    return [(str(_WORDS.get(step, step)), str(_WORDS.get(outcome, outcome))) for step, outcome in steps]
