"""Rendering: what every console page is given, and the page that asks before an act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render

from apim.access.models import Subscription
from apim.accounts.permissions import is_admin
from apim.accounts.services import actor_of
from apim.console.rail import current_place, drawn_rail, sections_of
from apim.demo.models import Demo
from apim.gateways.models import Environment
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from apim.audit.actor import Actor
    from apim.console.gate import ConsoleRequest

Row = TypeVar("Row", bound="Model")

ROWS_A_PAGE = 50
UNDO = "undo:"  # begins the tag of a message with the page that takes back what it tells


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person agrees to before an act.

    Shapes: title asks, consequences are sentences, verb is on the button ("" when the consequences forbid the act),
    back is where Cancel leads, onward where the act leads, "" = back as well; undo is the page that takes the act back,
    "" = there is none.
    """

    title: str
    consequences: tuple[str, ...]
    verb: str
    back: str
    done: str
    is_danger: bool = True
    onward: str = ""
    undo: str = ""


def posted(request: ConsoleRequest) -> QueryDict | None:
    """What was posted, even when it is empty; None, which leaves a form unbound, when nothing was."""
    return request.POST if request.method == "POST" else None


def page(request: ConsoleRequest, template: str, /, **context: object) -> HttpResponse:
    """The template with the shell's data; 422 when its form was refused."""
    form = context.get("form")
    is_refused = isinstance(form, forms.BaseForm) and form.is_bound and bool(form.errors)
    is_for_admin = is_admin(request.user)
    url_name = request.resolver_match.url_name if request.resolver_match else None
    place = current_place(url_name or "")
    waiting = Subscription.objects.decidable_by(request.user).awaiting_decision().count()
    environments = list(Environment.objects.select_related("pin"))
    shell = {
        "is_admin": is_for_admin,
        "sections": sections_of(is_for_admin=is_for_admin),
        "current_place": place,
        "rail": drawn_rail(place, is_for_admin=is_for_admin, approvals_waiting=waiting),
        "waiting_to_publish": [each for each in environments if each.is_waiting_to_publish],
        "held": [each for each in environments if hasattr(each, "pin")],
        "has_demo": Demo.objects.exists(),
    }
    return render(request, template, {**shell, **context}, status=422 if is_refused else 200)


def confirm(
    request: ConsoleRequest,
    confirmation: Confirmation,
    act: Callable[[dict[str, Any], Actor], object],
    form: forms.Form | None = None,
    *,
    template: str = "console/confirm.html",
    **context: object,
) -> HttpResponse:
    """The page that asks, with what its template shows besides; a POST runs act(cleaned data, actor) and goes back.

    Errors: a refusal of the service is shown on the page itself.
    """
    form = form if form is not None else forms.Form(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            act(form.cleaned_data, actor_of(request.user))
            messages.success(
                request, confirmation.done, extra_tags=f"{UNDO}{confirmation.undo}" * bool(confirmation.undo)
            )
            return redirect(confirmation.onward or confirmation.back)
    return page(request, template, confirmation=confirmation, form=form, **context)


def listing(request: ConsoleRequest, rows: QuerySet[Row]) -> Page[Row]:
    """The asked page of the rows; the last one for a number too high."""
    return Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))
