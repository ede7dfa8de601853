"""The sign-up form."""

from __future__ import annotations

from allauth.account.forms import SignupForm
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse


class EvenSignupForm(SignupForm):
    """Takes as long for an address that has an account as for a new one, so that the time tells nobody which it is."""

    def try_save(self, request: HttpRequest) -> tuple[AbstractBaseUser | None, HttpResponse | None]:
        """The new person and no answer; or nobody, and the answer that a new person would have got."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        made: tuple[AbstractBaseUser | None, HttpResponse | None] = super().try_save(request)
        return made
