"""What policies in shadow would have done: reads the counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.usage.models import ShadowRollup
from apim.usage.reports import Scope, Span

_WORDS = {
    "refused": gettext_lazy("refused %(calls)s"),
    "answered": gettext_lazy("answered by itself %(calls)s"),
    "changed": gettext_lazy("changed %(calls)s"),
    "failed": gettext_lazy("failed at %(calls)s"),
}


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """What the shadow policies of one kind would have done. Shapes: done maps what to how many calls."""

    tried: int
    done: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """For people."""
        parts = [_WORDS[what] % {"calls": f"{calls:,}"} for what, calls in sorted(self.done.items()) if what in _WORDS]
        if not parts:
            return _("would have let all %(tried)s calls pass as they were") % {"tried": f"{self.tried:,}"}
        did = reduce(lambda first, second: _("%(first)s and %(second)s") % {"first": first, "second": second}, parts)
        return _("would have %(did)s of %(tried)s calls") % {"did": did, "tried": f"{self.tried:,}"}


def shadow_counts(scope: Scope, span: Span) -> dict[str, ShadowCount]:
    """The counts of a span by kind; kinds without a call in shadow are left out."""
    rows = ShadowRollup.objects.between(span.period, span.starts()[0], span.until).filter(scope.filter())
    done: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for kind, what, calls in rows.values_list("kind", "done").annotate(Sum("calls")).order_by("kind", "done"):
        done[kind][what] = calls
    return {kind: ShadowCount(sum(counts.values()), counts) for kind, counts in done.items()}
