"""Writes of mails' texts: an admin's own for a kind and a language, and back to the built-in one.

Owns: what such a text may hold. Must not know: pages.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import DomainError, Invalid, Problems
from apim.listing import enumerated
from apim.mails.filling import placeholders_in
from apim.mails.kinds import MailKind
from apim.mails.models import MailText
from apim.mails.writing import Source
from apim.validation import require_clean

_SHOWN_CONTROLS: Final = "\n\t"
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they reorder what is read


@transaction.atomic
def set_text(*, kind: MailKind, language: str, source: Source, by: Actor) -> MailText:
    """The text that mails of the kind say in the language from now on.

    Errors: Problems of mails.unknown_placeholder, mails.placeholder_missing, mails.characters, mails.no_such_language,
    mails.invalid_value.
    """
    check(kind=kind, language=language, source=source)
    found = MailText.objects.select_for_update().filter(kind=kind.name, language=language).first()
    before = state_of(found) if found else None
    text = found or MailText(kind=kind.name, language=language)
    text.subject, text.body = source.subject, source.body
    require_clean(text, prefix="mails")
    text.save()
    record(by=by, action="mail_text.set", target=text, before=before, after=state_of(text))
    return text


@transaction.atomic
def back_to_built_in(*, kind: MailKind, language: str, by: Actor) -> None:
    """Have mails of the kind say the built-in text in the language again."""
    found = MailText.objects.select_for_update().filter(kind=kind.name, language=language).first()
    if found is not None:
        record(by=by, action="mail_text.back_to_built_in", target=found, before=state_of(found))
        found.delete()


def check(*, kind: MailKind, language: str, source: Source) -> None:
    """Refuse a text that could not be sent, or would not help who reads it."""
    errors: list[DomainError] = []
    if language not in dict(settings.LANGUAGES):
        errors.append(Invalid("mails.no_such_language", gettext("No mail is written in that language.")))
    for field, text in (("subject", source.subject), ("body", source.body)):
        errors += _unknown(kind, field, text) + _unseen(field, text)
    asked = {*placeholders_in(source.subject), *placeholders_in(source.body)}
    for each in kind.placeholders:
        if each.is_needed and each.name not in asked:
            words = gettext("The text must hold {%(name)s}: without it the mail is of no use to who reads it.")
            errors.append(Invalid("mails.placeholder_missing", words % {"name": each.name}, field="body"))
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))


def _unknown(kind: MailKind, field: str, text: str) -> list[DomainError]:
    known = [each.name for each in kind.placeholders]
    words = gettext("There is no {%(name)s} in this mail.")
    hint = gettext("It knows %(names)s.") % {"names": enumerated(f"{{{name}}}" for name in known)}
    return [
        Invalid("mails.unknown_placeholder", words % {"name": name}, hint=hint, field=field)
        for name in placeholders_in(text)
        if name not in known
    ]


def _unseen(field: str, text: str) -> list[DomainError]:
    """A subject of two lines would be two fields of the mail's head."""
    allowed = _SHOWN_CONTROLS if field == "body" else ""
    if all((unicodedata.category(letter) != "Cc" or letter in allowed) and letter not in _TURNING for letter in text):
        return []
    words = (
        gettext("The text holds characters that are not shown.")
        if field == "body"
        else gettext("The subject is one line, without characters that are not shown.")
    )
    return [Invalid("mails.characters", words, hint=gettext("Type it anew."), field=field)]
