"""The search page, the palette's options, the keys and where they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from apim.catalog.searching import LONGEST_TERM
from apim.finder.answers import Group, fitting, words_of
from apim.finder.destinations import acts, destination_of, destinations
from apim.finder.things import things
from portal.rendering import page
from portal.tenancy import tenancy_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KEYS_COOKIE: Final = "keys"
_YEAR_S: Final = 365 * 24 * 3600


def groups(request: HttpRequest, text: str) -> tuple[Group, ...]:
    """What the words find for the visitor, without groups that are empty; every place and act for no words."""
    tenancy, is_member = tenancy_of(request), request.user.is_authenticated
    words = words_of(text)
    found = (
        Group("places", gettext("Go to"), fitting(destinations(tenancy, is_member=is_member), words)),
        Group("things", gettext("Found"), things(text, request.user, tenancy)),
        Group("acts", gettext("Do"), fitting(acts(tenancy, is_member=is_member), words)),
    )
    return tuple(group for group in found if group.hits)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The search page: it does what the palette does, with links and forms."""
    text = request.GET.get("q", "").strip()[:LONGEST_TERM]
    return page(request, "finder/search.html", {"text": text, "groups": groups(request, text)})


@require_safe
@cache_control(private=True, no_store=True)
def options(request: HttpRequest) -> HttpResponse:
    """The palette's options for ?q=, as a piece of a page."""
    text = request.GET.get("q", "").strip()[:LONGEST_TERM]
    found = groups(request, text)
    context = {
        "text": text,
        "groups": found,
        "total": sum(len(group.hits) for group in found),
        "back": request.GET.get("next", "/"),
    }
    return render(request, "finder/_options.html", context)


@require_safe
def go(request: HttpRequest, letter: str) -> HttpResponse:
    """To the place that the letter names; to the list of keys when it names none of the visitor's."""
    target = destination_of(letter, tenancy_of(request), is_member=request.user.is_authenticated)
    return redirect(target or "keys")


@require_http_methods(["GET", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """Every key there is; a POST of `letters=on` or `off` keeps in a cookie whether single letters do anything."""
    if request.method == "POST":
        target = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
        response = HttpResponseRedirect(target if is_ours else request.path)
        choice = "off" if request.POST.get("letters") == "off" else "on"
        response.set_cookie(KEYS_COOKIE, choice, max_age=_YEAR_S, samesite="Lax", secure=request.is_secure())
        return response
    hits = destinations(tenancy_of(request), is_member=request.user.is_authenticated)
    context = {
        "destinations": [hit for hit in hits if hit.key],
        "are_letters_on": request.COOKIES.get(KEYS_COOKIE) != "off",
        "back": request.headers.get("HX-Current-URL", ""),
    }
    return page(request, "finder/keys.html", context, "finder/_keys.html")
