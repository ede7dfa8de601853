"""Announcements, and to whom each was sent."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, User, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.catalog.models import API, APIVersion
from apim.fields import IDField
from apim.notifications.models import Message


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    """Announcements: the business of who may change the API."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those about APIs of organizations one owns."""
        if is_admin(user):
            return self.all()
        return self.filter(api__organization__in=organization_ids(user, Membership.Role.OWNER))

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those about APIs one may change."""
        return self.all() if is_admin(user) else self.filter(api__in=API.objects.editable_by(user).values("pk"))

    def unfinished(self) -> Self:
        """Those with receivers still to be told."""
        return self.filter(state=Announcement.State.SENDING)


class Announcement(models.Model):
    """A text to those who use an API, written by an owner or by the product itself.

    Shapes: version and operation narrow the receivers by what they called in the last `days`; days 0 = every
    subscriber, whatever they called. cause names what the product announces, such as `deprecated:ver_…:30:2027-06-30`,
    so that it does so once; None of what people wrote.
    """

    class Kind(models.TextChoices):
        NOTE = "announcement", _("Announcement")
        VERSION = "version", _("New version")
        DEPRECATION = "deprecation", _("Deprecation")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        STOPPED = "stopped", _("Stopped")

    id = IDField("ann")
    api = models.ForeignKey(API, models.CASCADE, related_name="announcements")
    version = models.ForeignKey(APIVersion, models.CASCADE, null=True, blank=True, related_name="announcements")
    operation = models.CharField(max_length=255, blank=True)  # "GET /accounts/{id}"
    days = models.PositiveIntegerField(default=30)
    kind = models.CharField(max_length=16, default=Kind.NOTE)
    cause = models.CharField(max_length=120, null=True, blank=True, unique=True)
    subject = models.CharField(max_length=200)
    body = models.TextField(max_length=20_000)  # Markdown
    state = models.CharField(max_length=16, default=State.DRAFT)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    sent_at = models.DateTimeField(null=True, blank=True)  # its receivers were settled
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("state",), name="announcement_state"),)

    def __str__(self) -> str:
        return self.subject


class Receipt(models.Model):
    """One receiver of an announcement. Told once: its notification and its mail are made in one transaction with it.

    Shapes: message is None of who wants no mail, and once mails of that age are deleted.
    """

    id = IDField("anr")
    announcement = models.ForeignKey(Announcement, models.CASCADE, related_name="receipts")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    is_mailed = models.BooleanField(default=True)  # as they wanted it when the receivers were settled
    told_at = models.DateTimeField(null=True, blank=True)
    message = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("announcement", "user"), name="receiver_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} of {self.announcement_id}"
