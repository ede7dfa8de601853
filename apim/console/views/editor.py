"""The document editor: the source with what lint says beside its lines, and what the portal will show of it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apim.accounts.services import actor_of
from apim.catalog.confined import lint_confined
from apim.catalog.services import save_revision
from apim.catalog.trial_calls import public_url
from apim.console.forms.editor import EDITED_BYTES_AT_MOST, EditorForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.preview import Preview, Wish, preview_of
from apim.console.scope import find_version_to_edit
from apim.gateways.services import default_environment
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from apim.catalog.models import APIVersion, Revision
    from apim.console.gate import ConsoleRequest

FINDINGS_SHOWN: Final = 100
BLANK: Final = "openapi: 3.1.0\ninfo:\n  title: {title}\n  version: '1'\npaths: {{}}\n"
_LOOKED_AT: Final = ("check", "show", "speak")  # buttons that save nothing


@publisher_page
def version_editor(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """The newest document to be edited.

    Shapes: `check` judges the text without saving it, `show` and `speak` choose what the preview shows; htmx is given
    the margin alone, with `preview` what is new in the preview.
    """
    row = find_version_to_edit(request.user, api, version)
    revision = row.revisions.first()
    document = (revision.document if revision else "") or BLANK.format(title=row.api.display_name)
    form = EditorForm(posted(request), initial={"text": document, "seen": revision.number if revision else 0})
    is_valid = request.method == "POST" and form.is_valid()
    text = str(form.cleaned_data.get("text", "")) if is_valid else document
    if "preview" in request.POST:
        return _previewed(request, row, text) if is_valid else HttpResponse(status=HTTPStatus.NO_CONTENT)
    is_looked_at = any(name in request.POST for name in _LOOKED_AT)
    if is_valid and not is_looked_at:
        answer = _saved(request, row, revision, form)
        if answer is not None:
            return answer
    if is_looked_at and request.headers.get("HX-Request"):
        return page(request, "console/editor/_margin.html", api=row.api, version=row, form=form, **_judged(text))
    too_large = len(document.encode()) > EDITED_BYTES_AT_MOST
    shown = {} if too_large else {**_judged(text), "preview": _preview(request, row, text, document)}
    return page(
        request,
        "console/editor/page.html",
        api=row.api,
        version=row,
        can_edit=True,
        revision=revision,
        form=form,
        too_large=too_large,
        **shown,
    )


def _saved(
    request: ConsoleRequest, row: APIVersion, revision: Revision | None, form: EditorForm
) -> HttpResponse | None:
    """The way to the review of what was saved; None when it was refused, which then stands in the form."""
    newest = revision.number if revision else 0
    if form.cleaned_data["seen"] != newest:
        data = request.POST.copy()
        data["seen"] = str(newest)  # who saves again has been told
        form.data = data
        form.add_error(None, _conflict(revision, newest))
        return None
    with errors_on(form):
        saved = save_revision(
            version=row,
            by=actor_of(request.user),
            document=form.cleaned_data["text"],
            note=form.cleaned_data["note"],
        )
        if saved.number == newest:
            messages.info(request, _("Nothing changed."))
        else:
            messages.success(request, _("Saved as revision %(number)s.") % {"number": saved.number})
        return redirect("console:version-review", row.api.name, row.name)
    return None


def _conflict(revision: Revision | None, newest: int) -> str:
    told = _(
        "%(who)s saved revision %(number)s meanwhile. Your text is kept below and nothing is lost: look at what changed"
        " there, then save again to make yours the newest."
    )
    return told % {"who": revision.created_by if revision else "", "number": newest}


def _judged(text: str) -> dict[str, object]:
    """What lint finds, by line too."""
    report = lint_confined(text)
    return {"report": report, "findings": report.findings[:FINDINGS_SHOWN]}


def _preview(request: ConsoleRequest, row: APIVersion, text: str, saved: str) -> Preview:
    """The preview of the text; of what was saved last while no document can be read of it."""
    wish, base = _wish(request), _base_url(row)
    found = preview_of(text, row, base, wish)
    if found.fault is None or text == saved:
        return found
    former = preview_of(saved, row, base, wish)
    return replace(former, fault=found.fault, is_former=former.fault is None)


def _previewed(request: ConsoleRequest, row: APIVersion, text: str) -> HttpResponse:
    """What is new in the preview; while no document can be read, nothing but why: the page keeps what it shows."""
    preview = preview_of(text, row, _base_url(row), _wish(request))
    context = {
        "preview": preview,
        "version": row,
        "is_piece": True,
        "has_outline": request.POST.get("outline", "") == preview.mark,
    }
    response = HttpResponse(render_to_string("console/editor/_preview_news.html", context, request))
    if preview.fault is not None:
        response["HX-Reswap"] = "none"
    return response


def _wish(request: ConsoleRequest) -> Wish:
    asked = request.POST if request.method == "POST" else request.GET
    return Wish(
        show=asked.get("show", ""),
        line=asked.get("at", ""),
        shown=asked.get("shown", ""),
        language=asked.get("speak", "") or asked.get("language", ""),
        words=asked.get("find", "").strip()[:80],
    )


def _base_url(row: APIVersion) -> str:
    """The version's address for callers; "" until the environment has one."""
    environment = default_environment()
    return public_url(environment, row) if environment.base_url else ""
