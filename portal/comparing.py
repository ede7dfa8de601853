"""Two plans side by side: what each costs, includes and limits, in words."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext, gettext_lazy

from apim.listing import clauses
from apim.pricing.closing import has_true_ups
from apim.pricing.parts import Setup
from apim.ui.prices import a_period, headline, sentences
from apim.ui.templatetags.formats import count
from portal.words import quota_in_words, rate_in_words

if TYPE_CHECKING:
    from apim.products.models import PlanVersion


_NOTHING = gettext_lazy("none")


class Row(NamedTuple):
    """One thing of both plans. Shapes: now and then in words."""

    name: str
    now: str
    then: str

    @property
    def is_changed(self) -> bool:
        """True when it is not the same."""
        return self.now != self.then


def comparison_of(now: PlanVersion, then: PlanVersion) -> list[Row]:
    """Price, what is included and capped of each meter, quotas, rate, and what else each charges for."""
    meters = dict.fromkeys(
        [*(limit.meter for limit in now.terms.limits), *(limit.meter for limit in then.terms.limits)]
    )
    rows = [Row(gettext("Price"), headline(now.terms), headline(then.terms))]
    rows += [
        Row(gettext("Included %(meter)s") % {"meter": meter}, _included(now, meter), _included(then, meter))
        for meter in meters
    ]
    rows += [
        Row(gettext("Quota"), _quotas(now), _quotas(then)),
        Row(gettext("Rate"), rate_in_words(now.rate), rate_in_words(then.rate)),
    ]
    rows.append(Row(gettext("Usage"), _usage(now), _usage(then)))
    return [row for row in rows if {row.now, row.then} != {str(_NOTHING)}]


def notes_on_change(now: PlanVersion, then: PlanVersion, *, is_at_once: bool) -> list[str]:
    """What a change of plan does not charge, or charges whole, in sentences: what one might else expect otherwise."""
    before, after = now.terms, then.terms
    notes = []
    if any(isinstance(part, Setup) for part in after.prices):
        notes.append(gettext("What %(plan)s asks for once, at the beginning, is not charged on a change of plan."))
    if is_at_once and has_true_ups(before):
        notes.append(
            gettext("No minimum, maximum or amount in arrears of the plan in force is charged for its begun period.")
        )
    if is_at_once and has_true_ups(after):
        notes.append(
            gettext("Those of %(plan)s hold for the whole of the period in which it begins, at the period's end.")
        )
    return [note % {"plan": then.plan} for note in notes]


def _included(version: PlanVersion, meter: str) -> str:
    limit = version.terms.limit_of(meter)
    if limit is None:
        return str(_NOTHING)
    words = a_period(count(limit.included), version.terms.interval) if limit.included else str(_NOTHING)
    if limit.on_exceed == "block" and limit.included:
        return gettext("%(included)s, blocked above") % {"included": words}
    if limit.hard_cap is None:
        return words
    return gettext("%(included)s, %(most)s at most") % {"included": words, "most": count(limit.hard_cap)}


def _quotas(version: PlanVersion) -> str:
    return clauses(map(quota_in_words, version.quotas)) or str(_NOTHING)


def _usage(version: PlanVersion) -> str:
    """What is charged by usage, in words."""
    terms = replace(version.terms, trial=None, minimum_spend=Decimal(0), maximum_spend=None, limits=())
    metered = replace(terms, prices=tuple(part for part in terms.prices if hasattr(part, "meter")))
    return clauses(sentences(metered)) or str(_NOTHING)
