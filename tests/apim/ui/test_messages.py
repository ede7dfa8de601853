"""Catalogues of messages: whole, right in their placeholders and tags, as new as the sources and as the compiled files.

Pure: what is wanted is read from the sources by the tools of script/messages. script/messages mends what is behind.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from tests.untranslated import untranslated

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = settings.STATICFILES_DIRS[0].parent
sys.path.insert(0, str(ROOT / "script"))
from tooling import catalogues, messages, sources  # noqa: E402

CATALOGUES = list(messages.catalogues())
IDS = [f"{name}-{language}" for name, language, _ in CATALOGUES]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|{\w*}")
_NATIVE = "[\u3040-\u30ff\u3400-\u9fff]"  # kana and Chinese characters
# What a translation leaves to no one's taste; addresses and code stand apart and may have blanks around them.
_STYLE = {
    "ja": {
        "a blank beside Latin": rf"{_NATIVE} (?=[A-Za-z0-9%<])|[A-Za-z0-9]>? (?={_NATIVE})",
        "half-width punctuation": rf"{_NATIVE}[,:;?!](?![\d])|{_NATIVE} ?\([^)]*{_NATIVE}",
        "a word of address": "あなた",
    },
    "ko": {"full-width punctuation": "[，。：；？！（）]", "another politeness": "[으하]세요[.?!]"},  # noqa: RUF001
    "zh_Hans": {"half-width punctuation": rf"{_NATIVE}[,:;?!(]", "another politeness": "你"},
}
_APART = re.compile(r"`[^`]*`|<code>.*?</code>|%\(\w*(?:link|url|email)\w*\)s")
_ELEMENT = re.compile(r"</?(?:a|b|br|code|em|i|kbd|p|small|span|strong|time)\b[^>]*>|&\w+;")
_WORDED = ("empty_label", "heading", "help_text", "hint", "label", "lead")  # keywords whose texts people read
each_catalogue = pytest.mark.parametrize(("name", "language", "path"), CATALOGUES, ids=IDS)


@pytest.fixture(scope="module")
def wanted() -> dict[str, list[catalogues.Message]]:
    return sources.messages_of_sources()


@each_catalogue
def test_a_catalogue_is_as_new_as_the_sources(
    wanted: dict[str, list[catalogues.Message]], name: str, language: str, path: Path
) -> None:
    found = messages.merged(wanted[name], language)
    assert path.read_text(encoding="utf-8") == catalogues.po_text(language, found), "run script/messages"


@each_catalogue
def test_every_text_is_translated(name: str, language: str, path: Path) -> None:
    assert [each.text for each in catalogues.read_po(path) if not each.translation or each.is_fuzzy] == []


@each_catalogue
def test_a_translation_keeps_what_is_filled_in(name: str, language: str, path: Path) -> None:
    wrong = []
    for each in catalogues.read_po(path):
        texts = (each.text, each.plural or each.text)
        allowed = [set(_PLACEHOLDER.findall(text)) for text in texts]
        if each.translation and not allowed[0] & allowed[1] <= set(_PLACEHOLDER.findall(each.translation)) <= (
            allowed[0] | allowed[1]
        ):
            wrong.append((each.text, each.translation))
    assert wrong == []


@each_catalogue
def test_a_translation_keeps_elements_and_code(name: str, language: str, path: Path) -> None:
    wrong = [
        (each.text, each.translation)
        for each in catalogues.read_po(path)
        if each.translation
        and (
            sorted(_ELEMENT.findall(each.text)) != sorted(_ELEMENT.findall(each.translation))
            or each.text.count("`") != each.translation.count("`")
        )
    ]
    assert wrong == []


@each_catalogue
def test_a_translation_is_written_in_the_one_style_of_its_language(name: str, language: str, path: Path) -> None:
    wrong = [
        (why, each.translation)
        for each in catalogues.read_po(path)
        for why, pattern in _STYLE[language].items()
        if re.search(pattern, _APART.sub("*", each.translation))
    ]
    assert wrong == []


@each_catalogue
def test_the_compiled_catalogue_is_current(name: str, language: str, path: Path) -> None:
    compiled = catalogues.mo_bytes(language, catalogues.read_po(path))
    assert path.with_suffix(".mo").read_bytes() == compiled, "run script/messages"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_word_of_a_template_can_be_translated(path: Path) -> None:
    assert list(untranslated(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("folder", ["apim/console", "portal"])
def test_every_word_that_a_view_or_form_says_can_be_translated(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{text.lineno}: {text.value}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        for text in (*_told(call), *(each.value for each in call.keywords if each.arg in _WORDED))
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and re.search("[A-Za-z]{2}", text.value)
    ]
    assert wrong == []


def _told(call: ast.Call) -> list[ast.expr]:
    """What `messages.success(request, ...)` and its likes are given to say."""
    is_message = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "messages"
    return call.args[1:2] if is_message else []


def _said_once(tree: ast.Module) -> Iterator[ast.AST]:
    """Texts that a module or class makes while it is imported, when no reader's language is known yet."""
    called = {
        name.asname or name.name: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
    }

    def calls(node: ast.AST, *names: str) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and called.get(node.func.id) in names

    later = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        filled = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and calls(node.left, "gettext_lazy")
        if id(node) not in later and (filled or calls(node, "gettext", "ngettext", "pgettext")):
            yield node


