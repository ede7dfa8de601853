"""The first page of an installation, reached by the one-time link; later the link leads on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.db import DatabaseError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext

from apim.accounts.services import installation, is_set_up_link, set_up
from apim.console.first_checks import first_checks
from apim.console.forms.admin import SetUpForm
from apim.console.steps import steps
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def setup(request: HttpRequest) -> HttpResponse:
    """Asks for the admin's account, the organization and the address of the site, and says what does not answer."""
    token = request.GET.get("token", "")
    try:
        if installation().set_up_at is not None:
            return redirect("console:admin")
        may_enter = is_set_up_link(token)
    except DatabaseError:  # nobody can be known without it, and no secret is in what the checks say
        shown = {"checks": first_checks(), "steps": steps(1), "is_waiting": True}
        return render(request, "console/setup.html", shown, status=503)
    if not may_enter:
        shown = {"steps": steps(1), "has_token": bool(token)}
        return render(request, "console/setup.html", shown, status=403 if token else 200)
    initial = {"base_url": settings.BASE_URL.rstrip("/"), "language": get_language()}
    form = SetUpForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            user = set_up(token=token, **form.cleaned_data)
            login(request, user, backend=BACKEND)
            messages.success(request, gettext("Your installation is ready, and you are its first admin."))
            return redirect(f"{reverse('console:admin-mail-server')}?step=2")
    checks = first_checks()
    shown = {
        "form": form,
        "checks": checks,
        "is_waiting": not all(check.is_met for check in checks),
        "steps": steps(1),
    }
    return render(request, "console/setup.html", shown, status=422 if form.errors else 200)
