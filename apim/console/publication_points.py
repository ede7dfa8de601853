"""The checklist before a publication: what is in order, what might be better, what stands against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apim.accounts.models import Membership
from apim.catalog.judging import lint_revision
from apim.catalog.models import APIVersion
from apim.listing import enumerated
from apim.products.models import PlanVersion, Product

if TYPE_CHECKING:
    from apim.catalog.models import Revision
    from apim.releases import Verdict

State = Literal["ok", "advice", "asked", "blocked"]


@dataclass(frozen=True, slots=True)
class Point:
    """One point. Shapes: state asked = a reason is asked for below; url leads to the field that mends it."""

    title: str
    state: State
    text: str
    url: str = ""
    label: str = ""


def checklist_of(version: APIVersion, revision: Revision | None, verdict: Verdict | None) -> list[Point]:
    """The points, in the order in which an owner works. A fixed number of queries."""
    return [
        _contract(version, revision),
        _upstream(version, revision),
        _lint(version, revision),
        _breaking(verdict),
        _documentation(version),
        _owner(version),
        _plan(version),
        _approval(version),
    ]


def _url(version: APIVersion, page: str) -> str:
    return reverse(f"console:{page}", args=[version.api.name, version.name])


def _contract(version: APIVersion, revision: Revision | None) -> Point:
    title = _("Contract")
    if revision is None or not (revision.operations or revision.passthrough):
        text = _("There is no operation: nothing could be called.")
        return Point(title, "blocked", text, _url(version, "version-import"), _("Import a document"))
    if revision.passthrough:
        return Point(title, "ok", _("Everything below %(prefix)s is passed through.") % revision.passthrough)
    count = len(revision.operations)
    told = ngettext("%(count)s operation.", "%(count)s operations.", count) % {"count": count}
    errors = sum(problem["severity"] == "error" for problem in revision.problems)
    if not errors:
        return Point(title, "ok", told)
    left = ngettext("%(count)s part of the document could not be taken.",
                    "%(count)s parts of the document could not be taken.", errors) % {"count": errors}  # fmt: skip
    return Point(title, "advice", f"{told} {left}", _url(version, "version-review"), _("See what is missing"))


def _upstream(version: APIVersion, revision: Revision | None) -> Point:
    title, targets = _("Upstream"), (revision.upstream if revision else {}).get("targets", [])
    if not targets:
        text = _("It is not said where requests go.")
        return Point(title, "blocked", text, _url(version, "version-upstream"), _("Name the service"))
    return Point(title, "ok", enumerated(target["url"] for target in targets[:3]))


def _lint(version: APIVersion, revision: Revision | None) -> Point:
    title = _("Lint")
    report = lint_revision(revision) if revision else None
    if report is None:
        return Point(title, "ok", _("There is no document to judge."))
    told = _("%(score)s of 100.") % {"score": report.score}
    errors = report.counts["error"]
    if not errors:
        return Point(title, "ok", told, _url(version, "version-lint"), _("Findings"))
    found = ngettext("%(count)s error.", "%(count)s errors.", errors) % {"count": errors}
    return Point(title, "advice", f"{told} {found}", _url(version, "version-lint"), _("See the lines"))


def _breaking(verdict: Verdict | None) -> Point:
    title = _("Breaking changes")
    if verdict is None or verdict.running is None:
        return Point(title, "ok", _("Nothing runs yet, so nobody can be broken."))
    if verdict.is_barred:
        text = _("Somebody calls what breaks, or not all could be compared: say below why it is right.")
        return Point(title, "asked", text, "#id_reason", _("Say why"))
    count = len(verdict.breaking)
    if count:
        told = ngettext("%(count)s change breaks callers; nobody called it in 30 days.",
                        "%(count)s changes break callers; nobody called them in 30 days.", count)  # fmt: skip
        return Point(title, "advice", told % {"count": count})
    return Point(title, "ok", _("None against what runs."))


def _documentation(version: APIVersion) -> Point:
    title = _("Documentation")
    if version.documentation or version.api.description:
        return Point(title, "ok", _("Developers read what it is for."))
    text = _("Nothing says what it is for: the portal shows the reference alone.")
    return Point(title, "advice", text, _url(version, "version-documentation"), _("Write a few words"))


def _owner(version: APIVersion) -> Point:
    api = version.api
    owners = Membership.objects.filter(organization=api.organization_id, role=Membership.Role.OWNER)
    count = owners.count()
    url = reverse("console:api-settings", args=[api.name])
    if not count:
        text = _("%(organization)s has no owner who would be asked.") % {"organization": api.organization}
        return Point(_("Owner"), "advice", text, url, _("Settings of the API"))
    told = ngettext("%(organization)s, %(count)s owner.", "%(organization)s, %(count)s owners.", count)
    return Point(_("Owner"), "ok", told % {"organization": api.organization, "count": count})


def _plan(version: APIVersion) -> Point:
    title, url = _("Product and plan"), _url(version, "version-offer")
    products = Product.objects.filter(items__version=version, archived_at=None)
    offered = products.filter(plans__archived_at=None, plans__versions__state=PlanVersion.State.ACTIVE).distinct()
    names = list(offered.values_list("display_name", flat=True)[:3])
    if names:
        return Point(title, "ok", _("Offered by %(products)s.") % {"products": enumerated(names)})
    if products.exists():
        text = _("Its product has no plan, so nobody can subscribe.")
        return Point(title, "advice", text, url, _("Choose a plan"))
    return Point(title, "advice", _("No product holds it, so no key opens it."), url, _("Offer it"))


def _approval(version: APIVersion) -> Point:
    title = _("Approval")
    if version.state == APIVersion.State.REVIEW:
        return Point(title, "ok", _("In review: publishing it is the approval."))
    if version.state == APIVersion.State.DRAFT:
        text = _("Not asked for. Somebody else may have a look first.")
        return Point(title, "ok", text, _url(version, "version-submit"), _("Submit for review"))
    return Point(title, "ok", _("Published before."))