@pytest.mark.parametrize("folder", ["apim", "portal", "gateway_sync"])
def test_no_text_is_said_once_for_every_reader(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in _said_once(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "source", ['HINT = _("After %(days)s days") % {"days": 3}', 'class A:\n    label = gettext("Name")']
)
def test_a_text_said_once_is_found(source: str) -> None:
    imported = "from django.utils.translation import gettext, gettext_lazy as _\n"
    assert len(list(_said_once(ast.parse(imported + source)))) == 1


@pytest.mark.parametrize(
    "template",
    [
        "<p>Not yet</p>",
        '<a title="More">{{ name }}</a>',
        '{% include "x.html" with title="No key" %}',
        "{{ number }} call{{ number|pluralize }}",
        "<b>{% translate 'Kept' %}</b> lost",
        '<input placeholder="Search {{ number }} APIs">',
    ],
)
def test_words_outside_of_translations_are_found(template: str) -> None:
    assert list(untranslated(template))


def test_what_is_translated_or_the_same_everywhere_is_not_found() -> None:
    template = (
        '{% translate "Save" %}<code>apim login</code><a title="{% blocktranslate %}of {{ x }}{% endblocktranslate %}">'
        '{% include "x.html" with title=_("No key") %}OpenAPI {{ number }} ms</a>{# why #}'
    )
    assert list(untranslated(template)) == []


def test_texts_are_found_in_python_and_in_templates() -> None:
    code = 'from x import gettext as _\n_("One" " text")\nngettext("%(n)s key", "%(n)s keys", n)\n_(variable)\n'
    found = list(sources.python_texts(code, "x.py"))
    assert [(each.text, each.plural) for each in found] == [("One text", ""), ("%(n)s key", "%(n)s keys")]
    template = (
        '{% load i18n %}{% translate "It\'s 5%" %}{% include "x" with a=_("No") %}{% translate "C" context "d" %}'
    )
    assert [(each.text, each.context) for each in sources.template_texts(template, "x.html")] == [
        ("It's 5%%", ""),
        ("No", ""),
        ("C", "d"),
    ]


def test_a_written_catalogue_reads_the_same_and_is_stable() -> None:
    told = [
        catalogues.Message('He said "no"\n%(name)s', translation="「いいえ」\n%(name)s", sources=["b.py"]),
        catalogues.Message(
            "%(n)s key", plural="%(n)s keys", translation="%(n)s 個のキー", sources=["a.py"], notes=["keys"]
        ),
        catalogues.Message("Open", context="an invoice", translation="未払い", sources=["a.py"]),
    ]
    text = catalogues.po_text("ja", told)
    assert catalogues.po_text("ja", reversed(told)) == text
    path = Path(settings.ENV.home) / "written.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert sorted(catalogues.read_po(path), key=lambda each: each.text) == sorted(told, key=lambda each: each.text)


def test_merging_keeps_translations_and_drops_what_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(messages, "_FOLDERS", {name: tmp_path / name for name in messages.LANGUAGES})
    path = messages.po_path("console", "ja")
    path.parent.mkdir(parents=True)
    known = [catalogues.Message("Kept", translation="保つ"), catalogues.Message("Gone", translation="消える")]
    path.write_text(catalogues.po_text("ja", known), encoding="utf-8")
    moved = messages.merged([catalogues.Message("Kept"), catalogues.Message("New")], "ja")
    assert [(each.text, each.translation) for each in moved] == [("Kept", "保つ"), ("New", "")]
