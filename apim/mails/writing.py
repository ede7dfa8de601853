"""What a mail says: an admin's own text in the reader's language, else the built-in one.

Owns: choosing and filling. Must not know: who the reader is, and how mail leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from apim.mails.filling import fill, fill_markdown, plain_as_html
from apim.mails.kinds import MailKind, mail_kind
from apim.mails.models import MailText
from apim.ui.language import speaking


@dataclass(frozen=True, slots=True)
class Written:
    """A mail in both forms. Shapes: html is what stands between the look's head and foot; "" = as the text says."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Source:
    """A text with its placeholders, as admins edit it."""

    subject: str
    body: str


def write(name: str, values: Mapping[str, object], *, language: str = "") -> Written:
    """The mail of a kind with its values.

    Shapes: language "" = the one that is spoken here. A value may be a lazy translation, or a function that makes it:
    both speak the language of the mail.
    """
    kind = mail_kind(name)
    if not language:
        return _written(kind, _texts(values))
    with speaking(language):
        return _written(kind, _texts(values))


def send(words: Written, *, to: str) -> None:
    """Hand a mail to Django's backend, which is ours; for apps below apim.notifications."""
    mail = EmailMultiAlternatives(words.subject, words.text, to=[to])
    if words.html:
        mail.attach_alternative(words.html, "text/html")
    mail.send()


def written_as(kind: MailKind, source: Source, values: Mapping[str, str]) -> Written:
    """The mail that an admin's text makes of these values."""
    subject = " ".join(fill(source.subject, values).split())
    return Written(
        subject, f"{fill(source.body, values).strip()}\n", fill_markdown(source.body, values, markdown=kind.markdown)
    )


def built_in(kind: MailKind) -> Source:
    """The built-in text in the language that is spoken here, its placeholders in the form that admins write."""
    tokens = {name: f"{{{name}}}" for name in kind.samples}
    return Source(str(kind.subject) % tokens, _body(kind, {**tokens, **kind.flags}).strip())


def sample_of(kind: MailKind, source: Source | None = None) -> Written:
    """The mail as it would look: the built-in one, or that of an admin's text."""
    if source is not None:
        return written_as(kind, source, kind.samples)
    values = {**kind.samples, **kind.flags}
    text = _body(kind, values)
    return Written(" ".join((str(kind.subject) % values).split()), text, plain_as_html(text))


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    found = {name: value() if callable(value) else value for name, value in values.items()}
    return {name: "" if value is None else str(value) for name, value in found.items()}


def _written(kind: MailKind, values: Mapping[str, str]) -> Written:
    own = MailText.objects.filter(kind=kind.name, language=translation.get_language()).first()
    if own is not None:
        return written_as(kind, Source(own.subject, own.body), values)
    return Written(" ".join((str(kind.subject) % values).split()), _body(kind, values), "")


def _body(kind: MailKind, values: Mapping[str, str]) -> str:
    if kind.template:
        return render_to_string(kind.template, dict(values))
    return f"{str(kind.body) % values}\n"
