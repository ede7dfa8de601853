"""What a key to Stripe may do, as it was last found out."""

from __future__ import annotations

from django.db import models

from apim.billing.models.connection import Mode


class ConnectionCheck(models.Model):
    """The last look at what the key of a mode may do, and at the account behind it.

    Shapes: permissions = [{"kind", "words", "may_read", "may_write"}], null where it could not be found out or is not
    needed; account = {"country", "charges_enabled", "details_submitted"} as far as the key may read it.
    """

    mode = models.CharField(max_length=4, choices=Mode.choices, unique=True)
    key_ending = models.CharField(max_length=8)
    permissions = models.JSONField(default=list)
    account = models.JSONField(default=dict)
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"the {self.mode} key that ends in {self.key_ending}"
