"""Handing an application over: offered here, looked at and answered by the other side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apim.access.arrivals import luggage_of
from apim.access.models import Application, ApplicationTransfer
from apim.access.services import accept_transfer, offer_application, refuse_transfer, withdraw_transfer
from apim.accounts.models import Organization
from apim.accounts.permissions import speaks_for, steward_ids
from apim.accounts.services import actor_of, register_developer
from apim.errors import Conflict
from apim.ui.forms import errors_on, errors_told
from apim.usage import reports
from portal.forms.transfers import AcceptForm, OfferForm
from portal.luggage import lines_for_giver, lines_for_taker
from portal.rendering import page, posted
from portal.tenancy import SESSION_KEY, PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_SPAN = timedelta(days=30)


@require_http_methods(["GET", "POST"])
@my_page
def offer(request: PortalRequest, application_id: str) -> HttpResponse:
    """Offers an application, after saying what goes along; or shows the offer that is open."""
    applications = Application.objects.visible_to(request.user).select_related("organization")
    application = get_object_or_404(applications, id=application_id)
    if not speaks_for(request.user, application.organization_id):
        raise PermissionDenied(_("Owners of the organization hand its applications over."))
    form = OfferForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            transfer = offer_application(
                application=application, by=actor_of(request.user), offerer=request.user, **form.cleaned_data
            )
            text = _("If %(to)s is an organization or a person here, they are told. The offer is good for 7 days.")
            messages.success(request, text % {"to": transfer.addressed})
            return redirect("portal:transfer_offer", application.id)
    luggage = luggage_of(application, None)
    context = {
        "section": "apps",
        "trail": [
            (_("My apps"), reverse("portal:applications")),
            (application.display_name, reverse("portal:application", args=[application.id])),
            (_("Hand over"), ""),
        ],
        "application": application,
        "open_offer": application.transfers.open(timezone.now()).first(),
        "luggage": luggage,
        "lines": lines_for_giver(luggage.arrivals),
        "form": form,
    }
    return page(request, "portal/transfer_offer.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def show_transfer(request: PortalRequest, transfer_id: str) -> HttpResponse:
    """What somebody offers, what comes along and what it costs; accepting it."""
    transfer = _transfer(request, transfer_id)
    may_answer = ApplicationTransfer.objects.answerable_by(request.user).filter(pk=transfer.pk).exists()
    if not ApplicationTransfer.objects.open(timezone.now()).filter(pk=transfer.pk).exists():
        return page(request, "portal/transfer_over.html", {"section": "apps", "transfer": transfer})
    if not may_answer and request.method == "POST":
        raise PermissionDenied(_("The offer is for somebody else."))
    choices = _choices(request, transfer) if may_answer else []
    organization = _chosen(request, choices)
    luggage = luggage_of(transfer.application, organization)
    form = AcceptForm(posted(request), organization=organization, agreed=luggage.digest)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            return _accept(request, transfer, organization, form)
        form.show(luggage.digest)
    month = reports.last(_SPAN)
    context = {
        "section": "apps",
        "trail": [(_("My apps"), reverse("portal:applications")), (transfer.application.display_name, "")],
        "transfer": transfer,
        "may_answer": may_answer,
        "choices": choices,
        "organization": organization,
        "luggage": luggage,
        "lines": lines_for_taker(luggage.arrivals),
        "calls": reports.totals(reports.Scope(application_ids=[transfer.application_id]), month).calls,
        "form": form,
    }
    return page(request, "portal/transfer.html", context)


def _accept(
    request: PortalRequest, transfer: ApplicationTransfer, organization: Organization | None, form: AcceptForm
) -> HttpResponse:
    """Goes to the application where it is now; new keys are in this very answer and nowhere else."""
    if organization is None and request.tenancy.memberships:
        raise Conflict(
            "access.transfer_no_organization",
            _("You speak for no organization that could take it."),
            hint=_("Ask an owner of yours to have it offered to the organization's name."),
        )
    organization = organization or register_developer(request.user)
    moved = accept_transfer(
        transfer=transfer,
        organization=organization,
        user=request.user,
        by=actor_of(request.user),
        agreed=form.cleaned_data["agreed"],
        overlap_s=form.overlap_s(),
    )
    request.session[SESSION_KEY] = organization.pk
    if moved.issued:
        context = {"section": "apps", "application": moved.application, "issued": moved.issued}
        return page(request, "portal/transfer_keys.html", context)
    words = {"application": moved.application, "organization": organization}
    messages.success(request, _("%(application)s belongs to %(organization)s now.") % words)
    return redirect("portal:application", moved.application.pk)


@require_POST
@my_page
def refuse(request: PortalRequest, transfer_id: str) -> HttpResponse:
    """Says no: nothing moves."""
    transfer = get_object_or_404(ApplicationTransfer.objects.answerable_by(request.user), id=transfer_id)
    with errors_told(request):
        refuse_transfer(transfer=transfer, by=actor_of(request.user))
        messages.success(request, _("The offer is refused; the other side is told."))
    return redirect("portal:home")


@require_POST
@my_page
def withdraw(request: PortalRequest, transfer_id: str) -> HttpResponse:
    """Takes an offer back."""
    transfer = get_object_or_404(ApplicationTransfer.objects.withdrawable_by(request.user), id=transfer_id)
    with errors_told(request):
        withdraw_transfer(transfer=transfer, by=actor_of(request.user))
        messages.success(request, _("The offer is taken back."))
    return redirect("portal:application", transfer.application_id)


def _transfer(request: PortalRequest, transfer_id: str) -> ApplicationTransfer:
    rows = ApplicationTransfer.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("application__organization", "source", "recipient"), id=transfer_id)


def _choices(request: PortalRequest, transfer: ApplicationTransfer) -> list[Organization]:
    """The organizations that may take it: the one it was offered to, else all that the person speaks for."""
    found = Organization.objects.filter(id__in=steward_ids(request.user)).exclude(id=transfer.source_id)
    if transfer.recipient_id:
        found = found.filter(id=transfer.recipient_id)
    return list(found)


def _chosen(request: PortalRequest, choices: list[Organization]) -> Organization | None:
    """The one that the form or the address names, else the one acted for, else the first."""
    wanted = request.POST.get("organization") or request.GET.get("organization") or ""
    current = request.tenancy.organization
    by_id = {each.pk: each for each in choices}
    if wanted and wanted not in by_id:
        raise Http404
    return by_id.get(wanted) or by_id.get(current.pk if current else "") or next(iter(choices), None)
