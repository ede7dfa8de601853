"""Stripe's errors. Source: docs.stripe.com/api/errors, docs.stripe.com/error-codes."""

from __future__ import annotations

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is no success: status, and the fields of `error`."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.fields: dict[str, Any] = {"message": message, "type": kind}
        self.fields |= {name: value for name, value in fields.items() if value is not None}
        self.keeps_changes = False
        self.headers: dict[str, str] = {}

    def body(self, log_url: str) -> dict[str, Any]:
        fields = dict(self.fields)
        if "code" in fields:
            fields["doc_url"] = DOCS + str(fields["code"]).replace("_", "-")
        return {"error": fields | {"request_log_url": log_url}}


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """A request that Stripe refuses."""
    return StripeError(status, "invalid_request_error", message, param=param, code=code)


def unknown_parameter(param: str) -> StripeError:
    return invalid(f"Received unknown parameter: {param}", param=param, code="parameter_unknown")


def missing_parameter(param: str) -> StripeError:
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def empty_parameter(param: str) -> StripeError:
    return invalid(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty "
        "value.",
        param=param,
        code="parameter_invalid_empty",
    )


def no_such(noun: str, given: str, *, param: str = "id", status: int = 400, elsewhere: str = "") -> StripeError:
    """A reference to nothing; `elsewhere` is the mode ("live", "test") in which there is such an object."""
    message = f"No such {noun}: '{given}'"
    if elsewhere:
        here = "test" if elsewhere == "live" else "live"
        message += (
            f"; a similar object exists in {elsewhere} mode, but a {here} mode key was used to make this request."
        )
    return invalid(message, param=param, code="resource_missing", status=status)


def card_error(message: str, *, code: str, decline_code: str | None = None, **fields: Any) -> StripeError:
    """A payment that the card's issuer refused, or that needs its holder.

    What was written before it stays: a failed attempt is recorded.
    """
    error = StripeError(402, "card_error", message, code=code, decline_code=decline_code, **fields)
    error.keeps_changes = True
    return error
