"""Security of an account: where one is logged in, the log-ins before, and the end of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apim.access.services import delete_account, plan_departure
from apim.accounts.models import LogIn
from apim.accounts.services import actor_of, end_all_sessions, end_session, open_sessions
from apim.ui.forms import errors_on
from portal.forms.people import DeletionForm
from portal.rendering import page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_SHOWN = 30


@require_GET
@my_page
def show_security(request: PortalRequest) -> HttpResponse:
    """Sessions that go on, and the latest log-ins."""
    context = {
        "trail": [(_("Settings"), reverse("portal:settings")), (_("Security"), "")],
        "sessions": open_sessions(request.user),
        "current_key": request.session.session_key,
        "log_ins": request.user.log_ins.all()[:_SHOWN],
    }
    return page(request, "portal/security.html", context)


@require_POST
@my_page
def end_one_session(request: PortalRequest, log_in_id: str) -> HttpResponse:
    """Logs one browser out, perhaps this one."""
    log_in = get_object_or_404(LogIn.objects.exclude(session_key=""), id=log_in_id, user_id=request.user.pk)
    if log_in.session_key == request.session.session_key:
        logout(request)
        return redirect("portal:catalogue")
    end_session(log_in=log_in, by=actor_of(request.user))
    messages.success(request, _("That session is over."))
    return redirect("portal:security")


@require_POST
@my_page
def end_other_sessions(request: PortalRequest) -> HttpResponse:
    """Logs every other browser out; this one goes on with a fresh session."""
    before = request.session.session_key
    user = end_all_sessions(user=request.user, by=actor_of(request.user))
    update_session_auth_hash(request, user)
    request.session.save(must_create=not request.session.exists(request.session.session_key or ""))
    user.log_ins.filter(session_key=before).update(session_key=request.session.session_key)
    messages.success(request, _("Every other session is over."))
    return redirect("portal:security")


@require_http_methods(["GET", "POST"])
@my_page
def remove_account(request: PortalRequest) -> HttpResponse:
    """Deletes the account once its address is typed, after saying what becomes of everything."""
    departure = plan_departure(request.user)
    form = DeletionForm(posted(request), email=request.user.email)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            delete_account(user=request.user, by=actor_of(request.user))
            logout(request)
            messages.success(request, _("Your account is deleted."))
            return redirect("portal:catalogue")
    context = {
        "trail": [(_("Settings"), reverse("portal:settings")), (_("Delete the account"), "")],
        "departure": departure,
        "form": form,
    }
    return page(request, "portal/account_delete.html", context)
