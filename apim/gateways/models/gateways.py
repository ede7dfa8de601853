"""Gateways, and what each of their processes said of itself last."""

from __future__ import annotations

from typing import Final, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin, owns_anything
from apim.fields import IDField
from apim.gateways.models.environments import Environment

# How codes of problems begin that tell of something else than the state a worker runs.
_OF_THE_HOST: Final = ("limits.", "spool.", "disk.", "update.", "access.", "worker.")
_OF_UPDATES: Final = ("update.", "access.", "disk.")


class GatewayQuerySet(models.QuerySet["Gateway"]):
    """Data planes."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins and for owners, who want to see their change arrive; none for others."""
        return self.all() if owns_anything(user) else self.none()

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.all() if is_admin(user) else self.none()


class Gateway(models.Model):
    """A named data plane of an environment.

    Shapes: group "" = of none. next_token_hash is of a credential that the gateway was handed and did not use yet; once
    it does, token_hash is void.
    """

    class State(models.TextChoices):
        SERVING = "serving", _("Serving")
        DRAINING = "draining", _("Draining")  # serves, and says that it is not ready
        QUARANTINED = "quarantined", _("In quarantine")  # serves what it has, and is sent no new state

    id = IDField("gw")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="gateways")
    name = models.SlugField(max_length=60, unique=True)
    group = models.SlugField(max_length=40, blank=True, default="", db_default="")
    state = models.CharField(
        max_length=12, choices=State.choices, default=State.SERVING, db_default=State.SERVING.value
    )
    state_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    is_canary = models.BooleanField(default=False, db_default=False)
    takes_trials = models.BooleanField(default=False, db_default=False)  # in one of its workers, as it said last
    token_hash = models.CharField(max_length=64, unique=True)
    next_token_hash = models.CharField(max_length=64, blank=True, default="", db_default="", db_index=True)
    token_issued_at = models.DateTimeField(null=True, blank=True)
    rotation_asked_at = models.DateTimeField(null=True, blank=True)
    refused_format = models.PositiveIntegerField(default=0, db_default=0)  # that it speaks and we do not; 0 = none
    clock_wrong_at = models.DateTimeField(null=True, blank=True)  # when it last told of calls at impossible moments
    clock_off_s = models.BigIntegerField(default=0, db_default=0)  # and how far off its clock was; ahead is above 0
    software_version = models.CharField(max_length=40, blank=True)
    host = models.CharField(max_length=255, blank=True)
    is_push_connected = models.BooleanField(default=False)
    targets = models.JSONField(default=list, blank=True)  # as reported last, fields as TargetReport
    events = models.JSONField(default=list, blank=True)  # the last ones, fields as EventReport
    enrolled_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    objects = GatewayQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """What one process of a gateway said of itself last."""

    id = models.BigAutoField(primary_key=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="workers")
    slot = models.PositiveSmallIntegerField()
    pid = models.PositiveIntegerField()
    boot = models.CharField(max_length=32)
    revision = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    access_seq = models.PositiveBigIntegerField(default=0)
    problems = models.JSONField(default=list)
    stats = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("slot",)
        constraints = (models.UniqueConstraint(fields=("gateway", "slot"), name="one_worker_a_slot"),)

    def __str__(self) -> str:
        return f"{self.gateway} worker {self.slot}"

    @property
    def refuses_state(self) -> bool:
        """True when it has a problem with a state that it was sent, and not only with what its host tells of itself."""
        return any(not code.startswith(_OF_THE_HOST) for code in self.problem_codes)

    @property
    def misses_updates(self) -> bool:
        """True when its gateway cannot take what it is sent, or not keep it."""
        return any(code.startswith(_OF_UPDATES) for code in self.problem_codes)

    @property
    def problem_codes(self) -> list[str]:
        """What is wrong with it, "" for what has no code."""
        return [str(problem.get("code", "")) for problem in self.problems]
