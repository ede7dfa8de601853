"""What of organizations and of the catalogue stands at Stripe, by the ids it has there."""

from __future__ import annotations

from django.db import models

from apim.accounts.models import Organization
from apim.billing.models.connection import Mode


class Customer(models.Model):
    """The payer that stands for an organization at Stripe, one a mode and account.

    Shapes: account_id "" = the account is not known; has_card None = Stripe has not said yet.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="billing_customers")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    account_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    stripe_id = models.CharField(max_length=64, unique=True)
    has_card = models.BooleanField(null=True, blank=True)
    # a charge is disputed: nothing is charged by itself
    is_top_up_frozen = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("organization", "mode", "account_id"), name="one_customer_an_account"),
        )

    def __str__(self) -> str:
        return self.stripe_id


class CatalogueEntry(models.Model):
    """What of the catalogue stands at a Stripe account: products, meters and prices, by the key we look them up by.

    Shapes: account_id "" = the account is not known.
    """

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    account_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    kind = models.CharField(max_length=16)
    lookup_key = models.CharField(max_length=200)
    stripe_id = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("mode", "account_id", "kind", "lookup_key"), name="one_catalogue_entry_an_account"
            ),
        )

    def __str__(self) -> str:
        return self.lookup_key
