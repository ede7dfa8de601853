"""Shapes of jobs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.jobs.models import Job


class JobProblemShape(serializers.Serializer[Any]):
    """Why a job failed."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)


class JobShape(serializers.ModelSerializer[Job]):
    """Long work that somebody asked for, and how far it is. `total` is 0 while nobody knows."""

    state = serializers.ChoiceField(
        ("waiting", "running", "canceling", "done", "failed", "canceled"), source="stage", read_only=True
    )
    problems = JobProblemShape(many=True)
    asked_by = serializers.CharField(source="actor_label")

    class Meta:
        model = Job
        fields = (
            "id", "kind", "title", "state", "done", "total", "note", "problems", "file_name", "asked_by", "asked_at",
            "ended_at",
        )  # fmt: skip
        read_only_fields = fields
