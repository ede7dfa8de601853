"""What subscribers of an API are promised, beside what its services bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext

from apim.access.commitments import commitments
from apim.accounts.services import actor_of
from apim.console.forms.apis import CapacityForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import can_edit, find_api, find_api_to_edit
from apim.products.services import set_capacity
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def capacity_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """Who may call how much, the sum of it, and what the services bear; who may edit the API says the latter."""
    find = find_api_to_edit if request.method == "POST" else find_api
    api = find(request.user, name)
    (commitment,) = commitments([api])
    form = CapacityForm(posted(request), initial={"calls_per_s": commitment.bears_per_s})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            set_capacity(api=api, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, gettext("Saved. Nobody is held to it; pages warn where more is promised."))
            return redirect("console:api-capacity", api.name)
    return page(
        request,
        "console/apis/capacity.html",
        api=api,
        commitment=commitment,
        form=form,
        can_edit=can_edit(request.user, api),
    )
