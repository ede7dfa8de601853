"""Rehearsals of plans: what each step of a customer's way through a plan came to, kept after the customer is gone."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.fields import IDField
from apim.gateways.models import Environment
from apim.products.models import Plan, PlanVersion, Product


class RehearsalQuerySet(models.QuerySet["Rehearsal"]):
    """Rehearsals: the business of who may change the plan's terms, and of admins."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins, else those of plans of organizations one owns."""
        if is_admin(user):
            return self.all()
        return self.filter(plan__organization__in=organization_ids(user, Membership.Role.OWNER))

    def editable_by(self, user: Viewer) -> Self:
        """All for admins, else those of plans that one may edit."""
        return self.filter(plan__in=Plan.objects.editable_by(user))

    def running(self) -> Self:
        """Those that have not ended."""
        return self.filter(state__in=Rehearsal.RUNNING)

    def ended_for(self, customer_id: str) -> Self:
        """Those that have ended of a customer at Stripe; none for ""."""
        return self.filter(customer_id=customer_id).exclude(state__in=Rehearsal.RUNNING) if customer_id else self.none()


class Rehearsal(models.Model):
    """A customer on a test clock walking through a plan. Its organization is its own and is deleted at the end.

    Shapes: clock_id, customer_id and stripe_id are what stands at Stripe for it; subscription_ref is the id of our
    subscription, kept to recognize usage that arrives late; sealed_key is the key it calls with.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Canceled")

    RUNNING = (State.WAITING, State.RUNNING)

    id = IDField("reh")
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="rehearsals")
    plan_version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    organization = models.OneToOneField(Organization, models.SET_NULL, null=True, blank=True, related_name="rehearsal")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    is_cancel_wanted = models.BooleanField(default=False)
    is_removed = models.BooleanField(default=False)  # nothing of its customer is left, here or at Stripe
    outcome = models.CharField(max_length=500, blank=True)  # in words, once it has ended
    sealed_key = models.BinaryField(default=bytes)
    subscription_ref = models.CharField(max_length=32, blank=True)
    clock_id = models.CharField(max_length=64, blank=True)
    customer_id = models.CharField(max_length=64, blank=True, db_index=True)
    stripe_id = models.CharField(max_length=64, blank=True)
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(null=True, blank=True)  # when a worker was last seen at it
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RehearsalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("plan",),
                condition=models.Q(state__in=("waiting", "running")),
                name="one_running_rehearsal_a_plan",
            ),
        )

    def __str__(self) -> str:
        return f"rehearsal of {self.plan}"

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self.state in self.RUNNING


class RehearsalStep(models.Model):
    """One step, and what each of three said after it.

    Shapes: the three are sentences; log is what went on, a line each; test_time is that of the customer's test clock.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")

    id = models.BigAutoField(primary_key=True)
    rehearsal = models.ForeignKey(Rehearsal, models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=20)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    test_time = models.DateTimeField(null=True, blank=True)
    stripe_said = models.JSONField(default=list)
    ledger_said = models.JSONField(default=list)
    gateway_said = models.JSONField(default=list)
    gateway_status = models.PositiveSmallIntegerField(null=True, blank=True)
    log = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("rehearsal", "number"), name="one_rehearsal_step_a_number"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.rehearsal_id}"
