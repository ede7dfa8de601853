"""Shapes of imports."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.catalog import APIShape, VersionShape, WaiverField
from apim.api.serializers.revisions import METHODS, RevisionShape


class ImportBody(Body):
    """An OpenAPI document (`document` or `url`), or an upstream alone (`methods`, `prefix`)."""

    name = serializers.SlugField(max_length=60, help_text="Of the API; made when missing.")
    version = serializers.SlugField(max_length=40, help_text="Made when missing.")
    upstream = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    document = serializers.CharField(required=False, trim_whitespace=False)
    url = serializers.URLField(max_length=2000, required=False, help_text="Where the document is fetched.")
    methods = serializers.ListField(child=serializers.ChoiceField(METHODS), required=False)
    prefix = serializers.CharField(max_length=255, required=False, default="/")
    organization = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    publish = serializers.BooleanField(required=False, default=False)
    waiver = WaiverField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one source."""
        sources = [name for name in ("document", "url", "methods") if name in attrs]
        if len(sources) != 1:
            message = "Send exactly one of document, url and methods."
            raise serializers.ValidationError(message)
        return attrs


class DocumentProblemShape(serializers.Serializer[Any]):
    """What is wrong with a document, and where."""

    pointer = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    severity = serializers.CharField()


class OperationChangeShape(serializers.Serializer[Any]):
    """An operation that an import added or removed."""

    action = serializers.ChoiceField(("added", "removed"))
    operation = serializers.CharField()
    products = serializers.ListField(child=serializers.CharField(), help_text="Those that offered it by its pattern.")


class ImportShape(serializers.Serializer[Any]):
    """What an import made."""

    api = APIShape()
    version = VersionShape()
    revision = RevisionShape()
    problems = DocumentProblemShape(many=True)
    changes = OperationChangeShape(many=True)
