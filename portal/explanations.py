"""What an answer of the gateway means for the developer, and what mends it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise


class Explanation(NamedTuple):
    """Words for an answer.

    Shapes: meaning is a sentence, remedy too; place names where the remedy is: key, access, app, billing, docs or "".
    """

    meaning: Promise
    remedy: Promise
    place: str = ""


BY_CODE = {
    "bad-request": Explanation(
        _("The gateway could not read the request."), _("Check the path, the headers and the body.")
    ),
    "unauthenticated": Explanation(
        _("The gateway does not know this key, or does not accept this token."),
        _(
            "Send a live key in the header that the API names, or a token of an issuer that it admits; `detail` says"
            " what is wrong with a token. A revoked or expired key ends up here too."
        ),
        "key",
    ),
    "payment-required": Explanation(
        _("The subscription is not paid."), _("Settle the open invoice; calls work again at once."), "billing"
    ),
    "credits-exhausted": Explanation(
        _("The prepaid credit is used up."), _("Top up; calls work again at once."), "billing"
    ),
    "no-subscription": Explanation(
        _("The key is right, but its application has no subscription that covers this operation."),
        _("Get access to a product that opens it, with the same application."),
        "access",
    ),
    "subscription-pending": Explanation(
        _("The subscription still waits for the owner's approval."),
        _("Calls work as soon as it is approved."),
        "access",
    ),
    "subscription-inactive": Explanation(
        _("The subscription is paused or has ended."),
        _("Look at it under the application, or get access again."),
        "app",
    ),
    "forbidden": Explanation(
        _("The application or its organization is suspended, or a rule of the API refuses this call."),
        _("Ask the owner of the API or an administrator."),
    ),
    "not-found": Explanation(
        _("No operation of this API has this path."), _("Compare the path with the reference."), "docs"
    ),
    "method-not-allowed": Explanation(
        _("The path exists, but not with this method."), _("Compare the method with the reference."), "docs"
    ),
    "retired": Explanation(_("This version has been retired."), _("Move to its successor."), "docs"),
    "body-too-large": Explanation(_("The body is larger than the API takes."), _("Send less at once.")),
    "invalid-request": Explanation(
        _("The call is not as the API's document says."),
        _("Mend what `errors` names: each entry has the place and what is wrong there."),
        "docs",
    ),
    "insufficient-scope": Explanation(
        _("The token is good, but lacks a scope that this operation needs."),
        _("Ask the issuer for a token with the scopes that WWW-Authenticate names."),
    ),
    "address-not-allowed": Explanation(
        _("The key may be used from certain networks only, and the call came from another address."),
        _("Call from one of them, or change the networks of the key under its application."),
        "app",
    ),
    "step-failed": Explanation(
        _("A step of an operation that calls several services failed; what it had changed was undone."),
        _("`detail` says which step and why. Call again when that is mended."),
    ),
    "not-undone": Explanation(
        _("The operation failed half-way, and what `not_undone` names still stands."),
        _("Do not call again; tell the API's owner the request id."),
    ),
    "concurrency-limited": Explanation(
        _("Too many calls are under way at once."),
        _("Wait for answers before you send more; Retry-After says how long."),
    ),
    "rate-limited": Explanation(
        _("Too many calls in a short time for this plan."),
        _("Wait for the seconds that Retry-After names, or choose a plan with a higher rate."),
        "access",
    ),
    "quota-exceeded": Explanation(
        _("The plan's quota for this period is used up."),
        _("Wait until it starts again (Retry-After says when), or choose a larger plan."),
        "access",
    ),
    "quota-unconfirmed": Explanation(
        _("What is left of the plan's quota cannot be confirmed at the moment."),
        _("Nothing is wrong on your side. Call again after the seconds that Retry-After names."),
    ),
    "credential-unconfirmed": Explanation(
        _("The gateway cannot find out now whether this key still holds, so it takes none."),
        _("Nothing is wrong on your side. Call again after the seconds that Retry-After names."),
    ),
    "misdirected": Explanation(
        _("This gateway does not answer for the host that the call names."),
        _("Compare the host with the reference."),
        "docs",
    ),
    "headers-too-large": Explanation(
        _("The headers are larger than the gateway takes."), _("Send fewer or shorter ones.")
    ),
    "internal-error": Explanation(
        _("The gateway itself failed; that is a fault of ours."),
        _("Try again, and give the administrator the request id if it stays so."),
    ),
    "upstream-unreachable": Explanation(
        _("Your call was accepted, but the service behind the gateway cannot be reached."),
        _("Nothing is wrong on your side. Try again later, and give the owner the request id."),
    ),
    "upstream-invalid": Explanation(
        _("Your call was accepted, but the service behind the gateway sent an answer that breaks HTTP."),
        _("Nothing is wrong on your side. Give the owner the request id."),
    ),
    "upstream-timeout": Explanation(
        _("Your call was accepted, but the service behind the gateway took too long."),
        _("Nothing is wrong on your side. Try again, and give the owner the request id if it stays so."),
    ),
    "overloaded": Explanation(_("The gateway has more to do than it can."), _("Try again in a few seconds.")),
    "no-healthy-target": Explanation(
        _("Your call was accepted, but every instance of the service behind the gateway is down."),
        _("Nothing is wrong on your side. Give the owner the request id."),
    ),
}

_OF_UPSTREAM = {
    3: Explanation(_("The service answered with a redirect."), _("Follow its Location header.")),
    4: Explanation(_("The call passed the gateway; the service itself refused it."), _("Its answer below says why.")),
    5: Explanation(
        _("The call passed the gateway; the service itself failed."),
        _("Nothing is wrong with your key. Give the owner the request id."),
    ),
}


def explain(status: int, code: str) -> Explanation | None:
    """What an answer means; None for a success, which needs no words."""
    return BY_CODE.get(code) or _OF_UPSTREAM.get(status // 100)
