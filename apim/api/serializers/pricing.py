"""Shapes of what plans cost, of meters, and of moving subscribers. Amounts are decimal texts in the plan's currency."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.pricing.clauses import EXISTING, ON_EXCEED
from apim.pricing.meters import AGGREGATIONS, SOURCES
from apim.pricing.parts import MODELS, TERMS
from apim.pricing.terms import INTERVALS
from apim.products.models import Meter

MOMENTS = (("immediate", "immediate"), ("period-end", "period-end"))

_MAX_COUNT = 10**15
_WORD = re.compile(r"_([a-z])")
_CAPITAL = re.compile(r"[A-Z]")


def _amount(help_text: str = "") -> serializers.CharField:
    return serializers.CharField(max_length=30, required=False, help_text=help_text or 'Such as "29.00".')


def _count(least: int = 0) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=least, max_value=_MAX_COUNT, required=False)


def _choice(*words: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(words, required=False)


class TierBody(Body):
    """A tier of a price; the last one has no `up_to`."""

    up_to = _count(1)
    unit = _amount("The price of a unit in it.")
    flat = _amount("Due once a unit falls in it.")


class AutoTopUpBody(Body):
    """When credits are bought unasked."""

    below = _amount("The balance under which a top-up is bought.")


class PriceBody(Body):
    """A line of the invoice."""

    name = serializers.CharField(max_length=60, required=False)
    model = serializers.ChoiceField(MODELS)
    meter = serializers.CharField(max_length=60, required=False)
    amount = _amount("Of flat, setup, package and prepaid.")
    term = _choice(*TERMS)
    unit = _amount("Of unit: as fine as it needs be.")
    size = _count(1)
    tiers = TierBody(many=True, required=False)
    minimum = _amount("What its period costs at least.")
    top_ups = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=5, required=False, help_text="Other top-ups of prepaid."
    )
    included = _amount("Of prepaid: credits that each period brings along.")
    expires_after_days = _count(1)
    auto_top_up = AutoTopUpBody(required=False)


class MeterLimitBody(Body):
    """How much of a meter is included, and what happens above."""

    meter = serializers.CharField(max_length=60)
    included = _count()
    on_exceed = _choice(*ON_EXCEED)
    hard_cap = _count(1)


class TrialBody(Body):
    """A beginning that costs nothing."""

    days = _count(1)
    payment_method = _choice("not-required", "required")
    on_end_without_card = _choice("pause", "cancel")


class MaximumSpendBody(Body):
    """What a period costs at most."""

    amount = _amount()
    then = _choice("block", "throttle", "allow")


class DunningBody(Body):
    """What follows an invoice that is not paid."""

    grace_days = _count()
    then = _choice("suspend")
    end_after_days = _count(1)


class ChangeBody(Body):
    """When a change of plan holds, and what of a begun period is given back."""

    upgrade = serializers.ChoiceField(MOMENTS, required=False)
    downgrade = serializers.ChoiceField(MOMENTS, required=False)
    proration = _choice("time", "max-consumption", "none")


class MigrationBody(Body):
    """What becomes of subscribers when the plan changes."""

    existing = _choice(*EXISTING)


class PricingBody(Body):
    """What a plan costs, and how it is charged."""

    currency = serializers.CharField(max_length=3, required=False, help_text="A code of ISO 4217.")
    interval = _choice(*INTERVALS)
    prices = PriceBody(many=True, required=False)
    limits = MeterLimitBody(many=True, required=False)
    trial = TrialBody(required=False)
    minimum_spend = _amount()
    maximum_spend = MaximumSpendBody(required=False)
    dunning = DunningBody(required=False)
    change = ChangeBody(required=False)
    migration = MigrationBody(required=False)


def document_of(value: Any) -> Any:
    """A body as a Plan document says it: the same, with camelCase names."""
    return _renamed(value, lambda name: _WORD.sub(lambda match: match[1].upper(), name))


def shape_of(value: Any) -> Any:
    """What a Plan document says, as answers say it: the same, with snake_case names."""
    return _renamed(value, lambda name: _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name))


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, Mapping):
        return {rename(name): _renamed(inner, rename) for name, inner in value.items()}
    return [_renamed(inner, rename) for inner in value] if isinstance(value, list) else value


class MeterShape(serializers.ModelSerializer[Meter]):
    """What of the traffic plans charge for."""

    organization = serializers.CharField(source="organization.name")
    weights = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = Meter
        fields = (
            "id", "name", "display_name", "organization", "unit", "aggregation", "source", "where", "weights",
            "version", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class MeterChanges(Body):
    """Changes of a meter; what it counts stays once a plan with prices names it."""

    display_name = serializers.CharField(max_length=120, required=False)
    unit = serializers.CharField(max_length=40, required=False)
    aggregation = _choice(*AGGREGATIONS)
    source = _choice(*SOURCES)  # type: ignore[assignment] # a field of that name, not DRF's attribute
    where = serializers.CharField(max_length=500, required=False, help_text="Such as `status < 400`.")
    weights = serializers.DictField(
        child=serializers.IntegerField(min_value=0), required=False, help_text='Such as {"POST /transfers": 5}.'
    )


class MeterBody(MeterChanges):
    """A new meter."""

    name = serializers.SlugField(max_length=60)
    organization = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )


class PreviewShape(serializers.Serializer[Any]):
    """A subscription's last whole period under the version it has, and under the one in force."""

    subscription = serializers.CharField()
    organization = serializers.CharField()
    product = serializers.CharField()
    version = serializers.IntegerField()
    usage = serializers.DictField(child=serializers.CharField())
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)


class MigrationShape(serializers.Serializer[Any]):
    """Who is on an earlier version of a plan, and who was moved."""

    version = serializers.IntegerField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    previews = PreviewShape(many=True)
    moved = serializers.ListField(child=serializers.CharField(), help_text="Who has the version now.")
    scheduled = serializers.ListField(
        child=serializers.CharField(),
        help_text="Who gets it with the first renewal from `not_before` on, and was told.",
    )
    failed = serializers.DictField(child=serializers.CharField(), help_text="Why one stays, by subscription.")


class MigrateBody(Body):
    """Whom to move: all on an earlier version unless narrowed."""

    from_version = serializers.IntegerField(min_value=1, required=False)
    organizations = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    subscriptions = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    not_before = serializers.DateTimeField(required=False, help_text="Nobody moves before; now when left out.")
    words = serializers.CharField(required=False, allow_blank=True, max_length=2000, help_text="In the mail.")
