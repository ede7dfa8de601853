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
    """One write. Actors and targets are copied as text, so that the log outlives them."""

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

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.target_label}"
