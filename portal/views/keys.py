"""Keys of an application: made, rolled, revoked; clients of issuers and certificates: registered and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apim.access.models import Application, Credential
from apim.access.services import (
    create_credential,
    register_certificate,
    register_client,
    revoke_credential,
    roll_credential,
    update_credential,
)
from apim.accounts.services import actor_of
from apim.gateways.models import Issuer
from apim.gateways.services import default_environment
from apim.ui.forms import errors_on
from apim.ui.templatetags.formats import span_in_words
from apim.ui.typed import TypedForm
from portal import fresh_key
from portal.forms.applications import CertificateForm, ClientForm, KeyForm, NetworksForm, RollForm
from portal.rendering import Confirmation, confirm, leave_to, page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse


@require_http_methods(["GET", "POST"])
@my_page
def add_key(request: PortalRequest, application_id: str) -> HttpResponse:
    """A new key, shown on the application's page afterwards."""
    application = get_object_or_404(Application.objects.editable_by(request.user), id=application_id)
    form = KeyForm(posted(request))
    back = reverse("portal:application", args=[application.id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            issued = create_credential(
                application=application,
                by=actor_of(request.user),
                creator=request.user,
                label=form.cleaned_data["label"],
                expires_at=form.expires_at(),
                allowed_networks=form.networks(),
            )
            fresh_key.remember(request, issued)
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("New key for %(application)s") % {"application": application},
        consequences=(_("It is shown once, right after this."),),
        verb=_("Create the key"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_http_methods(["GET", "POST"])
@my_page
def add_client(request: PortalRequest, application_id: str) -> HttpResponse:
    """A client of an issuer, whose tokens call as the application."""
    application = get_object_or_404(Application.objects.editable_by(request.user), id=application_id)
    issuers = Issuer.objects.filter(environment=default_environment()).open_to([application.organization_id])
    form = ClientForm(posted(request), issuers=issuers.order_by("issuer").values_list("issuer", flat=True))
    back = reverse("portal:application", args=[application.id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            client = register_client(
                application=application,
                issuer=form.cleaned_data["issuer"],
                client_id=form.cleaned_data["client_id"],
                by=actor_of(request.user),
                creator=request.user,
                label=form.cleaned_data["label"],
                expires_at=form.expires_at(),
            )
            words = (
                _("The client %(client)s calls as %(application)s now at APIs of your own organization.")
                if client.is_for_own_apis
                else _("The client %(client)s calls as %(application)s now.")
            )
            messages.success(request, words % {"client": client.client_id, "application": application})
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Register a client for %(application)s") % {"application": application},
        consequences=(
            _("Calls with the issuer's tokens for this client are the application's, where an API admits that issuer."),
        ),
        verb=_("Register the client"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_http_methods(["GET", "POST"])
@my_page
def add_certificate(request: PortalRequest, application_id: str) -> HttpResponse:
    """A client certificate, whose calls are the application's."""
    application = get_object_or_404(Application.objects.editable_by(request.user), id=application_id)
    form = CertificateForm(posted(request))
    back = reverse("portal:application", args=[application.id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            register_certificate(
                application=application, by=actor_of(request.user), creator=request.user, **form.cleaned_data
            )
            words = _("Calls with the certificate are those of %(application)s now.")
            messages.success(request, words % {"application": application})
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Register a certificate for %(application)s") % {"application": application},
        consequences=(
            _("Calls made with it need no key, where a host asks for client certificates and an API takes them."),
            _("It ends when it expires: register the next one beside it before."),
        ),
        verb=_("Register the certificate"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_http_methods(["GET", "POST"])
@my_page
def roll_key(request: PortalRequest, credential_id: str) -> HttpResponse:
    """A successor for a key, with the overlap that the developer chooses."""
    credential = _credential(request, credential_id)
    form = RollForm(posted(request))
    back = reverse("portal:application", args=[credential.application_id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            overlap_s = form.cleaned_data["overlap_s"]
            issued = roll_credential(
                credential=credential, by=actor_of(request.user), overlap_s=overlap_s, creator=request.user
            )
            fresh_key.remember(request, issued)
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Roll the key %(key)s?") % {"key": credential.shown},
        consequences=(
            _("You get a new key with the same rights. Put it where the old one is used before the old one stops."),
            _last_use(credential),
        ),
        verb=_("Roll the key"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_http_methods(["GET", "POST"])
@my_page
def revoke_key(request: PortalRequest, credential_id: str) -> HttpResponse:
    """Kills a key, client or certificate after saying what that breaks."""
    credential = _credential(request, credential_id)
    told = {"noun": credential.noun, "key": credential.shown, "status": 403 if credential.is_client else 401}
    confirmation = Confirmation(
        title=_("Revoke the %(noun)s %(key)s?") % told,
        consequences=(
            _("Calls with it get %(status)s within a second, everywhere. This cannot be undone.") % told,
            _last_use(credential),
        ),
        verb=_("Revoke the %(noun)s") % told,
        back=reverse("portal:application", args=[credential.application_id]),
        done=_("The %(noun)s %(key)s is revoked.") % told,
    )
    form = TypedForm(posted(request), name=credential.application.name)
    return confirm(request, confirmation, lambda _, by: revoke_credential(credential=credential, by=by), form)


@require_http_methods(["GET", "POST"])
@my_page
def edit_networks(request: PortalRequest, credential_id: str) -> HttpResponse:
    """Where a key, client or certificate may be used from."""
    credential = _credential(request, credential_id)
    form = NetworksForm(posted(request), initial={"allowed_networks": "\n".join(credential.allowed_networks)})
    back = reverse("portal:application", args=[credential.application_id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            changes = {"allowed_networks": form.networks()}
            update_credential(credential=credential, changes=changes, by=actor_of(request.user))
            messages.success(request, _("The networks are saved, and in force within a second."))
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Where may %(key)s be used from?") % {"key": credential.shown},
        consequences=(_("Calls from any other address get 403, everywhere, within a second."),),
        verb=_("Save the networks"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_POST
@my_page
def hide_key(request: PortalRequest, application_id: str) -> HttpResponse:
    """The developer has stored the new key: it is shown no more."""
    fresh_key.forget(request)
    return redirect("portal:application", application_id)


def _credential(request: PortalRequest, credential_id: str) -> Credential:
    credentials = Credential.objects.editable_by(request.user).select_related(
        "application__organization", "environment"
    )
    return get_object_or_404(credentials, id=credential_id)


def _last_use(credential: Credential) -> str:
    if credential.last_used_at is None:
        return _("It has never been used.")
    seconds = max((timezone.now() - credential.last_used_at).total_seconds(), 0)
    return _("It was last used %(span)s ago.") % {"span": span_in_words(seconds)}
