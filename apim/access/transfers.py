"""Offers of an application to another organization."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from apim.accounts.models import Organization, User, Viewer
from apim.accounts.permissions import is_admin, steward_ids
from apim.fields import IDField


class ApplicationTransferQuerySet(models.QuerySet["ApplicationTransfer"]):
    """Offers: the business of those who speak for either side."""

    def withdrawable_by(self, user: Viewer) -> Self:
        """Those that user may take back: of organizations that user speaks for; every one for admins."""
        return self.all() if is_admin(user) else self.filter(source__in=steward_ids(user))

    def answerable_by(self, user: Viewer) -> Self:
        """Those that user may accept or refuse: made to the user's address, or to an organization user speaks for."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.filter(Q(email__iexact=user.email) | Q(recipient__in=steward_ids(user)))

    def visible_to(self, user: Viewer) -> Self:
        """Those that user may take back or answer."""
        if is_admin(user):
            return self.all()
        mine = self.answerable_by(user) | self.withdrawable_by(user)
        return self.filter(pk__in=mine.values("pk"))

    def open(self, now: datetime) -> Self:
        """Those that can still be answered."""
        return self.filter(state=ApplicationTransfer.State.OFFERED, expires_at__gt=now)


class ApplicationTransfer(models.Model):
    """An offer to hand an application over; it moves when the other side accepts, with one open offer at a time.

    Shapes: addressed is what was typed, a name of an organization or an e-mail address, and all that the offering side
    is ever told; recipient is the organization of that name, if there is one, and email the address. Who holds the
    address chooses the organization when accepting.
    """

    class State(models.TextChoices):
        OFFERED = "offered"
        ACCEPTED = "accepted"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    id = IDField("trf")
    application = models.ForeignKey("access.Application", models.CASCADE, related_name="transfers")
    source = models.ForeignKey(Organization, models.CASCADE, related_name="transfers_offered")
    addressed = models.CharField(max_length=254)
    recipient = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="transfers_received")
    email = models.EmailField(blank=True, db_index=True)
    note = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.OFFERED)
    offerer = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    offered_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)

    objects = ApplicationTransferQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("application",), condition=Q(state="offered"), name="one_open_transfer_each"
            ),
        )

    def __str__(self) -> str:
        return f"{self.application} to {self.addressed}"
