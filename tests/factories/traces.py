"""A trace as a gateway tells it: of a call that was tried again, with policies on both ways and in shadow."""

from __future__ import annotations

from django.utils import timezone

from gateway_sync.trace_wire import CallTrace, Part, PolicyMet, SpanContext, Try

TARGET, SECRET_ARM = "http://10.9.8.7:9101", "canary-of-the-owner"
TRIED = Try(TARGET, "unreached", 120, us=900, path="/internal/accounts", arm=SECRET_ARM, retry="unreached")
ANSWERED = Try(TARGET, "answered", 1100, us=5000, connect_us=400, first_byte_us=4000, status=200, span_id="ab" * 8)


def trace(request_id: str = "0123456789abcdef-00000001", **fields: object) -> CallTrace:
    """A GET of /bank/v1/accounts/7 by nobody in particular, changed as fields say."""
    values: dict[str, object] = {
        "request_id": request_id,
        "at_us": int(timezone.now().timestamp() * 1_000_000),
        "reason": "retried",
        "status": 200,
        "duration_us": 6100,
        "method": "GET",
        "path": "/bank/v1/accounts/7",
        "operation": "GET /accounts/{id}",
        "revision": 41,
        "slot": 3,
        "body_us": 600,
        "policies": [
            PolicyMet("route", "passed"),
            PolicyMet("key-auth", "passed", 9),
            PolicyMet("request-headers", "changed", 14),
            PolicyMet("rate-limit", "refused", is_shadow=True),
            PolicyMet("compression", "changed", 80, is_answer=True),
        ],
        "tries": [TRIED, ANSWERED],
        "parts": [Part("withdraw", "POST /withdrawals", "answered", 10, 20, 201)],
        "span": SpanContext("ab" * 16, "cd" * 8),
    } | fields
    return CallTrace(**values)  # type: ignore[arg-type]
