"""Changes of plan that are on their way, and migrations of subscribers by owners."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apim.access.models import Subscription
from apim.accounts.models import Viewer
from apim.fields import IDField
from apim.products.models import Plan, PlanVersion


class PlanChange(models.Model):
    """The plan version that a subscription has next. Written only from Stripe's present state, like the standing.

    Shapes: at = when it holds, for one that waits for payment when Stripe forgets it; pay_url of the latter only.
    """

    class Kind(models.TextChoices):
        AWAITS_PAYMENT = "awaits-payment"  # holds once its invoice is paid
        SCHEDULED = "scheduled"  # holds with the next period

    subscription = models.OneToOneField(Subscription, models.CASCADE, primary_key=True, related_name="plan_change")
    to_version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField()
    invoice_id = models.CharField(max_length=64, blank=True)
    pay_url = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.subscription_id} to {self.to_version}"


class UsageCut(models.Model):
    """When the price of a subscription's usage changed: what is counted of that hour is told in two parts."""

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="usage_cuts")
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("subscription", "at"), name="one_usage_cut_a_moment"),)

    def __str__(self) -> str:
        return f"{self.subscription_id} at {self.at:%Y-%m-%d %H:%M:%S}"


class PlanMigrationQuerySet(models.QuerySet["PlanMigration"]):
    """Migrations: the business of who edits the plan."""

    def editable_by(self, user: Viewer) -> Self:
        """Those of plans that the user edits."""
        return self.filter(version__plan__in=Plan.objects.editable_by(user))


class PlanMigration(models.Model):
    """Subscribers of a plan who get another version of it, each at the first renewal from a day on."""

    id = IDField("mig")
    version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="migrations")
    not_before = models.DateTimeField()
    words = models.TextField(blank=True)  # of the owner, in the mail to those affected
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlanMigrationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} from {self.not_before:%Y-%m-%d}"


class MigrationMember(models.Model):
    """A subscription in a migration. Shapes: note = why it is not moved, in words."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")  # its renewal is told to Stripe in the period before
        SCHEDULED = "scheduled", _("Scheduled")  # Stripe knows
        APPLIED = "applied", _("Applied")
        UNDONE = "undone", _("Undone")
        # The subscriber changed or ended it meanwhile, or the version was replaced: the note says so.
        LEFT = "left", pgettext_lazy("a subscriber", "Left")

    OPEN = (State.WAITING, State.SCHEDULED)

    id = models.BigAutoField(primary_key=True)
    migration = models.ForeignKey(PlanMigration, models.CASCADE, related_name="members")
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="migrations")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    note = models.CharField(max_length=500, blank=True)
    renews_at = models.DateTimeField(null=True, blank=True)  # when it moves, as far as is known
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("subscription",),
                condition=models.Q(state__in=("waiting", "scheduled")),
                name="one_open_migration_each",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.state}"
