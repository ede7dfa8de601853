"""The page of a version's composites: each drawn and told, and their text to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.utils.text import slugify
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.services import actor_of
from apim.catalog.composites import FIELD, composite_of
from apim.catalog.services import save_revision
from apim.console.drawing import draw_composite, written
from apim.console.forms.composites import CompositesForm, written_composites
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import find_version_to_edit
from apim.console.views.versions import newest_of, saved_page
from apim.errors import DomainError, Invalid, Problems
from apim.listing import enumerated, labelled
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def version_composites(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Operations that are made of several calls."""
    row = find_version_to_edit(request.user, api, version)
    revision = newest_of(row)
    saved = revision.composites if revision is not None else {}
    form = CompositesForm(posted(request), initial={"composites": written_composites(saved)})
    if request.method == "POST" and form.is_valid():
        with errors_on(form), _placed():
            made = save_revision(
                version=row, by=actor_of(request.user), composites=form.cleaned_data["composites"],
                note=form.cleaned_data["note"],
            )  # fmt: skip
            return saved_page(request, row, made)
    return page(
        request,
        "console/versions/composites.html",
        api=row.api,
        version=row,
        revision=revision,
        composites=[_told(operation, settings) for operation, settings in saved.items()],
        form=form,
        can_edit=True,
    )


@contextmanager
def _placed() -> Iterator[None]:
    """Say with each fault of a composite where in the text it is."""
    try:
        yield
    except Problems as error:
        raise Problems(tuple(_with_place(one) for one in error.errors)) from error


def _with_place(error: DomainError) -> DomainError:
    place = error.field.removeprefix(f"{FIELD}.")
    if place == error.field:
        return error
    return Invalid(error.code, labelled(f"`{place}`", error.message), hint=error.hint, field=FIELD)


def _told(operation: str, settings: Mapping[str, Any]) -> dict[str, object]:
    """One composite for the page."""
    composite, problems = composite_of(operation, settings)
    steps = [
        {
            "name": step.name,
            "call": written(step.call),
            "after": enumerated(step.after) or gettext("at once"),
            "conditions": [gettext("only if %(condition)s") % {"condition": each.words} for each in step.when]
            + [gettext("must hold: %(condition)s") % {"condition": each.words} for each in step.require],
            "on_failure": _FAILURES[step.on_failure.way],
            "undone_by": written(step.compensate.call) if step.compensate is not None else "",
        }
        for step in composite.steps
    ]
    return {
        "operation": operation,
        "anchor": slugify(operation.replace("/", " ")),
        "composite": composite,
        "timeout_s": composite.timeout_ms / 1000,
        "drawing": draw_composite(composite),
        "steps": steps,
        "warnings": problems,
    }


_FAILURES = {
    "fail": gettext_lazy("the call fails"),
    "skip": gettext_lazy("goes on without it"),
    "default": gettext_lazy("goes on with a default"),
}
