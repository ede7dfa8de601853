"""Mail: how it leaves, and a copy of each message for admins; notifications, which people read in the portal."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import User, Viewer
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


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Notifications: a person's own."""

    def visible_to(self, user: Viewer) -> Self:
        """One's own; admins too read only theirs."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def unread(self) -> Self:
        """Those that were not read yet."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """Something that happened, told to one person inside the portal.

    Shapes: cause names the event, such as `version.deprecate:ver_…:2027-06-30`; a person hears of it once, however
    often the task that tells it runs. path is a page of this installation, or empty. title and text are in the language
    that the account had; in_others = {language: [title, text]} of those languages in which they are said otherwise.
    """

    class Kind(models.TextChoices):
        VERSION = "version", _("New version")
        DEPRECATION = "deprecation", _("Deprecation")
        ANNOUNCEMENT = "announcement", _("Announcement")
        JOB = "job", _("Long work")

    id = IDField("ntf")
    user = models.ForeignKey(User, models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=24)  # of Kind; without choices, so that a kind more is no migration
    cause = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)  # plain
    in_others = models.JSONField(default=dict, db_default={}, blank=True)
    path = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("user", "cause"), name="notification_once_a_cause"),)
        indexes = (models.Index(fields=("user", "read_at"), name="unread_of_user"),)

    def __str__(self) -> str:
        return self.title

    @property
    def words(self) -> tuple[str, str]:
        """(title, text) in the language of now: a reader may have changed it since."""
        title, text = self.in_others.get(get_language() or "", (self.title, self.text))
        return title, text


class MailChoices(models.Model):
    """What a person wants by mail beside the portal's own notices; without a row, everything.

    A deprecation that ends what a person's applications call is no choice: it is mailed whatever stands here.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="mail_choices")
    announcements = models.BooleanField(default=True)  # of owners to subscribers
    news = models.BooleanField(default=True)  # of followed APIs
    quotas = models.BooleanField(default=True, db_default=True)  # of subscriptions that are nearly or quite used up
    jobs = models.BooleanField(default=False, db_default=False)  # of long work of one's own that has ended

    def __str__(self) -> str:
        return f"mail choices of {self.user_id}"
