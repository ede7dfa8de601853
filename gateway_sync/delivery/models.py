"""What was compiled and published: manifests by revision, fragments by digest."""

from __future__ import annotations

from django.db import models

from apim.fields import IDField
from apim.gateways.models import Environment


class Fragment(models.Model):
    """A content-addressed part of a snapshot: the canonical JSON of an API's routes, or of the products."""

    digest = models.CharField(max_length=64, primary_key=True)  # SHA-256 of body
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:12]


class Publication(models.Model):
    """One published state of an environment; never edited.

    Shapes: manifest as in gateway_sync.snapshot; problems = [{"code", "message", "where_kind", "where_id",
    "where_field", "hint"}]. Two publications may share a digest: then only the problems differ.
    """

    id = IDField("pub")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="publications")
    revision = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    manifest = models.JSONField()
    problems = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-revision",)
        constraints = (models.UniqueConstraint(fields=("environment", "revision"), name="one_publication_a_revision"),)

    def __str__(self) -> str:
        return f"{self.environment} revision {self.revision}"
