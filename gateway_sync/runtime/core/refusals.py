"""Answers that the gateway gives by itself: problem+json (RFC 9457) with a code, and the id of the request."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from gateway_sync.messages import Refusal

TYPE_PREFIX: Final = "https://apim.dev/problems/"

CODES: Final[dict[str, tuple[int, str]]] = {
    "bad-request": (400, "The request is malformed"),
    "unauthenticated": (401, "Valid credentials are needed"),
    "payment-required": (402, "The subscription is not paid"),
    "credits-exhausted": (402, "No credits are left"),
    "no-subscription": (403, "No subscription covers this operation"),
    "subscription-pending": (403, "The subscription waits for approval or payment"),
    "subscription-inactive": (403, "The subscription is paused or has ended"),
    "forbidden": (403, "The caller may not do this"),
    "not-found": (404, "Nothing is published at this path"),
    "method-not-allowed": (405, "This path does not offer this method"),
    "retired": (410, "This version has been retired"),
    "body-too-large": (413, "The body is too large"),
    "misdirected": (421, "The request was sent to the wrong host"),
    "rate-limited": (429, "Too many requests in a short time"),
    "quota-exceeded": (429, "The quota of the plan is used up"),
    "headers-too-large": (431, "The header is too large"),
    "internal-error": (500, "The gateway failed"),
    "upstream-unreachable": (502, "The service behind the gateway cannot be reached"),
    "upstream-invalid": (502, "The service behind the gateway answered nonsense"),
    "overloaded": (503, "The gateway cannot take this request now"),
    "no-healthy-target": (503, "No instance of the service is healthy"),
    "upstream-timeout": (504, "The service behind the gateway did not answer in time"),
    "invalid-request": (400, "The request is not what the API describes"),
    "concurrency-limited": (429, "Too many requests at once"),
    "insufficient-scope": (403, "The token lacks a scope"),
    "address-not-allowed": (403, "The credential may not be used from this address"),
    "step-failed": (502, "A step of the operation failed"),
    "not-undone": (500, "The operation failed and could not be undone"),
    "quota-unconfirmed": (429, "What is left of the quota cannot be confirmed now"),
    "credential-unconfirmed": (503, "Whether the credential still holds cannot be confirmed now"),
}


def action_member(portal_url: str, action: str, subscription: str) -> tuple[tuple[str, object], ...]:
    """The member `action` of a problem document: one thing to do, and the page to do it on; none without a portal."""
    if not portal_url or not action:
        return ()
    page = f"/my/subscriptions/{subscription}" if subscription and action != "subscribe" else "/"
    if subscription and action == "top-up":
        page += "/credits"
    return (("action", {"name": action, "url": portal_url + page}),)


def status_of(refusal: Refusal) -> int:
    """The status code of a refusal."""
    return refusal.status or CODES[refusal.code][0]


def refusal_body(refusal: Refusal, request_id: str) -> bytes:
    """The problem document."""
    problem: dict[str, object] = {
        "type": TYPE_PREFIX + refusal.code,
        "title": CODES[refusal.code][1],
        "status": status_of(refusal),
    }
    if refusal.detail:
        problem["detail"] = refusal.detail
    problem |= {"code": refusal.code, "request_id": request_id, **dict(refusal.members)}
    return json.dumps(problem, separators=(",", ":")).encode()


def refusal_answer(
    refusal: Refusal, request_id: str, date: bytes, *, is_head: bool, is_closing: bool
) -> tuple[bytes, int]:
    """The whole answer, and how many bytes of it are body; date is the line of that field."""
    status = status_of(refusal)
    body = refusal_body(refusal, request_id)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
        b"Content-Type: application/problem+json",
        b"Cache-Control: no-store",
        date,
        *refusal.fields,
        f"X-Request-Id: {request_id}".encode(),
        f"Content-Length: {len(body)}".encode(),
    ]
    if is_closing or refusal.is_closing:
        lines.append(b"Connection: close")
    lines.append(b"\r\n" if is_head else b"\r\n" + body)
    return b"\r\n".join(lines), 0 if is_head else len(body)


def plain_answer(content: bytes, date: bytes, *, is_head: bool) -> bytes:
    """A whole answer of the gateway's own with bytes that mean something to the caller alone; the last one there."""
    lines = [
        b"HTTP/1.1 200 OK",
        b"Content-Type: application/octet-stream",
        b"Cache-Control: no-store",
        date,
        b"Content-Length: %d" % len(content),
        b"Connection: close",
        b"\r\n" if is_head else b"\r\n" + content,
    ]
    return b"\r\n".join(lines)
