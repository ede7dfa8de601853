"""Which keys made an application's calls, and what each gateway answered: read from sums of hours and days."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class GatewayUsage:
    """Calls to one gateway. Shapes: refused are its own 4xx; errors are all answers of 500 and above."""

    calls: int = 0
    refused: int = 0
    errors: int = 0


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


def gateways_since(gateway_ids: Collection[str], since: datetime) -> dict[str, GatewayUsage]:
    """What gateways counted since the beginning of the hour of since, by id; who counted nothing is left out.

    One query.
    """
    rows = SideRollup.objects.filter(
        side=SideRollup.GATEWAY, identifier__in=gateway_ids, period="hour", at__gte=start_of("hour", since)
    )
    sums = (
        rows.order_by()
        .values_list("identifier")
        .annotate(Sum("calls"), Sum("refused"), Sum("failed"), Sum("unreached"))
    )
    return {
        identifier: GatewayUsage(calls, refused, failed + unreached)
        for identifier, calls, refused, failed, unreached in sums
    }
