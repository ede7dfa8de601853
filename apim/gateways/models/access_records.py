"""The log of access changes that gateways follow."""

from __future__ import annotations

from django.db import models

from apim.gateways.models.environments import Environment


class AccessRecord(models.Model):
    """The last state of one credential, client, application, organization or subscription, as gateways need it.

    Shapes: seq is taken from the environment's row last in the writing transaction, so a reader that follows seq
    misses nothing. body is null for a removed record.
    """

    class Kind(models.TextChoices):
        CREDENTIAL = "credential"
        CLIENT = "client"
        APPLICATION = "application"
        ORGANIZATION = "organization"
        SUBSCRIPTION = "subscription"

    id = models.BigAutoField(primary_key=True)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="access_records")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    key = models.CharField(max_length=64)  # the hash for credentials and clients, else the row's id
    seq = models.PositiveBigIntegerField()
    body = models.JSONField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("environment", "kind", "key"), name="one_access_record_each"),)
        indexes = (models.Index(fields=("environment", "seq"), name="access_by_seq"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key} at {self.seq}"
