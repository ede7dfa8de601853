"""What an API is about, in its owner's words: tags, and one category."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MOST_TAGS: Final = 12
LONGEST_TAG: Final = 40
LONGEST_CATEGORY: Final = 60


def tidy_tags(words: Iterable[object]) -> list[object]:
    """The words without blanks around them, each once whatever its case, in their order; what is no word stays."""
    kept: dict[object, object] = {}
    for word in words:
        tag = " ".join(word.split()) if isinstance(word, str) else word
        if tag:
            kept.setdefault(tag.casefold() if isinstance(tag, str) else repr(tag), tag)
    return list(kept.values())


def check_tags(value: object) -> None:
    """Refuse what is no short list of short words; a comma would end a tag in forms and links."""
    if not isinstance(value, list) or not all(isinstance(tag, str) and tag.strip() for tag in value):
        raise ValidationError(_("Tags are a list of words."))
    if len(value) > MOST_TAGS:
        raise ValidationError(_("Name %(most)d tags at most."), params={"most": MOST_TAGS})
    if any(len(tag) > LONGEST_TAG or "," in tag for tag in value):
        raise ValidationError(
            _("A tag has %(longest)d characters at most and no comma."), params={"longest": LONGEST_TAG}
        )
    if len({tag.casefold() for tag in value}) != len(value):
        raise ValidationError(_("Name each tag once."))
