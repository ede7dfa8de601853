"""Issuers of tokens: who may say which application calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from apim.access.models import Credential
from apim.accounts.services import actor_of
from apim.catalog.issuers import FIELDS, delete_issuer, save_issuer
from apim.catalog.models import IssuerKeys
from apim.console.forms.issuers import IssuerForm, NewIssuerForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.gateways.models import Issuer
from apim.ui.forms import errors_on
from apim.ui.said import said
from gateway_sync.policies.token_issuers import source_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_CHANGES = tuple(field for field in FIELDS if field != "issuer")


@dataclass(frozen=True, slots=True)
class IssuerRow:
    """An issuer and the state of its keys. Shapes: look is ok, warn or danger."""

    issuer: Issuer
    look: str
    words: str


@admin_page
def issuer_list(request: ConsoleRequest) -> HttpResponse:
    """Every issuer, whether its keys are there, whom it is open to, and how many clients applications have of it."""
    living = Count("clients", filter=Q(clients__state__in=Credential.LIVE), distinct=True)
    found = Issuer.objects.select_related("environment").prefetch_related("organizations")
    rows = listing(request, found.annotate(living=living).order_by("name"))
    sources = {source_of(row.issuer, row.jwks, row.jwks_url) for row in rows}
    fetched = {keys.source: keys for keys in IssuerKeys.objects.filter(source__in=sources)}
    issuers = [_row(row, fetched.get(source_of(row.issuer, row.jwks, row.jwks_url))) for row in rows]
    return page(request, "console/admin/issuers.html", rows=rows, issuers=issuers)


def _row(issuer: Issuer, fetched: IssuerKeys | None) -> IssuerRow:
    if issuer.jwks and not issuer.jwks_url:
        return IssuerRow(issuer, "ok", gettext("as written"))
    if fetched is None:
        return IssuerRow(issuer, "warn", gettext("not fetched yet"))
    if fetched.fault:
        return IssuerRow(issuer, "warn" if fetched.keys else "danger", said(fetched.fault))
    return IssuerRow(issuer, "ok", gettext("fetched"))


@admin_page
def issuer_new(request: ConsoleRequest) -> HttpResponse:
    """A new issuer."""
    form = NewIssuerForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            data = form.cleaned_data
            changes = {name: data[name] for name in FIELDS}
            by = actor_of(request.user)
            issuer = save_issuer(environment=data["environment"], name=data["name"], changes=changes, by=by)
            messages.success(
                request,
                gettext("%(issuer)s is registered. APIs admit its tokens as soon as its keys came.")
                % {"issuer": issuer.issuer},
            )
            return redirect("console:admin-issuers")
    return page(request, "console/admin/issuer.html", form=form, title=gettext("New issuer"))


@admin_page
def issuer_edit(request: ConsoleRequest, issuer_id: str) -> HttpResponse:
    """What is trusted of an issuer."""
    issuer = get_object_or_404(Issuer.objects.select_related("environment"), pk=issuer_id)
    before = {field: getattr(issuer, field) for field in _CHANGES if field != "organizations"}
    form = IssuerForm(posted(request), initial=before | {"organizations": issuer.organizations.all()})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            changes = {field: form.cleaned_data[field] for field in _CHANGES}
            by = actor_of(request.user)
            save_issuer(environment=issuer.environment, name=issuer.name, changes=changes, by=by)
            messages.success(request, gettext("Saved. Gateways apply it within seconds."))
            return redirect("console:admin-issuers")
    return page(request, "console/admin/issuer.html", form=form, title=issuer.name, issuer=issuer)


@admin_page
def issuer_delete(request: ConsoleRequest, issuer_id: str) -> HttpResponse:
    """Asks, then forgets an issuer."""
    issuer = get_object_or_404(Issuer, pk=issuer_id)
    admitted = gettext(
        "APIs go on to admit tokens of %(issuer)s only as calls of their own organization's applications."
    ) % {"issuer": issuer.issuer}
    confirmation = Confirmation(
        title=gettext("Delete the issuer %(issuer)s?") % {"issuer": issuer},
        consequences=(admitted, gettext("While applications have clients of it, it cannot be deleted.")),
        verb=gettext("Delete it"),
        back=reverse("console:admin-issuers"),
        done=gettext("%(issuer)s is deleted.") % {"issuer": issuer},
    )
    return confirm(request, confirmation, lambda _, by: delete_issuer(issuer=issuer, by=by))
