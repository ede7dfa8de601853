"""How the services' refusals reach a form or the next page: the one place where apim.errors become words on pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from django.contrib import messages
from django.core.exceptions import ValidationError

from apim.errors import DomainError, Problems
from apim.ui.said import said_both

if TYPE_CHECKING:
    from django.forms import BaseForm
    from django.http import HttpRequest


@runtime_checkable
class Placing(Protocol):
    """A form whose fields have other names than those that services refuse by."""

    def place_of(self, field: str) -> str:
        """The form's name for a service's field; any other name as it is."""


@contextmanager
def errors_on(form: BaseForm) -> Iterator[None]:
    """Runs the block; what a service refuses in it becomes errors of the form, beside the field at fault."""
    try:
        yield
    except Problems as problems:
        for error in problems.errors:
            _add(form, error)
    except DomainError as error:
        _add(form, error)


@contextmanager
def errors_told(request: HttpRequest) -> Iterator[None]:
    """Runs the block; what a service refuses in it is told on the next page. For acts without a form."""
    try:
        yield
    except DomainError as error:
        messages.error(request, sentence(error))


def sentence(error: DomainError) -> str:
    """The refusal and how to mend it, for people."""
    return said_both(error.message, error.hint)


def _add(form: BaseForm, error: DomainError) -> None:
    """Shapes: a dotted field (`terms.rate`) belongs to the first of its parts that the form knows."""
    name = form.place_of(error.field) if isinstance(form, Placing) else error.field
    field = next((part for part in name.split(".") if part in form.fields), None)
    form.add_error(field, ValidationError(sentence(error), code=error.code))
