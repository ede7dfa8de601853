"""What tests tell the server to do: faults, webhook order, keys, time. Ours: nothing here is Stripe's.

Every path begins with /_control/ and takes and gives JSON.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.stripe_server.keys import Key
from tests.stripe_server.objects import webhook_endpoints
from tests.stripe_server.store import Object
from tests.stripe_server.webhooks import MODES

if TYPE_CHECKING:
    from tests.stripe_server.state import State

Control = Callable[["State", Object], Any]
CONTROLS: dict[tuple[str, str], Control] = {}


def control(method: str, path: str) -> Callable[[Control], Control]:
    """Register a control endpoint."""

    def register(function: Control) -> Control:
        CONTROLS[method, "/_control/" + path] = function
        return function

    return register


@control("GET", "health")
def health(state: State, _given: Object) -> Any:
    """{"is_ready": true}."""
    return {"is_ready": True, "address": state.address}


@control("POST", "faults")
def add_fault(state: State, given: Object) -> Any:
    """The next matching requests meet this: the fields of faults.Fault."""
    state.faults.add(given)
    return {}


@control("DELETE", "faults")
def clear_faults(state: State, _given: Object) -> Any:
    """No more faults."""
    state.faults.clear()
    return {}


@control("POST", "keys")
def add_key(state: State, given: Object) -> Any:
    """A new key: {"permissions": ["rak_customer_write", ...]} for a restricted one, without for a full one."""
    livemode = bool(given.get("livemode"))
    permissions = given.get("permissions")
    kind = "sk" if permissions is None else "rk"
    text = f"{kind}_{'live' if livemode else 'test'}_{secrets.token_hex(12)}"
    state.keys[text] = Key(text, livemode, None if permissions is None else frozenset(permissions))
    return {"key": text}


@control("POST", "webhooks")
def set_webhooks(state: State, given: Object) -> Any:
    """{"mode": "deliver" | "hold" | "lose", "copies": 1, "retry_after": [seconds, ...]}."""
    mode = given.get("mode", state.sender.mode)
    if mode not in MODES:
        message = f"mode is {mode!r}, but must be one of {sorted(MODES)}"
        raise ValueError(message)
    with state.lock:
        state.sender.mode = mode
        state.sender.copies = int(given.get("copies", state.sender.copies))
        state.sender.retry_after = tuple(given.get("retry_after", state.sender.retry_after))
    return {}


@control("POST", "webhooks/release")
def release(state: State, given: Object) -> Any:
    """Deliver what is held: {"order": "as_made" | "reversed" | "shuffled", "copies": 1, "seed": 0}."""
    return {"released": state.sender.release(**given)}


@control("POST", "webhooks/resend")
def resend(state: State, given: Object) -> Any:
    """Deliver {"event": "evt_..."} once more, or {"copies": n} times."""
    return {"sent": state.sender.resend(given["event"], int(given.get("copies", 1)))}


@control("GET", "webhooks")
def webhooks(state: State, _given: Object) -> Any:
    """What is under way, and every attempt so far."""
    with state.lock:
        return {"pending": state.sender.pending(), "log": list(state.sender.log)}


@control("POST", "endpoints")
def add_endpoint(state: State, given: Object) -> Any:
    """An endpoint with a secret of one's own: {"url": ..., "secret": ..., "events": ["*"], "livemode": false}."""
    mode = state.modes[bool(given.get("livemode"))]
    with state.lock:
        made = webhook_endpoints.add(mode, given["url"], given.get("events", ["*"]), given.get("secret"))
    return {"id": made["id"], "secret": made["_secret"]}


@control("POST", "time")
def move_time(state: State, given: Object) -> Any:
    """Move the time of what has no test clock: {"seconds": 86400}; what falls due is done at once."""
    with state.lock:
        for mode in state.modes.values():
            mode.offset += int(given["seconds"])
    state.tick()
    return {"now": state.modes[False].now()}


@control("POST", "settings")
def set_settings(state: State, given: Object) -> Any:
    """The account's settings: retry_days, after_retries (cancel, unpaid, past_due), finalizes_after, rate_limit."""
    with state.lock:
        if "rate_limit" in given:
            state.limits.per_second = given.pop("rate_limit")
        for mode in state.modes.values():
            mode.settings |= given
    return {}


@control("POST", "reset")
def reset(state: State, given: Object) -> Any:
    """Forget everything but keys and endpoints; endpoints too with {"endpoints": true}."""
    with state.lock:
        for mode in state.modes.values():
            kept = {} if given.get("endpoints") else mode.objects.get("webhook_endpoint", {})
            mode.objects = {"webhook_endpoint": kept}
            mode.idempotency, mode.settings, mode.sent, mode.offset = {}, {}, {}, 0
        state.sender.reset()
        state.limits.per_second = None
        state.faults.clear()
    return {}
