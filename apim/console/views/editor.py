"""The document editor: the source with what lint says beside its lines, and the reference as it would read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apim.accounts.services import actor_of
from apim.catalog.reference import build_reference
from apim.catalog.services import save_revision
from apim.console.forms.editor import EDITED_BYTES_AT_MOST, EditorForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import find_version_to_edit
from apim.openapi.linting import lint
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import APIVersion, Revision
    from apim.console.gate import ConsoleRequest

FINDINGS_SHOWN: Final = 100
ENTRIES_SHOWN: Final = 300
BLANK: Final = "openapi: 3.1.0\ninfo:\n  title: {title}\n  version: '1'\npaths: {{}}\n"


@publisher_page
def version_editor(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """The newest document to be edited; `check` judges the text without saving it, to htmx with the margin alone."""
    row = find_version_to_edit(request.user, api, version)
    revision = row.revisions.first()
    document = (revision.document if revision else "") or BLANK.format(title=row.api.display_name)
    form = EditorForm(posted(request), initial={"text": document, "seen": revision.number if revision else 0})
    is_check = "check" in request.POST
    if request.method == "POST" and form.is_valid() and not is_check:
        answer = _saved(request, row, revision, form)
        if answer is not None:
            return answer
    text = str(form.cleaned_data.get("text", "")) if form.is_bound and form.is_valid() else document
    if is_check and request.headers.get("HX-Request"):
        return page(request, "console/editor/_margin.html", api=row.api, version=row, form=form, **_judged(text))
    too_large = len(document.encode()) > EDITED_BYTES_AT_MOST
    return page(
        request,
        "console/editor/page.html",
        api=row.api,
        version=row,
        can_edit=True,
        revision=revision,
        form=form,
        too_large=too_large,
        **({} if too_large else _judged(text)),
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
    """What lint finds, by line too, and the outline of the reference."""
    report = lint(text)
    reference = build_reference(text)
    shown, left = [], ENTRIES_SHOWN
    for group in reference.groups:
        if left > 0:
            shown.append((group, group.entries[:left]))
            left -= len(group.entries)
    return {
        "report": report,
        "findings": report.findings[:FINDINGS_SHOWN],
        "reference": reference,
        "groups": shown,
        "left_out": max(0, -left),
    }
