"""Rendering: full pages, pieces for htmx, and the page that asks before an act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from apim.accounts.services import actor_of
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from apim.audit.actor import Actor
    from portal.tenancy import PortalRequest


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person agrees to before an act.

    Shapes: title asks, consequences are sentences, verb is on the button; back is where "Go back" leads, and the act
    too unless goes_to says otherwise.
    """

    title: str
    consequences: tuple[str, ...]
    verb: str
    back: str
    done: str
    goes_to: str = ""
    verb_class: str = "button--danger"


def posted(request: HttpRequest) -> QueryDict | None:
    """What was posted, even when it is empty; None, which leaves a form unbound, when nothing was."""
    return request.POST if request.method == "POST" else None


def page(request: HttpRequest, template: str, context: Mapping[str, object], piece: str = "") -> HttpResponse:
    """The template, or only its piece when htmx asks; 422 when its form was refused."""
    form = context.get("form")
    is_refused = isinstance(form, forms.BaseForm) and form.is_bound and bool(form.errors)
    is_piece = bool(piece) and bool(request.headers.get("HX-Request")) and not _wants_whole(request)
    response = render(request, piece if is_piece else template, context, status=422 if is_refused else 200)
    patch_vary_headers(response, ("HX-Request",))
    return response


def _wants_whole(request: HttpRequest) -> bool:
    """True for the browser's Back to an address that htmx had pushed: htmx has no copy, the page starts anew."""
    return bool(request.headers.get("HX-Boosted") or request.headers.get("HX-History-Restore-Request"))


def leave_to(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect that also leaves a dialog which htmx filled."""
    return HttpResponseClientRedirect(url) if request.headers.get("HX-Request") else redirect(url)


def confirm(
    request: PortalRequest,
    confirmation: Confirmation,
    act: Callable[[dict[str, object], Actor], object],
    form: forms.Form | None = None,
) -> HttpResponse:
    """The page (or dialog) that asks; a POST runs act(cleaned data, actor) and goes back.

    Errors: a refusal of the service is shown where it asked.
    """
    form = form if form is not None else forms.Form(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            act(form.cleaned_data, actor_of(request.user))
            messages.success(request, confirmation.done)
            return leave_to(request, confirmation.goes_to or confirmation.back)
    context: dict[str, object] = {"confirmation": confirmation, "form": form}
    return page(request, "portal/confirm.html", context, "components/confirm.html")
