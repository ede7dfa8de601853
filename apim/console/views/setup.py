"""The first page of an installation, reached by the one-time link; later the link leads on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.services import installation, set_up
from apim.console.forms.admin import SetUpForm
from apim.console.steps import steps
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def setup(request: HttpRequest) -> HttpResponse:
    """Asks for the admin's account, the organization and the address of the site."""
    if installation().set_up_at is not None:
        return redirect("console:admin")
    token = request.GET.get("token", "")
    form = SetUpForm(
        request.POST if request.method == "POST" else None, initial={"base_url": settings.BASE_URL.rstrip("/")}
    )
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            user = set_up(token=token, **form.cleaned_data)
            login(request, user, backend=BACKEND)
            messages.success(request, gettext("Your installation is ready, and you are its first admin."))
            return redirect(f"{reverse('console:admin-mail-server')}?step=2")
    context = {"form": form, "token": token, "steps": steps(1)}
    return render(request, "console/setup.html", context, status=422 if form.errors else 200)
