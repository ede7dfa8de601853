"""Tallies: what gateways on trial answered, beside what the others did at the same time, as their records say.

Owns: which records are read, few whatever the traffic. Must not know: what is worse; that is the runtime's `trials`, by
which a gateway compares its own workers too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Q

from apim.catalog.models import APIVersion
from apim.usage.models import UsageRecord
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.runtime.core.trials import Side, compared_calls, find_fault, words_of
from gateway_sync.runtime.spool_format import CLIENT_CLOSED
from gateway_sync.snapshot import api_fragment

RECORDS_AT_MOST: Final = 100_000  # about: where there are more, those of the last part of the time say as much
_APIS_AT_MOST: Final = 200  # of which it is looked up what of them is deployed
_SERVER_ERROR: Final = 500
_FAILED: Final = ~Q(code__in=("", CLIENT_CLOSED)) | Q(status__gte=_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What records say. Shapes: fault "" = nothing is worse; is_enough = half of the calls or more were compared."""

    fault: str = ""
    is_enough: bool = False


def compare(
    publication: Publication,
    before: Publication | None,
    trying: Collection[str],
    *,
    now: datetime,
    counted: tuple[int, int],
) -> Comparison:
    """How the gateways that try a publication do. Shapes: counted = calls of theirs and of the others meanwhile."""
    part = min(1.0, RECORDS_AT_MOST / max(1, sum(counted)))
    mine, beside = _sides(publication, trying, now - (now - publication.created_at) * part)
    compared = compared_calls(mine, beside)
    is_enough = bool(compared) and compared * 2 >= counted[0] * part
    changed = _changed_versions(publication, before)
    if changed is not None:
        mine, beside = _only(mine, changed), _only(beside, changed)
    fault = find_fault(mine, beside, 1.0)
    if fault is None:
        return Comparison("", is_enough)
    words = words_of(fault, _names(fault.version), "the gateways on trial", "the others")
    return Comparison(words, is_enough)


def _sides(publication: Publication, trying: Collection[str], since: datetime) -> tuple[Side, Side]:
    rows = UsageRecord.objects.filter(environment_id=publication.environment_id, at__gte=since).exclude(status=0)
    kinds = rows.order_by().values_list("gateway_id", "version_id", "application_id")
    counted = kinds.annotate(calls=Count("id"), failed=Count("id", filter=_FAILED))
    mine, beside = Side(), Side()
    for gateway_id, version, application, calls, failed in counted:
        side = mine if gateway_id in trying else beside
        side.count((version, application), failed, is_failed=True)
        side.count((version, application), calls - failed, is_failed=False)
    return mine, beside


def _only(side: Side, versions: Collection[str]) -> Side:
    return Side({kind: tally for kind, tally in side.known.items() if kind[0] in versions})


def _changed_versions(publication: Publication, before: Publication | None) -> frozenset[str] | None:
    """The ids of versions whose APIs differ from those before; None when something differs that all depend on."""
    after = publication.manifest["fragments"]
    earlier = before.manifest["fragments"] if before is not None else {}
    differing = {name for name in after.keys() | earlier.keys() if after.get(name) != earlier.get(name)}
    if len(differing) > _APIS_AT_MOST or any(not name.startswith(api_fragment("")) for name in differing):
        return None
    digests = [after[name] for name in differing if name in after]
    bodies = Fragment.objects.filter(digest__in=digests).values_list("body", flat=True)
    return frozenset(version["id"] for body in bodies for version in json.loads(body)["versions"])


def _names(version: str) -> dict[str, tuple[str, str]]:
    """The API and version of an id, which may be gone."""
    rows = APIVersion.objects.filter(pk=version).values_list("pk", "api__name", "name")
    return {pk: (api, name) for pk, api, name in rows}
