"""Accounts at authorities, and the order that each host with a certificate by ACME has."""

from __future__ import annotations

from django.db import models

from apim.gateways.models.certificates import Certificate
from apim.gateways.models.environments import Environment
from apim.gateways.models.hosts import Host


class ACMEAccount(models.Model):
    """An environment's account at one authority; url "" = not registered yet."""

    id = models.BigAutoField(primary_key=True)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="acme_accounts")
    directory = models.URLField(max_length=500)
    contact = models.EmailField(blank=True)  # as the authority knows it
    key_sealed = models.BinaryField()
    url = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("environment", "directory"), name="one_acme_account_a_directory"),
        )

    def __str__(self) -> str:
        return f"{self.environment_id} at {self.directory}"


class CertificateOrder(models.Model):
    """How far a host's certificate is: at most one order under way, and when the next step is due.

    Shapes: url, challenge_url, token and answer are of the order under way; token and answer reach gateways with the
    host. fault is why the last try failed, failures how many did since the last that did not.
    """

    class State(models.TextChoices):
        WAITING = "waiting"  # until due_at, when it is ordered
        ANSWERING = "answering"  # the answer to the challenge is on its way to the gateways
        VALIDATING = "validating"  # the authority's turn
        ISSUED = "issued"  # until due_at, when it is renewed

    id = models.BigAutoField(primary_key=True)
    host = models.OneToOneField(Host, models.CASCADE, related_name="order")
    certificate = models.OneToOneField(Certificate, models.SET_NULL, null=True, blank=True, related_name="order")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    url = models.CharField(max_length=500, blank=True)
    challenge_url = models.CharField(max_length=500, blank=True)
    token = models.CharField(max_length=200, blank=True)
    answer = models.CharField(max_length=300, blank=True)
    wanted_revision = models.PositiveBigIntegerField(default=0)  # which gateways must have to answer
    key_sealed = models.BinaryField(default=bytes)
    failures = models.PositiveSmallIntegerField(default=0)
    fault = models.CharField(max_length=500, blank=True)
    began_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("due_at", "id")
        indexes = (models.Index(fields=("due_at",), name="orders_by_due"),)

    def __str__(self) -> str:
        return f"order {self.id}, {self.state}"
