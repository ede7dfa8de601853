"""Which keys made an application's calls: read from the sums by credential, which have hours and days."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Sum

from apim.access.models import Credential
from apim.usage.models import SideRollup
from apim.usage.periods import start_of
from apim.usage.reports import Span


@dataclass(frozen=True, slots=True)
class CredentialUsage:
    """Calls of one key. Shapes: refused are the gateway's own 4xx; errors are all answers of 500 and above."""

    credential: Credential
    calls: int
    refused: int
    errors: int


def credentials_of(application_id: str, span: Span) -> list[CredentialUsage]:
    """The keys of the application that called in the span, the busiest first; hours at its edges count in full.

    Two queries.
    """
    known = {row.pk: row for row in Credential.objects.filter(application=application_id)}
    period = "day" if span.period == "day" else "hour"
    rows = SideRollup.objects.between(period, start_of(period, span.since), span.until)
    sums = (
        rows.filter(side=SideRollup.CREDENTIAL, identifier__in=known)
        .order_by()
        .values_list("identifier")
        .annotate(Sum("calls"), Sum("refused"), Sum("failed"), Sum("unreached"))
    )
    found = [
        CredentialUsage(known[identifier], calls, refused, failed + unreached)
        for identifier, calls, refused, failed, unreached in sums
        if calls
    ]
    return sorted(found, key=lambda each: (-each.calls, each.credential.pk))
