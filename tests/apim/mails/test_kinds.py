"""The registry of mails: each kind can be shown, edited and sent, and nothing is sent beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from apim.mails.filling import placeholders_in
from apim.mails.kinds import MailKind, mail_kinds
from apim.mails.writing import Source, built_in, sample_of, written_as

KINDS = mail_kinds()
ROOT: Path = settings.STATICFILES_DIRS[0].parent


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_built_in_text_asks_for_what_is_declared_and_no_more(kind: MailKind) -> None:
    for language, _ in settings.LANGUAGES:
        with translation.override(language):
            source = built_in(kind)
        asked = {*placeholders_in(source.subject), *placeholders_in(source.body)}
        assert asked <= set(kind.samples), language
        assert {each.name for each in kind.placeholders if each.is_needed} <= asked, language
        assert source.subject
        assert "%(" not in source.subject + source.body


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_built_in_text_says_the_same_when_an_admin_keeps_it_as_it_is(kind: MailKind) -> None:
    kept = written_as(kind, built_in(kind), {**kind.samples, **dict.fromkeys(kind.flags, "")})
    assert kept.subject == sample_of(kind).subject
    assert "{" not in kept.text


def test_only_the_registry_and_the_backend_send() -> None:
    """Announcements hand over in batches what the registry wrote; the console sends an admin a test of a text."""
    allowed = {
        "apim/announcements/services.py",
        "apim/console/views/admin/mails.py",
        "apim/mails/writing.py",
        "apim/notifications/backend.py",
        "apim/notifications/posting.py",
        "apim/notifications/services.py",
    }
    sending = re.compile(r"\bimport .*\bsend_mail\b|\bEmailMessage\(|\bEmailMultiAlternatives\(")
    modules = [path for package in ("apim", "portal", "gateway_sync") for path in (ROOT / package).rglob("*.py")]
    senders = {path.relative_to(ROOT).as_posix() for path in modules if sending.search(path.read_text())}
    assert senders == allowed


def test_a_value_is_text_whatever_it_looks_like() -> None:
    kind = next(each for each in KINDS if each.name == "access.key_leaked")
    evil = {"key": "<script>x</script>", "application": "[press](https://evil.example) {link}", "found_at": ""}
    written = written_as(
        kind,
        Source(
            "{application}\nBcc: all@example.org", "**{key}** of {application}\n\nWhere: {found_at}\n\n[See]({link})"
        ),
        {**evil, "link": "https://apis.example.com/my/apps/app_1"},
    )
    assert "\n" not in written.subject
    assert "<script" not in written.html
    assert "<strong>&lt;script&gt;x&lt;/script&gt;</strong>" in written.html
    assert re.findall(r'href="([^"]+)"', written.html) == ["https://apis.example.com/my/apps/app_1"]
    assert "Where" not in written.text + written.html
    assert "{link} " not in written.text.replace(evil["application"], "")


def test_a_template_tag_in_an_admins_text_is_text() -> None:
    kind = next(each for each in KINDS if each.name == "billing.unpaid")
    hostile = "{% load static %}{{ settings.SECRET_KEY }} {product.__class__} %(link)s {0} {link}"
    written = written_as(kind, Source("{product}", hostile), kind.samples)
    assert written.text.startswith(
        "{% load static %}{{ settings.SECRET_KEY }} {product.__class__} %(link)s {0} https://"
    )
