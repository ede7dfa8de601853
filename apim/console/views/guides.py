"""Guides of an API: list, editor with preview, delete."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from apim.accounts.services import actor_of
from apim.catalog.models import Guide
from apim.catalog.models.guides import LONGEST_BODY
from apim.catalog.services.guides import create_guide, delete_guide, update_guide
from apim.console.forms.guides import GuideForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.scope import can_edit, find_api, find_api_to_edit
from apim.ui.article import render_article
from apim.ui.forms import errors_on
from apim.ui.typed import TypedForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import API
    from apim.console.gate import ConsoleRequest


@publisher_page
def guide_list(request: ConsoleRequest, name: str) -> HttpResponse:
    """The guides of an API, in their order."""
    api = find_api(request.user, name)
    rows = listing(request, api.guides.defer("body").order_by("position", "slug"))
    return page(request, "console/guides/list.html", api=api, rows=rows, can_edit=can_edit(request.user, api))


@publisher_page
def guide_new(request: ConsoleRequest, name: str) -> HttpResponse:
    """A new guide."""
    api = find_api_to_edit(request.user, name)
    form = GuideForm(posted(request), initial={"position": api.guides.count(), "is_published": True})
    if _is_saved(request) and form.is_valid():
        with errors_on(form):
            guide = create_guide(api=api, by=actor_of(request.user), **form.cleaned_data)
            return _saved(request, api, guide)
    return _editor(request, api, form)


@publisher_page
def guide_edit(request: ConsoleRequest, name: str, slug: str) -> HttpResponse:
    """The editor; `preview` shows the text without saving it."""
    api = find_api_to_edit(request.user, name)
    guide = get_object_or_404(api.guides, slug=slug)
    form = GuideForm(posted(request), instance=copy(guide))
    if _is_saved(request) and form.is_valid():
        with errors_on(form):
            return _saved(request, api, update_guide(guide=guide, changes=form.cleaned_data, by=actor_of(request.user)))
    return _editor(request, api, form, guide)


@publisher_page
def guide_preview(request: ConsoleRequest, name: str) -> HttpResponse:
    """The text of the editor as readers will see it; nothing is kept."""
    find_api_to_edit(request.user, name)
    article = render_article(request.POST.get("body", "")[:LONGEST_BODY], first_heading=3)
    return render(request, "console/guides/_preview.html", {"article": article})


@publisher_page
def guide_delete(request: ConsoleRequest, name: str, slug: str) -> HttpResponse:
    """Asks, then removes the guide for good."""
    api = find_api_to_edit(request.user, name)
    guide = get_object_or_404(api.guides, slug=slug)
    confirmation = Confirmation(
        title=_("Delete “%(title)s” for good?") % {"title": guide.title},
        consequences=(_("Links to it lead nowhere. To hide it for a while, edit it and take “Published” off."),),
        verb=_("Delete it for good"),
        back=reverse("console:api-guides", args=[api.name]),
        done=_("“%(title)s” is deleted.") % {"title": guide.title},
    )
    form = TypedForm(posted(request), name=guide.slug)
    return confirm(request, confirmation, lambda _, by: delete_guide(guide=guide, by=by), form)


def _is_saved(request: ConsoleRequest) -> bool:
    """True when the form was sent to be kept, not to be looked at."""
    return request.method == "POST" and "preview" not in request.POST


def _saved(request: ConsoleRequest, api: API, guide: Guide) -> HttpResponse:
    told = _("“%(title)s” is saved and in the portal.") if guide.is_published else _("“%(title)s” is saved as a draft.")
    messages.success(request, told % {"title": guide.title})
    return redirect("console:api-guides", api.name)


def _editor(request: ConsoleRequest, api: API, form: GuideForm, guide: Guide | None = None) -> HttpResponse:
    text = str(form["body"].value() or "")
    article = render_article(text, first_heading=3)
    return page(request, "console/guides/edit.html", api=api, form=form, guide=guide, article=article, can_edit=True)
