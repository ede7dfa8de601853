"""What is kept of the way to a first call: keys to try with, people whose address nobody confirmed yet, milestones."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog.models import API
from apim.fields import IDField
from apim.gateways.models import Environment
from apim.products.models import Product


class SandboxKey(models.Model):
    """A key that opens mock answers alone, of a person or of one visitor's session.

    Shapes: sealed is the key under the installation's keyring, base64: unlike live keys it can be shown again, because
    it opens nothing of anybody's. user None = the session that knows the id.
    """

    id = IDField("sbx")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="sandbox_keys")
    user = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="sandbox_key")
    key_hash = models.CharField(max_length=64, unique=True)
    sealed = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"sandbox key {self.id}"


class ProvisionalAccountQuerySet(models.QuerySet["ProvisionalAccount"]):
    """Accounts that somebody began to use before the address was confirmed."""

    def over(self, now: datetime) -> Self:
        """Those whose time to confirm is over."""
        return self.filter(expires_at__lte=now)


class ProvisionalAccount(models.Model):
    """The address that a new person gave and has not confirmed.

    Until then the account has no address of its own, so an address that has an account already, or belongs to
    somebody else, is given nothing and betrays nothing.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="provisional")
    email = models.EmailField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = ProvisionalAccountQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"unconfirmed account {self.user_id}"


class PageViews(models.Model):
    """How often an API's page was looked at on one day (UTC); by whom is not kept."""

    id = models.BigAutoField(primary_key=True)
    api = models.ForeignKey(API, models.CASCADE, related_name="page_views")
    day = models.DateField()
    views = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("api", "day"), name="one_count_of_views_a_day"),)

    def __str__(self) -> str:
        return f"{self.views} views of {self.api_id} on {self.day}"


class Journey(models.Model):
    """That a person set out to use a product, and when each step of the way was reached. Once a person and product.

    Shapes: requested_at and succeeded_at are the first call of the application to what the product opens, and the first
    that was answered with 2xx; None = not yet.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="journeys")
    product = models.ForeignKey(Product, models.CASCADE, related_name="journeys")
    began_at = models.DateTimeField()
    application = models.ForeignKey(Application, models.SET_NULL, null=True, blank=True, related_name="journeys")
    applied_at = models.DateTimeField(null=True, blank=True)
    key_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "product"), name="one_journey_each"),)
        indexes = (models.Index(fields=("product", "began_at"), name="journey_of_product"),)

    def __str__(self) -> str:
        return f"{self.user_id} to {self.product_id}"
