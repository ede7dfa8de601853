"""What an answer of the gateway means for the developer, and what mends it. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """Words for an answer.

    Shapes: meaning is a sentence, remedy too; place names where the remedy is: key, access, app, billing, docs or "".
    """

    meaning: str
    remedy: str
    place: str = ""


BY_CODE = {
    "bad-request": Explanation("The gateway could not read the request.", "Check the path, the headers and the body."),
    "unauthenticated": Explanation(
        "The gateway does not know this key, or does not accept this token.",
        "Send a live key in the header that the API names, or a token of an issuer that it admits; `detail` says what"
        " is wrong with a token. A revoked or expired key ends up here too.",
        "key",
    ),
    "payment-required": Explanation(
        "The subscription is not paid.", "Settle the open invoice; calls work again at once.", "billing"
    ),
    "credits-exhausted": Explanation("The prepaid credit is used up.", "Top up; calls work again at once.", "billing"),
    "no-subscription": Explanation(
        "The key is right, but its application has no subscription that covers this operation.",
        "Get access to a product that opens it, with the same application.",
        "access",
    ),
    "subscription-pending": Explanation(
        "The subscription still waits for the owner's approval.", "Calls work as soon as it is approved.", "access"
    ),
    "subscription-inactive": Explanation(
        "The subscription is paused or has ended.", "Look at it under the application, or get access again.", "app"
    ),
    "forbidden": Explanation(
        "The application or its organization is suspended, or a rule of the API refuses this call.",
        "Ask the owner of the API or an administrator.",
    ),
    "not-found": Explanation("No operation of this API has this path.", "Compare the path with the reference.", "docs"),
    "method-not-allowed": Explanation(
        "The path exists, but not with this method.", "Compare the method with the reference.", "docs"
    ),
    "retired": Explanation("This version has been retired.", "Move to its successor.", "docs"),
    "body-too-large": Explanation("The body is larger than the API takes.", "Send less at once."),
    "invalid-request": Explanation(
        "The call is not as the API's document says.",
        "Mend what `errors` names: each entry has the place and what is wrong there.",
        "docs",
    ),
    "insufficient-scope": Explanation(
        "The token is good, but lacks a scope that this operation needs.",
        "Ask the issuer for a token with the scopes that WWW-Authenticate names.",
    ),
    "address-not-allowed": Explanation(
        "The key may be used from certain networks only, and the call came from another address.",
        "Call from one of them, or change the networks of the key under its application.",
        "app",
    ),
    "step-failed": Explanation(
        "A step of an operation that calls several services failed; what it had changed was undone.",
        "`detail` says which step and why. Call again when that is mended.",
    ),
    "not-undone": Explanation(
        "The operation failed half-way, and what `not_undone` names still stands.",
        "Do not call again; tell the API's owner the request id.",
    ),
    "concurrency-limited": Explanation(
        "Too many calls are under way at once.", "Wait for answers before you send more; Retry-After says how long."
    ),
    "rate-limited": Explanation(
        "Too many calls in a short time for this plan.",
        "Wait for the seconds that Retry-After names, or choose a plan with a higher rate.",
        "access",
    ),
    "quota-exceeded": Explanation(
        "The plan's quota for this period is used up.",
        "Wait until it starts again (Retry-After says when), or choose a larger plan.",
        "access",
    ),
    "misdirected": Explanation(
        "This gateway does not answer for the host that the call names.", "Compare the host with the reference.", "docs"
    ),
    "headers-too-large": Explanation("The headers are larger than the gateway takes.", "Send fewer or shorter ones."),
    "internal-error": Explanation(
        "The gateway itself failed; that is a fault of ours.",
        "Try again, and give the administrator the request id if it stays so.",
    ),
    "upstream-unreachable": Explanation(
        "Your call was accepted, but the service behind the gateway cannot be reached.",
        "Nothing is wrong on your side. Try again later, and give the owner the request id.",
    ),
    "upstream-invalid": Explanation(
        "Your call was accepted, but the service behind the gateway sent an answer that breaks HTTP.",
        "Nothing is wrong on your side. Give the owner the request id.",
    ),
    "upstream-timeout": Explanation(
        "Your call was accepted, but the service behind the gateway took too long.",
        "Nothing is wrong on your side. Try again, and give the owner the request id if it stays so.",
    ),
    "overloaded": Explanation("The gateway has more to do than it can.", "Try again in a few seconds."),
    "no-healthy-target": Explanation(
        "Your call was accepted, but every instance of the service behind the gateway is down.",
        "Nothing is wrong on your side. Give the owner the request id.",
    ),
}

_OF_UPSTREAM = {
    3: Explanation("The service answered with a redirect.", "Follow its Location header."),
    4: Explanation("The call passed the gateway; the service itself refused it.", "Its answer below says why."),
    5: Explanation(
        "The call passed the gateway; the service itself failed.",
        "Nothing is wrong with your key. Give the owner the request id.",
    ),
}


def explain(status: int, code: str) -> Explanation | None:
    """What an answer means; None for a success, which needs no words."""
    return BY_CODE.get(code) or _OF_UPSTREAM.get(status // 100)
