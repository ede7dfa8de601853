"""Contracts judged and compared: the lint page of a version, and two versions or revisions side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from apim.catalog.judging import compare_for_callers, lint_revision
from apim.catalog.models import Revision
from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.console.scope import can_edit, find_api, find_place
from apim.openapi.linting import RULES, SEVERITIES

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import API
    from apim.console.gate import ConsoleRequest
    from apim.openapi.linting import Finding, Report, Rule

LINES_A_RULE: Final = 20
CHANGES_A_PAGE: Final = 200
CHOICES_AT_MOST: Final = 200
_EXCERPT_AT_MOST: Final = 120


@dataclass(frozen=True, slots=True)
class Group:
    """What one rule has found. Shapes: lines = the first findings with their lines' text; left = those not shown."""

    rule: Rule
    lines: tuple[tuple[Finding, str], ...]
    left: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A revision that can be compared. Shapes: value is `v1:3`, as in the URL."""

    version: str
    number: int
    is_running: bool

    @property
    def value(self) -> str:
        """How the URL names it."""
        return f"{self.version}:{self.number}"

    @property
    def label(self) -> str:
        """How people name it."""
        return f"{self.version}, revision {self.number}{' (runs)' if self.is_running else ''}"


@publisher_page
def version_lint(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """What in the newest revision's document could be better, by rule; ?severity= and ?rule= narrow it."""
    place = find_place(request.user, api, version)
    revision = place.version.revisions.first()
    report = lint_revision(revision) if revision else None
    severity, rule = request.GET.get("severity", ""), request.GET.get("rule", "")
    groups = _groups(report, revision.document, severity, rule) if revision and report else []
    return page(
        request,
        "console/versions/lint.html",
        api=place.api,
        version=place.version,
        can_edit=place.can_edit,
        revision=revision,
        report=report,
        groups=groups,
        severities=SEVERITIES,
        severity=severity if severity in SEVERITIES else "",
        rule=rule,
    )


@publisher_page
def api_compare(request: ConsoleRequest, name: str) -> HttpResponse:
    """What callers notice from one version or revision to another; ?from=v1:3&to=v2:1, ?only=breaking."""
    api = find_api(request.user, name)
    choices = _choices(api)
    values = [choice.value for choice in choices]
    after = request.GET.get("to") or (values[0] if values else "")
    before = request.GET.get("from") or next((value for value in values if value != after), after)
    pair = _chosen(api, before, after)
    comparison = compare_for_callers(*pair) if pair else None
    is_narrowed = request.GET.get("only") == "breaking"
    changes = (comparison.breaking if is_narrowed else comparison.changes) if comparison else ()
    return page(
        request,
        "console/apis/compare.html",
        api=api,
        can_edit=can_edit(request.user, api),
        choices=choices,
        before=before,
        after=after,
        pair=pair,
        comparison=comparison,
        is_narrowed=is_narrowed,
        changes=changes[:CHANGES_A_PAGE],
        left_out=max(0, len(changes) - CHANGES_A_PAGE) + (comparison.left_out if comparison else 0),
    )


def _groups(report: Report, document: str, severity: str, rule: str) -> list[Group]:
    lines = document.splitlines()
    groups = []
    for one in RULES:
        found = [
            finding
            for finding in report.findings
            if finding.rule == one.id and severity in {"", finding.severity} and rule in {"", one.id}
        ]
        if found:
            shown = found if rule else found[:LINES_A_RULE]
            told = tuple((finding, _excerpt(lines, finding.line)) for finding in shown)
            groups.append(Group(one, told, len(found) - len(shown)))
    return sorted(groups, key=lambda group: SEVERITIES.index(group.lines[0][0].severity))


def _excerpt(lines: list[str], number: int) -> str:
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return text if len(text) <= _EXCERPT_AT_MOST else f"{text[:_EXCERPT_AT_MOST]}…"


def _choices(api: API) -> list[Choice]:
    """The revisions of all versions, the newest first."""
    rows = Revision.objects.filter(version__api=api).order_by("-created_at", "-number")
    named = rows.values_list("version__name", "number", "deployments__id")[:CHOICES_AT_MOST]
    found = {(version, number): bool(deployment) for version, number, deployment in named}
    return [Choice(version, number, is_running) for (version, number), is_running in found.items()]


def _chosen(api: API, before: str, after: str) -> tuple[Revision, Revision] | None:
    """The two revisions; None when one of them does not exist."""
    wanted = []
    for value in (before, after):
        version, _, number = value.rpartition(":")
        if not (number.isascii() and number.isdigit()):
            return None
        wanted.append((version, int(number)))
    rows = Revision.objects.filter(
        version__api=api, version__name__in=[name for name, _ in wanted], number__in=[number for _, number in wanted]
    ).select_related("version")
    found = {(row.version.name, row.number): row for row in rows}
    return (found[wanted[0]], found[wanted[1]]) if set(wanted) <= found.keys() else None
