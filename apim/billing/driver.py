"""The door to the payment provider: what billing asks of it, and how it may fail.

Owns: the Protocol and its failures. Must not know: any provider's package.
Shapes: objects are the provider's own, as plain JSON values; only apim.billing.folding reads their fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from django.utils.translation import gettext as _

from apim.errors import Conflict

Object = Mapping[str, Any]

KEY_IN_USE: Final = "idempotency_key_in_use"  # the same request is under way: its answer is not a refusal


class DriverFailed(Exception):
    """The provider did not do what was asked. Shapes: is_passing = the same may work later."""

    def __init__(self, message: str, *, is_passing: bool, code: str = "") -> None:
        """message is fit to be shown to an admin; code is the provider's own."""
        super().__init__(message)
        self.is_passing = is_passing
        self.code = code


class SignatureInvalid(Exception):
    """An event was not signed by the provider, or too long ago."""


def provider_failed(failure: Exception) -> Conflict:
    """The refusal that a failure of the provider ends in."""
    return Conflict(
        "billing.provider_failed",
        _("Stripe says: %(failure)s") % {"failure": failure},
        hint=_("Try again in a moment."),
    )


class Driver(Protocol):
    """What billing asks. Each call that makes something takes a key, so that asking twice makes one.

    Errors: DriverFailed, from every method.
    """

    def account_id(self) -> str:
        """The id of the account that the key is of; "" where the key may not say."""

    def find(self, kind: str, key: str) -> Object:
        """The object as it is now; kind is what the provider calls it, such as `subscription`."""

    def list(self, kind: str, params: Mapping[str, Any], *, of: str = "") -> Iterator[Object]:
        """The objects of a kind that params choose, newest first; of names what they belong to, where they do."""

    def make(self, kind: str, params: Mapping[str, Any], *, key: str) -> Object:
        """A new object; the one that was made with the same key."""

    def change(self, kind: str, of: str, params: Mapping[str, Any], *, key: str = "") -> Object:
        """The object, changed."""

    def act(self, kind: str, of: str, verb: str, params: Mapping[str, Any], *, key: str = "") -> Object:
        """The object after something was done to it, such as `cancel`."""
