"""Settings of a person: name, password, tokens for the REST API and the CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apim.accounts.models import APIToken
from apim.accounts.services import actor_of, issue_token, revoke_token, update_user
from apim.ui.forms import errors_on
from apim.ui.typed import TypedForm
from portal.forms.people import NameForm, TokenForm
from portal.rendering import Confirmation, confirm, page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse


@require_http_methods(["GET", "POST"])
@my_page
def show_settings(request: PortalRequest) -> HttpResponse:
    """Name, password and tokens on one page."""
    form = NameForm(posted(request), initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_user(user=request.user, name=form.cleaned_data["name"], by=actor_of(request.user))
            messages.success(request, _("Your name is saved."))
            return redirect("portal:settings")
    return page(request, "portal/settings.html", {"form": form, "tokens": request.user.tokens.order_by("-created_at")})


@require_http_methods(["GET", "POST"])
@my_page
def add_token(request: PortalRequest) -> HttpResponse:
    """A new token; its secret is in the answer to this very request and nowhere else."""
    form = TokenForm(posted(request), is_admin=request.tenancy.is_admin)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            issued = issue_token(
                user=request.user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                by=actor_of(request.user),
                expires_at=form.expires_at(),
            )
            origin = request.build_absolute_uri("/").rstrip("/")
            return page(
                request, "portal/token_made.html", {"token": issued.token, "secret": issued.secret, "origin": origin}
            )
    context = {"form": form, "title": _("New token"), "verb": _("Create the token"), "back": reverse("portal:settings")}
    return page(request, "portal/form.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def drop_token(request: PortalRequest, token_id: str) -> HttpResponse:
    """Revokes a token after saying what that breaks."""
    token = get_object_or_404(APIToken, id=token_id, user_id=request.user.pk)
    confirmation = Confirmation(
        title=_("Revoke the token %(token)s?") % {"token": token.name},
        consequences=(_("Whatever uses it gets 401 from its next request on. This cannot be undone."),),
        verb=_("Revoke the token"),
        back=reverse("portal:settings"),
        done=_("The token %(token)s is revoked.") % {"token": token.name},
    )
    form = TypedForm(posted(request), name=token.name)
    return confirm(request, confirmation, lambda _, by: revoke_token(token=token, by=by), form)
