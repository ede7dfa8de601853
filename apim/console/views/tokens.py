"""Tokens of the management API: one's own, and for admins everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.models import APIToken
from apim.accounts.permissions import is_admin
from apim.accounts.scopes import SCOPES
from apim.accounts.services import actor_of, issue_token, revoke_token
from apim.console.forms.admin import TokenForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def token_list(request: ConsoleRequest) -> HttpResponse:
    """Tokens that are not revoked."""
    rows = APIToken.objects.visible_to(request.user).filter(revoked_at=None).select_related("user")
    return page(request, "console/tokens/list.html", rows=listing(request, rows.order_by("-created_at")))


@publisher_page
def token_new(request: ConsoleRequest) -> HttpResponse:
    """A new token; its secret is shown this once."""
    allowed = tuple(scope for scope in SCOPES if scope != "admin" or is_admin(request.user))
    form = TokenForm(posted(request), allowed=allowed)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            issued = issue_token(user=request.user, **form.cleaned_data, by=actor_of(request.user))
            return page(request, "console/tokens/issued.html", issued=issued)
    return page(request, "console/tokens/new.html", form=form)


@publisher_page
def token_revoke(request: ConsoleRequest, token_id: str) -> HttpResponse:
    """Asks, then ends a token."""
    row = get_object_or_404(APIToken.objects.editable_by(request.user), pk=token_id, revoked_at=None)
    confirmation = Confirmation(
        title=gettext("Revoke the token %(row)s?") % {"row": row.name},
        consequences=(gettext("What uses it is refused from the next request on."),),
        verb=gettext("Revoke it"),
        back=reverse("console:tokens"),
        done=gettext("%(row)s is revoked.") % {"row": row.name},
    )
    return confirm(request, confirmation, lambda _, by: revoke_token(token=row, by=by))
