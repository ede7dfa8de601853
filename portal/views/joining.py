"""Confirming the address of an account that was begun with a key: whoever reads the mail chooses a password."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apim.errors import NotFound
from apim.onboarding.provisional import account_of, confirm_account
from apim.ui.forms import errors_on
from portal.entering import let_in
from portal.forms.joining import PasswordForm
from portal.rendering import page, posted

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def confirm_address(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the mailed link."""
    try:
        account = account_of(token)
    except NotFound as error:
        response = page(request, "portal/join_over.html", {"error": error})
        response.status_code = HTTPStatus.NOT_FOUND
        return response
    form = PasswordForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            user = confirm_account(token=token, password=form.cleaned_data["password"])
            let_in(request, user)
            messages.success(request, gettext("Your address is confirmed; the account is yours."))
            return redirect("portal:home")
    return page(request, "portal/join.html", {"form": form, "email": account.email})
