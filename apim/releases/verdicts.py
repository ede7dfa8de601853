"""Verdicts: what a publication does to those who really call what runs now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apim.catalog.comparisons import Comparisons
from apim.catalog.judging import operations_at_stake
from apim.catalog.models import APIVersion, Revision
from apim.errors import Conflict
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.openapi.differing import Change, Comparison
from apim.usage.callers import Anonymous, Caller, anonymous_of, callers_of
from apim.usage.reports import last

EVIDENCE_SPAN: Final = timedelta(days=30)
LISTED_AT_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """What changes for callers when revision takes the place of what runs, and who called what breaks.

    Shapes: running is None where nothing runs, and then nothing can break; anonymous are calls without a known key.
    """

    running: Revision | None
    revision: Revision
    comparison: Comparison
    callers: tuple[Caller, ...]
    anonymous: Anonymous | None = None

    @property
    def breaking(self) -> tuple[Change, ...]:
        """What breaks whoever calls it."""
        return self.comparison.breaking

    @property
    def is_barred(self) -> bool:
        """True when it needs a waiver: somebody calls what breaks, or not all could be compared."""
        return bool(self.callers or self.anonymous or self.comparison.skipped)

    @property
    def evidence(self) -> dict[str, object]:
        """The changes and the applications that really call, for programs and for the audit log."""
        return {
            "changes": [
                {"kind": change.kind, "message": change.message, "operations": list(change.operations)}
                for change in self.breaking[:LISTED_AT_MOST]
            ],
            "skipped": list(self.comparison.skipped),
            "applications": [
                {
                    "application_id": caller.application.pk,
                    "application": caller.application.name,
                    "organization": caller.application.organization.name,
                    "operations": list(caller.operations),
                    "calls": caller.calls,
                    "last_call_at": caller.last_call_at.isoformat(),
                }
                for caller in self.callers[:LISTED_AT_MOST]
            ],
            "anonymous": {
                "operations": list(self.anonymous.operations),
                "calls": self.anonymous.calls,
                "last_call_at": self.anonymous.last_call_at.isoformat(),
            }
            if self.anonymous is not None
            else None,
        }

    def refusal(self) -> Conflict:
        """The error for a publication that is barred and not waived."""
        count = len(self.callers)
        told = ngettext(
            "Revision %(number)s of %(version)s breaks %(count)s application that calls it.",
            "Revision %(number)s of %(version)s breaks %(count)s applications that call it.",
            count,
        )
        if not count and self.anonymous is not None:
            told = ngettext(
                "Revision %(number)s of %(version)s breaks %(calls)s call without a known key in 30 days.",
                "Revision %(number)s of %(version)s breaks %(calls)s calls without a known key in 30 days.",
                self.anonymous.calls,
            )
        elif not count:
            told = _("Revision %(number)s of %(version)s could not be compared whole: it may break callers.")
        words = {"number": self.revision.number, "version": self.revision.version, "count": count}
        return Conflict(
            "releases.breaks_callers",
            told % {**words, "calls": self.anonymous.calls if self.anonymous else 0},
            hint=_("Make a new version and deprecate this one, or say why it is right in `waiver`."),
            evidence=self.evidence,
        )


def judge(comparisons: Comparisons, *, version: APIVersion, revision: Revision, environment: Environment) -> Verdict:
    """The verdict on publishing revision, as things are now. Four queries."""
    deployment = version.deployments.filter(environment=environment).select_related("revision").first()
    running = deployment.revision if deployment else None
    if running is None:
        return Verdict(None, revision, Comparison(()), ())
    comparison = comparisons.of(running, revision)
    operations = operations_at_stake(comparison, running)
    if not operations:
        return Verdict(running, revision, comparison, ())
    span = last(EVIDENCE_SPAN)
    callers = callers_of(version.pk, operations, span)
    return Verdict(running, revision, comparison, tuple(callers), anonymous_of(version.pk, operations, span))


def verdict_on(*, version: APIVersion, revision: Revision, environment: Environment | None = None) -> Verdict:
    """The verdict with its documents compared here and now. Outside of any transaction: that may take seconds."""
    environment = environment or default_environment()
    comparisons = Comparisons()
    verdict = judge(comparisons, version=version, revision=revision, environment=environment)
    if comparisons.is_complete:
        return verdict
    comparisons.make()
    return judge(comparisons, version=version, revision=revision, environment=environment)
