"""Two people who change the same thing: whoever saves second is told, keeps what they entered, and may save again.

A form says in `seen` which state it began with, as an ETag does. One that says nothing is taken at its word.
"""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext

from apim.catalog.models import API, Revision


def is_current(request: HttpRequest, form: forms.BaseForm, *, now: str, told: str) -> bool:
    """Whether a sent form began with the state that is; else it says so."""
    if request.POST.get("seen", now) == now:
        return True
    form.add_error(None, told)
    return False


def seen_of_revision(revision: Revision | None) -> str:
    """What the form of a version's next revision began with."""
    return str(revision.number if revision is not None else 0)


def seen_of_api(api: API) -> str:
    """What the form of an API's settings began with."""
    return api.updated_at.isoformat()


def revision_saved_meanwhile(revision: Revision | None) -> str:
    """What is said to whom a newer revision forestalled."""
    told = gettext(
        "%(who)s saved revision %(number)s meanwhile. What you entered is kept below: look at what changed there, then"
        " save again to make yours the newest."
    )
    return told % {
        "who": revision.created_by if revision is not None else "?", "number": seen_of_revision(revision)
    }  # fmt: skip


def api_saved_meanwhile() -> str:
    """What is said to whom other settings forestalled."""
    return gettext(
        "Somebody saved these settings meanwhile. What you entered is kept below: look at the API's page for what"
        " changed, then save again to put yours in its place."
    )
