"""What was compiled and published: manifests by revision, fragments by digest."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

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
    "where_field", "hint"}]. Two publications may share a digest: then only the problems differ. groups = {group of
    gateways: its own signed manifest}, {} = all gateways take the same one.
    """

    class Cause(models.TextChoices):
        CHANGE = "change", _("Change")
        ROLLBACK = "rollback", _("Rolled back")
        RELEASE = "release", _("Pin released")
        RETURN = "return", _("Returned by itself")

    class Stage(models.TextChoices):
        TRIAL = "trial", _("On trial")  # canaries alone are sent it
        ALL = "all", _("Sent to all")
        ENDED = "ended", _("Taken back")  # after a trial

    id = IDField("pub")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="publications")
    revision = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    manifest = models.JSONField()
    problems = models.JSONField(default=list)
    groups = models.JSONField(default=dict, db_default={})
    cause = models.CharField(max_length=8, choices=Cause.choices, default=Cause.CHANGE, db_default=Cause.CHANGE.value)
    made_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    reason = models.TextField(blank=True, default="", db_default="")
    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.ALL, db_default=Stage.ALL.value)
    trial_until = models.DateTimeField(null=True, blank=True)
    trial_in_worker = models.BooleanField(default=False, db_default=False)  # of each that tries it, instead of all
    trial_gateways = models.JSONField(default=list, db_default=[])  # ids of those that try it
    trial_baseline = models.JSONField(default=dict, db_default={})  # {gateway id: [requests, 5xx]} as it began
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-revision",)
        constraints = (models.UniqueConstraint(fields=("environment", "revision"), name="one_publication_a_revision"),)

    def __str__(self) -> str:
        return f"{self.environment} revision {self.revision}"


class Pin(models.Model):
    """An environment that went back to an earlier publication, and stays there until an admin releases it.

    Shapes: revision is the publication it went back to; fragments = {name: digest} of that.
    """

    id = IDField("pin")
    environment = models.OneToOneField(Environment, models.CASCADE, related_name="pin")
    revision = models.PositiveBigIntegerField()
    fragments = models.JSONField()
    reason = models.TextField()
    made_by = models.CharField(max_length=200)
    is_automatic = models.BooleanField(default=False)  # a trial failed
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.environment} at revision {self.revision}"


class Comparison(models.Model):
    """How compiling what changed last compared with compiling everything, for one environment.

    Shapes: differing names the fragments of the last comparison that found a difference, at differed_at; null = none.
    """

    environment = models.OneToOneField(Environment, models.CASCADE, primary_key=True, related_name="comparison")
    compared_at = models.DateTimeField()
    differed_at = models.DateTimeField(null=True, blank=True)
    differing = models.JSONField(default=list, db_default=[])

    def __str__(self) -> str:
        return f"{self.environment_id} at {self.compared_at}"


class LimitHost(models.Model):
    """A host that counts calls against limits, and how it stands to the others of its environment.

    Shapes: name is what the host calls its counts; another one when its disk was lost. gateway_id is whose host it is,
    kept when that is removed: what it counted still counts. state is alone, waiting, shared or degraded.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="limit_hosts")
    name = models.CharField(max_length=32)
    gateway_id = models.CharField(max_length=32)
    state = models.CharField(max_length=12)
    epoch = models.CharField(max_length=80, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("environment", "name"), name="one_limit_host_each"),)

    def __str__(self) -> str:
        return f"{self.gateway_id} {self.name}"


class LimitCount(models.Model):
    """What a host was granted of one window of a cell: the mirror of what lies in Redis, should that forget it.

    Shapes: cell in hex, position and start as in the gateway's cells; granted since the start.
    """

    id = models.BigAutoField(primary_key=True)
    host = models.ForeignKey(LimitHost, models.CASCADE, related_name="counts")
    cell = models.CharField(max_length=32)
    position = models.PositiveSmallIntegerField()
    start = models.BigIntegerField()
    granted = models.PositiveBigIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("host", "cell", "position", "start"), name="one_limit_count_each"),
        )

    def __str__(self) -> str:
        return f"{self.cell} {self.granted}"
