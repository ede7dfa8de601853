"""Tokens of the management API: one's own, and for admins everybody's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.models import APIToken
from apim.accounts.permissions import is_admin
from apim.accounts.scopes import SCOPES
from apim.accounts.services import actor_of, issue_token, revoke_token
from apim.console.forms.admin import TokenForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.ui.forms import errors_on
from apim.ui.typed import TypedForm

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_LONG = timedelta(days=90)


@publisher_page
def token_list(request: ConsoleRequest) -> HttpResponse:
    """Tokens by state, those that are good first; q finds them by name, beginning and person."""
    query, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    found = APIToken.objects.visible_to(request.user)
    if query:
        by_person = Q(user__email__icontains=query) | Q(user__name__icontains=query)
        found = found.filter(Q(name__icontains=query) | Q(prefix__startswith=query) | by_person)
    states = _states(timezone.now())
    if state not in states:
        state = next(iter(states))
    counts = found.aggregate(**{name: Count("pk", filter=condition) for name, (_word, condition) in states.items()})
    rows = found.filter(states[state][1]).select_related("user")
    order = "-revoked_at" if state == "revoked" else "-created_at"
    return page(
        request,
        "console/tokens/list.html",
        rows=listing(request, rows.order_by(order, "-pk")),
        query=query,
        state=state,
        tabs=[(name, word, counts[name]) for name, (word, _condition) in states.items()],
    )


def _states(now: datetime) -> dict[str, tuple[str, Q]]:
    """Each state that the list can be narrowed to: its word, and which tokens are in it."""
    is_good = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    unused = Q(last_used_at__lt=now - _LONG) | Q(last_used_at=None, created_at__lt=now - _LONG)
    return {
        "good": (gettext("In use or ready"), is_good),
        "idle": (gettext("Not used for 90 days"), is_good & unused),
        "expired": (gettext("Expired"), Q(revoked_at=None, expires_at__lte=now)),
        "revoked": (gettext("Revoked"), Q(revoked_at__isnull=False)),
    }


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
        consequences=(gettext("What uses it is refused from the next request on. This cannot be undone."),),
        verb=gettext("Revoke it"),
        back=reverse("console:tokens"),
        done=gettext("%(row)s is revoked.") % {"row": row.name},
    )
    form = TypedForm(posted(request), name=row.name)
    return confirm(request, confirmation, lambda _, by: revoke_token(token=row, by=by), form)
