"""Certificates and host names: what gateways are called, and what they show to callers and services."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.accounts.services import actor_of
from apim.console.forms.certificates import ChainForm, HostForm, NewCertificateForm, NewHostForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.errors import Conflict
from apim.gateways.acme.orders import order_now
from apim.gateways.certificates import WARNED_DAYS, delete_certificate, save_certificate, uncovered_without
from apim.gateways.chains import covers
from apim.gateways.hosts import FIELDS, delete_host, save_host
from apim.gateways.models import Certificate, CertificateOrder, Host
from apim.listing import enumerated
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.audit.actor import Actor
    from apim.console.gate import ConsoleRequest

_SOON, _LATER = (timedelta(days=days) for days in WARNED_DAYS)


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate and how long it still serves. Shapes: look is ok, warn or danger."""

    certificate: Certificate
    look: str
    words: str


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host and the certificates that cover it."""

    host: Host
    certificates: Sequence[str]


@admin_page
def certificate_list(request: ConsoleRequest) -> HttpResponse:
    """Every certificate with its hosts and its end."""
    rows = listing(request, Certificate.objects.select_related("environment", "organization").defer("key_sealed"))
    now = timezone.now()
    return page(request, "console/admin/certificates.html", rows=rows, certificates=[_row(row, now) for row in rows])


def _row(certificate: Certificate, now: datetime) -> CertificateRow:
    left = certificate.not_after - now
    if left <= timedelta():
        return CertificateRow(certificate, "danger", gettext("Expired"))
    words = ngettext("%(days)d day left", "%(days)d days left", left.days) % {"days": left.days}
    return CertificateRow(certificate, "danger" if left <= _SOON else "warn" if left <= _LATER else "ok", words)


@admin_page
def certificate_new(request: ConsoleRequest) -> HttpResponse:
    """A certificate under a new name."""
    form = NewCertificateForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            certificate = save_certificate(**form.cleaned_data, by=actor_of(request.user))
            messages.success(
                request,
                gettext("%(certificate)s is kept. Gateways have it within seconds.") % {"certificate": certificate},
            )
            return redirect("console:admin-certificates")
    return page(
        request,
        "console/admin/certificate_form.html",
        form=form,
        title=gettext("New certificate"),
        verb=gettext("Keep it"),
    )


@admin_page
def certificate_replace(request: ConsoleRequest, certificate_id: str) -> HttpResponse:
    """Another chain and key in place of the ones there are."""
    certificate = get_object_or_404(
        Certificate.objects.select_related("environment", "organization"), pk=certificate_id
    )
    form = ChainForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            save_certificate(
                environment=certificate.environment,
                name=certificate.name,
                organization=certificate.organization,
                by=actor_of(request.user),
                **form.cleaned_data,
            )
            messages.success(
                request, gettext("Replaced. Who connects from now on is shown the new one; no connection is cut.")
            )
            return redirect("console:admin-certificates")
    return page(
        request,
        "console/admin/certificate_form.html",
        form=form,
        title=gettext("Replace %(certificate)s") % {"certificate": certificate},
        verb=gettext("Replace it"),
    )


@admin_page
def certificate_delete(request: ConsoleRequest, certificate_id: str) -> HttpResponse:
    """Asks, then forgets a certificate and its key."""
    certificate = get_object_or_404(Certificate, pk=certificate_id)
    uncovered = uncovered_without(certificate)
    if certificate.organization_id:
        consequence = gettext(
            "Versions whose upstream names it keep their last good state until they name another one."
        )
    elif uncovered:
        consequence = gettext("No other certificate covers %(uncovered)s: its callers by HTTPS are refused.") % {
            "uncovered": enumerated(uncovered)
        }
    else:
        consequence = gettext("Callers are shown another certificate, or refused where none covers the host.")
    confirmation = Confirmation(
        title=gettext("Delete the certificate %(certificate)s?") % {"certificate": certificate},
        consequences=(consequence, gettext("The private key is forgotten: keep your own copy if you need it again.")),
        verb=gettext("Delete it"),
        back=reverse("console:admin-certificates"),
        done=gettext("%(certificate)s is deleted.") % {"certificate": certificate},
    )
    return confirm(request, confirmation, lambda _, by: delete_certificate(certificate=certificate, by=by))


@admin_page
def host_list(request: ConsoleRequest) -> HttpResponse:
    """Every host name, what it serves, and the certificates that cover it."""
    rows = listing(request, Host.objects.select_related("environment", "order"))
    certificates = list(Certificate.objects.filter(organization=None).only("name", "hosts", "environment_id"))
    hosts = [
        HostRow(
            row,
            [
                one.name
                for one in certificates
                if one.environment_id == row.environment_id and any(covers(name, row.name) for name in one.hosts)
            ],
        )
        for row in rows
    ]
    return page(request, "console/admin/hosts.html", rows=rows, hosts=hosts)


@admin_page
def host_new(request: ConsoleRequest) -> HttpResponse:
    """A new host name."""
    form = NewHostForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            data = form.cleaned_data
            changes = {name: data[name] for name in FIELDS}
            host = save_host(environment=data["environment"], name=data["name"], changes=changes, by=_by(request))
            messages.success(request, gettext("%(host)s is served within seconds.") % {"host": host})
            return redirect("console:admin-hosts")
    return page(request, "console/admin/host.html", form=form, title=gettext("New host"))


@admin_page
def host_edit(request: ConsoleRequest, host_id: str) -> HttpResponse:
    """What holds for callers of a host name."""
    host = get_object_or_404(Host.objects.select_related("environment"), pk=host_id)
    form = HostForm(posted(request), instance=copy(host))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            save_host(environment=host.environment, name=host.name, changes=form.cleaned_data, by=_by(request))
            messages.success(request, gettext("Saved. Gateways apply it within seconds."))
            return redirect("console:admin-hosts")
    order = CertificateOrder.objects.filter(host=host).select_related("certificate").first()
    return page(request, "console/admin/host.html", form=form, title=host.name, host=host, order=order)


@admin_page
def host_order(request: ConsoleRequest, host_id: str) -> HttpResponse:
    """Has the host's certificate ordered at once."""
    host = get_object_or_404(Host, pk=host_id)
    if request.method == "POST":
        try:
            order_now(host=host, by=_by(request))
            messages.success(request, gettext("It is tried at once. See here in a few seconds what became of it."))
        except Conflict as error:
            messages.error(request, error.message)
    return redirect("console:admin-host", host.pk)


@admin_page
def host_delete(request: ConsoleRequest, host_id: str) -> HttpResponse:
    """Asks, then forgets a host name."""
    host = get_object_or_404(Host, pk=host_id)
    lost = gettext(
        "It is served like any other name: every API by its own path, without redirect, HSTS or client certificates."
    )
    confirmation = Confirmation(
        title=gettext("Delete the host %(host)s?") % {"host": host},
        consequences=(lost,),
        verb=gettext("Delete it"),
        back=reverse("console:admin-hosts"),
        done=gettext("%(host)s is deleted.") % {"host": host},
    )
    return confirm(request, confirmation, lambda _, by: delete_host(host=host, by=by))


def _by(request: ConsoleRequest) -> Actor:
    return actor_of(request.user)
