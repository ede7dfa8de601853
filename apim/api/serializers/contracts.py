"""Shapes of contracts judged and compared."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.openapi.differing import IMPACTS
from apim.openapi.linting import SEVERITIES


class FindingShape(serializers.Serializer[Any]):
    """What a rule has found at one place."""

    rule = serializers.CharField(help_text="As in docs/reference/lint-rules.md.")
    severity = serializers.ChoiceField(choices=SEVERITIES)
    pointer = serializers.CharField(help_text="JSON pointer into the document.")
    line = serializers.IntegerField(help_text="Of the document as it was imported, from 1.")
    message = serializers.CharField()


class FindingCountsShape(serializers.Serializer[Any]):
    """How much was found of each severity."""

    error = serializers.IntegerField()
    warning = serializers.IntegerField()
    hint = serializers.IntegerField()


class LintShape(serializers.Serializer[Any]):
    """What could be better in a revision's document."""

    revision_number = serializers.IntegerField()
    score = serializers.IntegerField(allow_null=True, help_text="0 to 100; null without a document.")
    counts = FindingCountsShape()
    left_out = serializers.IntegerField(help_text="Counted and not listed.")
    skipped = serializers.ListField(
        child=serializers.CharField(), help_text="What was not looked at, when the document asks for too much work."
    )
    findings = FindingShape(many=True)


class SideShape(serializers.Serializer[Any]):
    """Where a change stands in one of the documents."""

    pointer = serializers.CharField(allow_blank=True)
    line = serializers.IntegerField(help_text="From 1; 0 = without a document.")


class ContractChangeShape(serializers.Serializer[Any]):
    """One thing that differs."""

    kind = serializers.CharField(help_text="As in docs/reference/changes.md.")
    impact = serializers.ChoiceField(choices=IMPACTS)
    message = serializers.CharField()
    reason = serializers.CharField()
    operations = serializers.ListField(child=serializers.CharField())
    before = SideShape()
    after = SideShape()


class CallerShape(serializers.Serializer[Any]):
    """An application that called what breaks in the last 30 days."""

    application_id = serializers.CharField(source="application.id")
    application = serializers.CharField(source="application.name")
    operations = serializers.ListField(child=serializers.CharField())
    calls = serializers.IntegerField()
    last_call_at = serializers.DateTimeField()


class AnonymousShape(serializers.Serializer[Any]):
    """Calls of what breaks in the last 30 days that carried no known key and were let through."""

    operations = serializers.ListField(child=serializers.CharField())
    calls = serializers.IntegerField()
    last_call_at = serializers.DateTimeField()


class ComparisonShape(serializers.Serializer[Any]):
    """What callers notice from one revision to another, what breaks them first."""

    before_revision_id = serializers.CharField()
    revision_id = serializers.CharField()
    is_breaking = serializers.BooleanField()
    skipped = serializers.ListField(
        child=serializers.CharField(), help_text="What was not compared: nobody knows whether it breaks callers."
    )
    left_out = serializers.IntegerField(help_text="Changes that are not listed.")
    changes = ContractChangeShape(many=True)
    callers = CallerShape(many=True, help_text="Who called what breaks in the last 30 days.")
    anonymous = AnonymousShape(allow_null=True, help_text="Calls without a known key; null = none.")
