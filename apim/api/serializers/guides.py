"""Shapes of guides."""

from __future__ import annotations

from rest_framework import serializers

from apim.api.bodies import Body
from apim.catalog.models import Guide
from apim.catalog.models.guides import LONGEST_BODY


class GuideShape(serializers.ModelSerializer[Guide]):
    """A page of prose about an API."""

    api = serializers.CharField(source="api.name")

    class Meta:
        model = Guide
        fields = ("id", "api", "slug", "title", "position", "body", "is_published", "created_at", "updated_at")
        read_only_fields = fields


class GuideBody(Body):
    """A new guide."""

    slug = serializers.CharField(max_length=60, help_text="The last part of its URL, such as `getting-started`.")
    title = serializers.CharField(max_length=120)
    body = serializers.CharField(
        max_length=LONGEST_BODY, required=False, allow_blank=True, default="", help_text="Markdown."
    )
    position = serializers.IntegerField(
        min_value=0, required=False, default=None, allow_null=True, help_text="Smaller ones come first; else the last."
    )
    is_published = serializers.BooleanField(required=False, default=False)


class GuideChanges(Body):
    """Changes of a guide."""

    slug = serializers.CharField(max_length=60, required=False)
    title = serializers.CharField(max_length=120, required=False)
    body = serializers.CharField(max_length=LONGEST_BODY, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, required=False)
    is_published = serializers.BooleanField(required=False)
