"""Small look-ups of the console's templates: `{% load console %}`."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

from apim.console.forms.plans import CeilingForm
from apim.products.models import PlanVersion

register = template.Library()

_PERIODS = {1: "second", 60: "minute", 3600: "hour"}


@register.filter
def item(mapping: Mapping[str, object], key: str) -> object:
    """The value of a key that is a variable; None when it is absent."""
    return mapping.get(key)


@register.filter
def terms(version: PlanVersion | None) -> list[str]:
    """What a plan version grants, one sentence each."""
    if version is None:
        return []
    sentences = [f"{quota['requests']:,} calls per {quota['per']}" for quota in version.quotas]
    if version.rate:
        rate = version.rate
        period = _PERIODS.get(rate["per_s"], f"{rate['per_s']} seconds")
        sentences.insert(0, f"{rate['requests']:,} calls per {period}, {rate['burst']:,} at once")
    return sentences or ["No limits of its own"]


@register.filter
def active(versions: object) -> PlanVersion | None:
    """The active one of a plan's prefetched versions."""
    rows: list[PlanVersion] = list(versions.all())  # type: ignore[attr-defined]
    return next((row for row in rows if row.state == PlanVersion.State.ACTIVE), None)


@register.filter
def limit_label(limit: str) -> str:
    """A limit of a ceiling in words."""
    return CeilingForm.Meta.labels.get(limit, limit)
