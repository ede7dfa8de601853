"""The living demo: switched on and off, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apim.accounts.services import actor_of
from apim.console.forms.demo import DemoForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, page, posted
from apim.demo import services
from apim.gateways.services import default_environment
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def demo_page(request: ConsoleRequest) -> HttpResponse:
    """How the demo stands, and its switch."""
    form = DemoForm(posted(request), is_production=services.is_production(default_environment()))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            if request.POST.get("act") == "off":
                services.switch_off(by=actor_of(request.user))
                messages.success(request, _("The demo is off. What it made stays until you remove it."))
            else:
                services.switch_on(
                    by=actor_of(request.user), is_production_meant=form.cleaned_data.get("is_production_meant", False)
                )
                messages.success(request, _("The demo is on. The first calls arrive within seconds."))
            return redirect("console:admin-demo")
    return page(request, "console/admin/demo.html", form=form, demo_state=services.demo_state())


@admin_page
def demo_remove(request: ConsoleRequest) -> HttpResponse:
    """Ask, then remove everything that the demo made."""
    confirmation = Confirmation(
        title=_("Remove the demo?"),
        consequences=(
            _("Its customers, applications, keys, subscriptions and plans are deleted now."),
            _("Its calls leave charts, logs and traces within a few minutes; real traffic stays as it is."),
            _("The audit log keeps that there was a demo."),
        ),
        verb=_("Remove the demo"),
        back=reverse("console:admin-demo"),
        done=_("The demo is being removed."),
    )
    return confirm(request, confirmation, lambda _data, by: services.remove(by=by))
