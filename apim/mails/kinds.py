"""The registry: every kind of mail that this product sends, with what may be said in it.

Owns: the declarations, one place for all; each app makes its own in its `mail_kinds`. Must not know: who is told, when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from apim.errors import NotFound

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Something that a mail names.

    Shapes: is_needed = a text without it is of no use, such as one without its code; is_markdown = its value is a text
    that people wrote as Markdown, all others are plain.
    """

    name: str
    meaning: str | _StrPromise
    sample: str | _StrPromise
    is_needed: bool = False
    is_markdown: bool = False


@dataclass(frozen=True, slots=True)
class MailKind:
    """One mail of the product.

    Shapes: subject is the built-in one, with `%(placeholder)s`; the built-in body is either a text of the same form or
    the path of a template, which is given the placeholders' values and flags. flags are what only the built-in text
    asks for, each with its value in a sample; "" is no.
    """

    name: str
    title: str | _StrPromise
    reader: str | _StrPromise
    subject: str | _StrPromise
    placeholders: Sequence[Placeholder]
    body: str | _StrPromise = ""
    template: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def markdown(self) -> set[str]:
        """The placeholders whose values are Markdown."""
        return {each.name for each in self.placeholders if each.is_markdown}

    @property
    def samples(self) -> dict[str, str]:
        """A value for each placeholder, in the language that is spoken here."""
        return {each.name: str(each.sample) for each in self.placeholders}


_KINDS: Final[dict[str, MailKind]] = {}


def declare(*kinds: MailKind) -> None:
    """Put kinds in the registry; a name belongs to one."""
    for kind in kinds:
        if _KINDS.setdefault(kind.name, kind) is not kind:
            raise ValueError(f"two kinds of mail are named {kind.name}")


def mail_kinds() -> list[MailKind]:
    """Every kind, by its name."""
    return [_KINDS[name] for name in sorted(_KINDS)]


def mail_kind(name: str) -> MailKind:
    """The kind of this name. Errors: NotFound."""
    if name not in _KINDS:
        raise NotFound("mails.no_such_kind", f"There is no mail of the kind {name}.")
    return _KINDS[name]
