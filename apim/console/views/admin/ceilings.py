"""The most that plans may grant: for an environment, and for one organization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from apim.access.commitments import Commitment, commitments
from apim.accounts.models import Organization
from apim.accounts.services import actor_of
from apim.catalog.models import API
from apim.catalog.namesakes import told_apart
from apim.console.forms.ceilings import CeilingForm
from apim.console.gate import admin_page
from apim.console.pages import listing, page, posted
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.products.models import Ceiling
from apim.products.services import effective_ceiling, set_ceiling
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.utils.functional import _StrPromise

    from apim.console.gate import ConsoleRequest

_MOST_APIS = 500


@dataclass(frozen=True, slots=True)
class CeilingRow:
    """A scope. Shapes: limits are (label, value, the kind of scope it comes from)."""

    label: str
    kind: str
    url: str
    limits: Sequence[tuple[str | _StrPromise, int | None, str]]


@admin_page
def ceiling_list(request: ConsoleRequest) -> HttpResponse:
    """What holds for whom: the default environment, then each organization with what it inherits."""
    environment = default_environment()
    rows = listing(request, Organization.objects.select_related("ceiling").order_by("name"))
    inherited = Ceiling.objects.filter(environment=environment).first()
    ceilings = [_row(environment, inherited, None)]
    ceilings += [_row(row, getattr(row, "ceiling", None), inherited) for row in rows]
    return page(
        request,
        "console/admin/ceilings.html",
        rows=rows,
        rows_of_ceilings=ceilings,
        commitments=_measured(),
    )


def _measured() -> list[Commitment]:
    """The APIs of which somebody said what their services bear, those with the most promised first."""
    apis = API.objects.filter(capacity__isnull=False, archived_at=None).order_by("name")
    found = commitments(told_apart(apis[:_MOST_APIS]))
    return sorted(found, key=lambda each: (not each.is_over, -each.percent))


def _row(scope: Environment | Organization, own: Ceiling | None, inherited: Ceiling | None) -> CeilingRow:
    kind = "environment" if isinstance(scope, Environment) else "organization"
    return CeilingRow(
        str(scope),
        kind,
        reverse(f"console:admin-ceiling-{kind}", args=[scope.name]),
        [(label, *_value(name, kind, own, inherited)) for name, label in CeilingForm.Meta.labels.items()],
    )


def _value(name: str, kind: str, own: Ceiling | None, inherited: Ceiling | None) -> tuple[int | None, str]:
    value = getattr(own, name, None)
    return (getattr(inherited, name, None), "environment") if value is None else (value, kind)


@admin_page
def ceiling_environment(request: ConsoleRequest, name: str) -> HttpResponse:
    """The ceilings and defaults of an environment."""
    environment = get_object_or_404(Environment, name=name)
    form = CeilingForm(posted(request), instance=_copy_of(Ceiling.objects.filter(environment=environment).first()))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            set_ceiling(environment=environment, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, gettext("Saved. It holds for plans saved from now on."))
            return redirect("console:admin-ceilings")
    return page(request, "console/admin/ceiling.html", scope=environment, form=form)


@admin_page
def ceiling_organization(request: ConsoleRequest, name: str) -> HttpResponse:
    """The ceilings and defaults of an organization; what is empty comes from the environment."""
    organization = get_object_or_404(Organization, name=name)
    form = CeilingForm(posted(request), instance=_copy_of(Ceiling.objects.filter(organization=organization).first()))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            set_ceiling(organization=organization, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, gettext("Saved. It holds for plans saved from now on."))
            return redirect("console:admin-ceilings")
    return page(
        request,
        "console/admin/ceiling.html",
        scope=organization,
        form=form,
        effective=[
            (CeilingForm.Meta.labels.get(limit, limit), value, source)
            for limit, (value, source) in effective_ceiling(
                organization=organization, environment=default_environment()
            ).items()
        ],
    )


def _copy_of(ceiling: Ceiling | None) -> Ceiling:
    """A row for the form alone: a ModelForm writes into its instance before the service can compare."""
    fields = CeilingForm.Meta.fields
    return Ceiling(**{name: getattr(ceiling, name) for name in fields} if ceiling else {})
