"""An invitation: what it offers, and accepting it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apim.accounts.services import accept_invitation, open_invitation
from apim.errors import DomainError
from portal.rendering import page
from portal.tenancy import SESSION_KEY, errors_as_pages
from portal.views.access import CONTINUE_AT

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_http_methods(["GET", "POST"])
@errors_as_pages
def show_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Who invites to what; visitors are led to sign-up and back, members accept with one button."""
    invitation = open_invitation(token)
    if invitation is None:
        return page(request, "portal/invitation_gone.html", {})
    context: dict[str, object] = {"invitation": invitation, "next": urlencode({"next": request.path})}
    user = request.user
    if not user.is_authenticated:
        request.session[CONTINUE_AT] = reverse("portal:invitation", args=[token])
        # The link came by mail to this very address: signing up with it needs no code by mail again.
        get_adapter().stash_verified_email(request, invitation.email)
        return page(request, "portal/invitation.html", context)
    if request.method == "POST":
        try:
            membership = accept_invitation(token=token, user=user)
        except DomainError as error:
            return page(request, "portal/invitation.html", context | {"error": error})
        request.session[SESSION_KEY] = membership.organization_id
        messages.success(request, _("Welcome to %(organization)s.") % {"organization": membership.organization})
        return redirect("portal:home")
    return page(request, "portal/invitation.html", context)
