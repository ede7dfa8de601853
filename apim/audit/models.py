"""The audit log: who did what to which object, with the state before and after. Rows are only ever added."""

from __future__ import annotations

from typing import Self

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models

from apim.fields import IDField


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Rows as people may read them. Nobody may edit one."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Everything for admins; for those who lead an organization, what happened in it.

        Shapes: user is of the app above this one, hence the attributes by name.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if getattr(user, "is_platform_admin", False):
            return self.all()
        led = getattr(user, "memberships").filter(role="owner", team="").values("organization_id")  # noqa: B009
        return self.filter(organization_id__in=led)


class AuditEvent(models.Model):
    """One write. Actors and targets are copied as text, so that the log outlives them.

    Shapes: number = its place in the chain (apim.audit.chain), None for some seconds; digest = over the one before it
    and all that it says, 64 hex digits.
    """

    id = IDField("aud")
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor_kind = models.CharField(max_length=16)  # user | token | system | gateway
    actor_id = models.CharField(max_length=32, blank=True, db_index=True)
    actor_label = models.CharField(max_length=200)
    action = models.CharField(max_length=80, db_index=True)  # "version.publish"
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=32, db_index=True)
    target_label = models.CharField(max_length=200)
    organization_id = models.CharField(max_length=32, blank=True, db_index=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    number = models.BigIntegerField(null=True, blank=True, unique=True)
    digest = models.CharField(max_length=64, blank=True, default="", db_default="")

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("id",), condition=models.Q(number=None), name="audit_events_to_chain"),)

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.target_label}"


class AuditChain(models.Model):
    """How far the chain of the log reaches, signed; there is one.

    Shapes: number and digest are the last entry's; anchor_number and anchor_digest those of the last one that retention
    took. signature is over the four. checked_number = how far the check under way is; checked_at = when one last was
    through. faults = [{"number", "kind", "found_at", "accepted_by"}], kind being changed, missing or unsigned.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64)
    anchor_number = models.BigIntegerField(default=0)
    anchor_digest = models.CharField(max_length=64)
    signature = models.CharField(max_length=128, blank=True)
    checked_number = models.BigIntegerField(default=0)
    checked_at = models.DateTimeField(null=True, blank=True)
    faults = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_audit_chain"),)

    def __str__(self) -> str:
        return "audit log"
