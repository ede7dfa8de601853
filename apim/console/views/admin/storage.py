"""What the installation keeps: sizes, how long, and what would go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.console.forms.storage import RetentionForm
from apim.console.gate import admin_page
from apim.console.pages import page, posted
from apim.platform.storage import FAMILIES, Size, days_kept, of_record_files, preview, set_retention, sizes
from apim.platform.storage.families import fixed_families
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


_NO_FILES = Size(0, 0)


@admin_page
def storage(request: ConsoleRequest) -> HttpResponse:
    """Sizes and settings; a change is shown with what it deletes before it is made."""
    kept = days_kept()
    form = RetentionForm(posted(request), initial=kept)
    would_go: dict[str, int] = {}
    if request.method == "POST" and form.is_valid():
        days = {family.name: form.cleaned_data[family.name] for family in FAMILIES}
        would_go = preview(days, now=timezone.now())
        is_loss = any(days[name] < kept[name] and would_go[name] for name in days)
        if "save" in request.POST and (not is_loss or form.cleaned_data["is_seen"]):
            with errors_on(form):
                set_retention(days=days, by=actor_of(request.user))
                messages.success(request, gettext("Saved. What is over goes within the hour."))
                return redirect("console:admin-storage")
        elif "save" in request.POST:
            form.add_error("is_seen", gettext("Look at what would be deleted, and say that it may go."))
    return page(request, "console/admin/storage.html", form=form, **_shown(form, would_go))


def _shown(form: RetentionForm, would_go: dict[str, int]) -> dict[str, object]:
    fixed = fixed_families()
    models = {model for kept in FAMILIES for model in kept.models} | {model for kept in fixed for model in kept.models}
    held = sizes(models)
    whole = {family.models: family for family in reversed(FAMILIES)}  # the first with these tables tells their size
    rows = [
        {
            "family": family,
            "field": form[family.name],
            "size": _sum(family.models, held, of_record_files() if family.name == "records" else _NO_FILES),
            "within": str(whole[family.models].title) if whole[family.models] is not family else "",
            "goes": would_go.get(family.name),
        }
        for family in FAMILIES
    ]
    total = sum(size.bytes or 0 for size in held.values())
    is_previewed = bool(would_go)
    others = [{"family": family, "size": _sum(family.models, held)} for family in fixed]
    return {"rows": rows, "others": others, "total": total, "is_previewed": is_previewed}


def _sum(models: Iterable[type[Model]], held: dict[str, Size], files: Size = _NO_FILES) -> Size:
    """The tables of a family and its files together. Roll-ups of all periods share theirs."""
    found = [held[model._meta.db_table] for model in models if model._meta.db_table in held]  # noqa: SLF001 - documented
    known = [size.bytes for size in found if size.bytes is not None]
    rows = files.rows + sum(size.rows for size in found)
    return Size(rows, (files.bytes or 0) + sum(known) if known or files.bytes else None)
