"""Small look-ups of the console's templates: `{% load console %}`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from django import template
from django.utils.translation import gettext

from apim.console.forms.ceilings import CeilingForm
from apim.console.forms.meters import SOURCES
from apim.console.forms.plans import UNCONFIRMED, UNRECORDED
from apim.console.rehearsed import outcome_words
from apim.console.setting_names import kind_title, named_settings
from apim.console.target_events import event_words
from apim.pricing.money import money_text, round_money
from apim.pricing.rating import Rated
from apim.pricing.words import amount_words
from apim.products.models import PlanVersion
from apim.ui.prices import headline, sentences
from apim.ui.said import said
from apim.usage.metering import Preview
from apim.usage.outcomes import try_words
from apim.usage.quota_words import costs_words, granted_words, quota_words, rate_words
from apim.usage.trace import trace_words
from gateway_sync.upstreams import DESCRIPTIONS as GROUPS

if TYPE_CHECKING:
    from apim.usage.quotas import Projected

register = template.Library()
register.filter("outcome_words", outcome_words)
register.filter("trace_words", trace_words)
register.filter("try_words", try_words)
register.filter("event_words", event_words)
register.filter("kind_title", kind_title)


@register.filter
def item(mapping: Mapping[str, object], key: str) -> object:
    """The value of a key that is a variable; None when it is absent."""
    return mapping.get(key)


@register.filter
def quota_in_sentences(quota: Projected) -> str:
    """How far a quota is used and where that leads."""
    return quota_words(quota.gauge, quota.forecast)


@register.filter
def settings_of(settings: Mapping[str, object], kind: str) -> str:
    """The settings of a kind of policy by the names that its form has."""
    return named_settings(kind, settings)


@register.filter
def source_words(source: str) -> str:
    """What a meter adds up, as its form calls it."""
    return str(dict(SOURCES).get(source, source))


@register.filter
def group_titles(upstream: Mapping[str, object]) -> list[str]:
    """The titles of the groups of settings that an upstream has, in the order of the reference."""
    return [said(text.title) for kind, text in GROUPS.items() if kind in upstream]


@register.filter
def terms(version: PlanVersion | None) -> list[str]:
    """What a plan version grants and costs, one sentence each."""
    return [*limits(version), *costs(version)]


@register.filter
def costs(version: PlanVersion | None) -> list[str]:
    """What a plan version charges for and promises about money, one sentence each."""
    return sentences(version.terms) if version is not None else []


@register.filter
def limits(version: PlanVersion | None) -> list[str]:
    """How much a plan version lets through, one sentence each."""
    if version is None:
        return []
    granted = [*map(granted_words, version.quotas), *filter(None, [costs_words(version.weights)])]
    if version.rate:
        granted.insert(0, rate_words(version.rate))
    if version.when_unconfirmed:
        granted.append(
            gettext("While gateways cannot ask each other: %(choice)s")
            % {"choice": UNCONFIRMED[version.when_unconfirmed]}
        )
    if version.when_unrecorded == version.WhenUnrecorded.SERVE:
        granted.append(
            gettext("While a gateway has no room to record calls: %(choice)s")
            % {"choice": UNRECORDED[version.when_unrecorded]}
        )
    return granted or ([] if version.is_priced else [gettext("No limits of its own")])


@register.filter
def price(version: PlanVersion | None) -> str:
    """What a plan version costs, in a few words."""
    return headline(version.terms) if version is not None else ""


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """An amount with the digits of its currency, thousands apart, and its currency."""
    return f"{round_money(amount, currency):,f} {currency}"


@register.filter
def invoice_total(rated: Rated) -> str:
    """The total of an invoice with its currency; 0 for what costs nothing."""
    return amount_words(rated.total, rated.currency) if rated.currency else "0"


@register.filter
def invoice_difference(row: Preview) -> str:
    """How much more the other version costs, signed; in words where the currencies differ."""
    if row.before.currency and row.before.currency != row.after.currency:
        return gettext("another currency")
    text = money_text(row.difference, row.after.currency) if row.after.currency else f"{row.difference}"
    return f"+{text}" if row.difference > 0 else text


@register.filter
def active(versions: object) -> PlanVersion | None:
    """The active one of a plan's prefetched versions."""
    rows: list[PlanVersion] = list(versions.all())  # type: ignore[attr-defined]
    return next((row for row in rows if row.state == PlanVersion.State.ACTIVE), None)


@register.filter
def limit_label(limit: str) -> str:
    """A limit of a ceiling in words."""
    return str(CeilingForm.Meta.labels.get(limit, limit))
