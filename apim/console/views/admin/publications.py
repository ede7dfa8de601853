"""What was sent to gateways: the history, what each publication changed, going back to one, and following again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext

from apim.catalog.models import APIVersion
from apim.console.differing import told
from apim.console.forms.publications import DecisionForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.replayed import replayed_states
from apim.console.returning import comes_back
from apim.errors import DomainError
from apim.gateways.models import Environment
from gateway_sync.delivery.differences import Change, compare, texts_of
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.pinning import plan_release, plan_rollback, release, roll_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

    from apim.audit.actor import Actor
    from apim.console.gate import ConsoleRequest

CHANGES_SHOWN = 300


@admin_page
def publication_list(request: ConsoleRequest) -> HttpResponse:
    """Every published state, the newest first; of one environment where one is named."""
    environments = list(Environment.objects.visible_to(request.user))
    chosen = next((each for each in environments if each.name == request.GET.get("environment")), None)
    rows = (
        Publication.objects.select_related("environment")
        .defer("manifest", "groups")
        .order_by("-created_at", "-revision")
    )
    if chosen is not None:
        rows = rows.filter(environment=chosen)
    return page(
        request,
        "console/admin/publications.html",
        rows=listing(request, rows),
        environments=environments,
        chosen=chosen,
    )


@admin_page
def publication_page(request: ConsoleRequest, publication_id: str) -> HttpResponse:
    """What a publication changed, who made it necessary and why, and its problems."""
    publication = get_object_or_404(Publication.objects.select_related("environment"), pk=publication_id)
    others = Publication.objects.filter(environment=publication.environment)
    earlier = others.filter(revision__lt=publication.revision).first()
    changes = compare(_texts(earlier), _texts(publication))
    versions = APIVersion.objects.select_related("api").in_bulk(
        {problem.get("where_id", "") for problem in publication.problems}
    )
    return page(
        request,
        "console/admin/publication.html",
        publication=publication,
        earlier=earlier,
        is_last=not others.filter(revision__gt=publication.revision).exists(),
        problems=[(problem, versions.get(problem.get("where_id", ""))) for problem in publication.problems],
        **_shown(changes),
    )


@admin_page
def go_back(request: ConsoleRequest, publication_id: str) -> HttpResponse:
    """Shows what would change, asks why, then takes the environment back to this publication."""
    publication = get_object_or_404(Publication.objects.select_related("environment"), pk=publication_id)
    back = reverse("console:admin-publication", args=[publication.pk])
    try:
        plan = plan_rollback(publication)
    except DomainError as error:
        return confirm(request, _impossible(error, back), _nothing)
    is_last = not Publication.objects.filter(
        environment=publication.environment, revision__gt=publication.revision
    ).exists()
    confirmation = _way_back(publication, back, comes_back(plan.changes), is_last=is_last)
    form = DecisionForm(posted(request), initial={"seen": plan.seen})
    return confirm(
        request,
        confirmation,
        lambda data, by: roll_back(publication=publication, by=by, **data),
        form,
        template="console/admin/decision.html",
        replayed=replayed_states(publication.environment, plan),
        **_shown(plan.changes),
    )


def _way_back(publication: Publication, back: str, old: tuple[str, ...], *, is_last: bool) -> Confirmation:
    """The question of an act that goes back to a publication, or that holds an environment at its newest one.

    Shapes: old says what comes back that was narrowed or taken away since.
    """
    names = {"environment": publication.environment, "revision": publication.revision}
    if is_last:
        title, verb = gettext("Hold %(environment)s at publication %(revision)s?"), gettext("Hold it")
        done = gettext("%(environment)s is held at publication %(revision)s.")
    else:
        title, verb = gettext("Take %(environment)s back to publication %(revision)s?"), gettext("Take it back")
        done = gettext("%(environment)s goes back to publication %(revision)s.")
    return Confirmation(
        title=title % names,
        consequences=(
            *old,
            gettext("Gateways serve it within seconds, under a new and higher revision."),
            gettext("It stays so until you release it: what is saved or published meanwhile waits."),
            gettext("Keys, subscriptions and their limits go on as they are now; so do certificates and issuers."),
            gettext("Versions that are blocked stay blocked."),
        ),
        verb=verb,
        back=back,
        done=done % names,
        onward=_history_of(publication.environment),
    )


@admin_page
def follow_again(request: ConsoleRequest, name: str) -> HttpResponse:
    """Shows what would change, asks why, then lets an environment follow its configuration again."""
    environment = get_object_or_404(Environment.objects.editable_by(request.user), name=name)
    try:
        plan = plan_release(environment)
    except DomainError as error:
        return confirm(request, _impossible(error, _history_of(environment)), _nothing)
    confirmation = Confirmation(
        title=gettext("Release %(environment)s?") % {"environment": environment},
        consequences=(
            gettext("Everything that was saved or published since goes to gateways within seconds."),
            gettext("From then on each change does."),
        ),
        verb=gettext("Release it"),
        back=_history_of(environment),
        done=gettext("%(environment)s follows its configuration again.") % {"environment": environment},
    )
    form = DecisionForm(posted(request), initial={"seen": plan.seen})
    return confirm(
        request,
        confirmation,
        lambda data, by: release(environment=environment, by=by, **data),
        form,
        template="console/admin/decision.html",
        replayed=replayed_states(environment, plan),
        **_shown(plan.changes),
    )


def _impossible(error: DomainError, back: str) -> Confirmation:
    """The page of an act that cannot be: why, and no button."""
    told = tuple(filter(None, (error.message, error.hint)))
    return Confirmation(title=gettext("This cannot be done"), consequences=told, verb="", back=back, done="")


def _nothing(_data: dict[str, Any], _by: Actor) -> None:
    """What a page without a button does."""


def _history_of(environment: Environment) -> str:
    return f"{reverse('console:admin-publications')}?environment={environment.name}"


def _texts(publication: Publication | None) -> dict[str, str]:
    return texts_of(publication.manifest.get("fragments", {})) if publication is not None else {}


def _shown(changes: Sequence[Change]) -> dict[str, object]:
    return {"changes": told(changes[:CHANGES_SHOWN]), "more_changes": max(0, len(changes) - CHANGES_SHOWN)}
