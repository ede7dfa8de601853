"""Fields of quotas: sizes and weights as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.ui.templatetags.formats import quantity

_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*(B|kB|MB|GB|TB)?", re.ASCII | re.IGNORECASE)
_FACTORS: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


class SizeField(forms.Field):
    """A number of bytes, written like `10 GB`; None when empty."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", gettext_lazy("Such as 500 MB or 10 GB."))
        super().__init__(required=False, **kwargs)

    def to_python(self, value: object) -> Any:
        """The bytes."""
        text = str(value or "").strip()
        if not text:
            return None
        found = _SIZE.fullmatch(text.replace(",", ""))
        size = Decimal(found[1]) * _FACTORS[(found[2] or "").lower()] if found else Decimal(0)
        if size < 1 or size != size.to_integral_value():
            raise ValidationError(gettext("%(text)s is no size; 10 GB is one.") % {"text": text}, code="size")
        return int(size)

    def prepare_value(self, value: Any) -> Any:
        """The text for a number; the number itself where the text would round it."""
        if not isinstance(value, int):
            return value
        text = quantity(value, "bytes")
        return text if self.to_python(text) == value else str(value)


class WeightsField(forms.Field):
    """What operations cost, one a line: `POST /transfers 5`."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: object) -> Any:
        """The costs by operation."""
        found: dict[str, int] = {}
        for line in str(value or "").splitlines():
            name, _, cost = line.strip().rpartition(" ")
            if not line.strip():
                continue
            if not name or not (cost.isascii() and cost.isdecimal()) or len(cost) > len("1000000"):
                message = gettext("“%(line)s” is no operation with its cost; POST /transfers 5 is one.")
                raise ValidationError(message % {"line": line.strip()}, code="weights")
            found[name.strip()] = int(cost)
        return found

    def prepare_value(self, value: Any) -> Any:
        """The lines of costs."""
        return "\n".join(f"{name} {cost}" for name, cost in value.items()) if isinstance(value, Mapping) else value
