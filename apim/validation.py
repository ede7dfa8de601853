"""From Django's validation of a row to the typed errors that services raise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils.translation import gettext as _

from apim.errors import DomainError, Invalid, Problems
from apim.listing import enumerated


def require_clean(instance: models.Model, *, prefix: str, taken_hint: str = "") -> None:
    """Refuse a row that breaks a rule of its fields, its `clean` or its constraints.

    Shapes: prefix is the app's, the start of each error's code.
    Errors: Problems with one Invalid a fault, `<prefix>.name_taken` for a name in use, else `<prefix>.invalid_value`.
    """
    try:
        instance.full_clean()
    except ValidationError as error:
        hint = taken_hint or _("Choose another name; names are unique in the whole installation.")
        raise Problems(tuple(_errors_of(error, prefix, hint))) from error


def _errors_of(error: ValidationError, prefix: str, taken_hint: str) -> Iterable[DomainError]:
    for name, faults in error.error_dict.items():
        field = "" if name == NON_FIELD_ERRORS else name
        for fault in faults:
            text = fault.messages[0]
            is_name_taken = fault.code in {"unique", "unique_together"} and field in {"name", ""}
            if is_name_taken:
                yield Invalid(f"{prefix}.name_taken", _("This name is taken."), field="name", hint=taken_hint)
            else:
                yield Invalid(f"{prefix}.invalid_value", text, field=field)


def require_known(changes: Mapping[str, Any], known: Iterable[str], *, prefix: str, noun: str) -> None:
    """Refuse changes of fields that noun does not have or that are not changed this way."""
    names = sorted(known)
    for name in changes:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = (
                _("Did you mean `%(name)s`?") % {"name": near[0]}
                if near
                else _("Fields: %(names)s.") % {"names": enumerated(names)}
            )
            raise Invalid(
                f"{prefix}.unknown_field",
                _("%(noun)s has no changeable field `%(name)s`.") % {"noun": noun, "name": name},
                field=name,
                hint=hint,
            )
