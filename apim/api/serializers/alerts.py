"""Shapes of alert rules, of what they fired, and of previews."""

from __future__ import annotations

from rest_framework import serializers

from apim.alerts.models import AlertRule, Firing
from apim.alerts.services import MOST_RECIPIENTS
from apim.alerts.templates import TEMPLATES
from apim.alerts.words import condition
from apim.api.bodies import Body

_LONGEST_ADDRESS = 254
_SETTINGS = "; ".join(
    f"{template.kind}: {', '.join(setting.name for setting in template.settings)}" for template in TEMPLATES.values()
)


class StandingShape(serializers.ModelSerializer[AlertRule]):
    """How a rule stands; it changes by itself, so it is no part of the ETag."""

    since = serializers.DateTimeField(source="state_since", allow_null=True)

    class Meta:
        model = AlertRule
        fields = ("state", "since", "value", "watched_until")
        read_only_fields = fields


class AlertRuleShape(serializers.ModelSerializer[AlertRule]):
    """What owners of an API want to be told of, or admins of gateways."""

    api = serializers.CharField(source="api.name", default=None, help_text="Null: it is about gateways.")
    version = serializers.CharField(source="version.name", default=None, help_text="Null: every version.")
    environment = serializers.CharField(source="environment.name", default=None, help_text="Null: every environment.")
    condition = serializers.SerializerMethodField(help_text="What is watched, in a sentence.")
    standing = StandingShape(source="*")

    class Meta:
        model = AlertRule
        fields = (
            "id", "api", "version", "environment", "name", "kind", "settings", "condition", "recipients", "is_enabled",
            "snoozed_until", "standing", "created_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_condition(self, rule: AlertRule) -> str:
        """The sentence."""
        return condition(rule)


def _settings() -> serializers.DictField:
    return serializers.DictField(
        child=serializers.FloatField(), required=False, help_text=f"Numbers by name. {_SETTINGS}."
    )


def _recipients() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=_LONGEST_ADDRESS),
        max_length=2 * MOST_RECIPIENTS,
        required=False,
        help_text="Addresses; none = the owners of the API.",
    )


class _Watched(Body):
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    version = serializers.CharField(
        max_length=121, required=False, allow_null=True, help_text="Of the API, by name, api:version or id; null = all."
    )
    environment = serializers.CharField(
        max_length=60, required=False, allow_null=True, help_text="Id or name; null = all."
    )
    settings = _settings()
    recipients = _recipients()


class AlertRuleBody(_Watched):
    """A new rule; what is left out of its settings has the template's default."""

    api = serializers.CharField(
        max_length=60,
        required=False,
        allow_null=True,
        help_text="Id or name; none for `gateway_lag`, which admins set.",
    )
    kind = serializers.ChoiceField(choices=AlertRule.Kind.choices)


class AlertRuleChanges(_Watched):
    """Changes of a rule; settings are replaced as a whole, and the rule is judged by them from now on."""

    is_enabled = serializers.BooleanField(required=False)


class SnoozeBody(Body):
    """Until when nobody is told."""

    until = serializers.DateTimeField(allow_null=True, help_text="Null: firings are told again.")


class FiringShape(serializers.ModelSerializer[Firing]):
    """A stretch of time in which a rule fired."""

    rule = serializers.CharField(source="rule_id")
    api = serializers.CharField(source="rule.api.name", default=None, help_text="Null: it is about gateways.")

    class Meta:
        model = Firing
        fields = ("id", "rule", "api", "started_at", "resolved_at", "worst", "detail", "was_snoozed")
        read_only_fields = fields


class EpisodeShape(serializers.Serializer[object]):
    """A stretch in which the rule would have fired; `worst` is in the unit of the kind."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True, help_text="Null: it would fire still.")
    worst = serializers.FloatField()


class AlertPreviewShape(serializers.Serializer[object]):
    """What a rule would have done in the last seven days, by the evaluator that watches."""

    since = serializers.DateTimeField()
    times = serializers.SerializerMethodField(help_text="How often it would have fired.")
    episodes = EpisodeShape(many=True)

    def get_times(self, preview: object) -> int:
        """How many episodes there are."""
        return len(getattr(preview, "episodes", ()))
