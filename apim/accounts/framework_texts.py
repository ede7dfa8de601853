"""What Django says to people and its own catalogue lacks in one of our languages: read from here into ours."""

from __future__ import annotations

from typing import Final

from django.utils.translation import ngettext_lazy

TEXTS: Final = (
    ngettext_lazy(  # its Chinese is of an earlier wording
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
)
