"""Mail: how it leaves, and a copy of each message for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin
from apim.fields import IDField
from apim.notifications.constants import MOST_ATTEMPTS


class MessageQuerySet(models.QuerySet["Message"]):
    """Mails: they hold links that log people in, so admins alone may read them."""

    def visible_to(self, user: Viewer) -> Self:
        """Everything for admins, nothing for others."""
        return self.all() if is_admin(user) else self.none()

    def due(self, now: datetime) -> Self:
        """Those that wait for their next attempt to leave."""
        return self.filter(sent_at=None, attempts__lt=MOST_ATTEMPTS, retry_at__lte=now)


class Message(models.Model):
    """One outgoing mail; without an SMTP server it stays here to be read in the mailbox page."""

    id = IDField("msg")
    to = models.TextField()
    subject = models.CharField(max_length=255)
    body = models.TextField()
    html = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(default=timezone.now, db_index=True)  # taken by who sends it until then

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"


class MailServer(models.Model):
    """The SMTP server mail leaves by; one row, absent until someone sets it up."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=587)
    user = models.CharField(max_length=255, blank=True)
    password_sealed = models.BinaryField(blank=True, default=b"")
    use_tls = models.BooleanField(default=True)
    sender = models.EmailField()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_mail_server"),)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
