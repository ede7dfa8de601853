"""Texts of a template that nobody can translate: words outside `translate`, `blocktranslate` and `_()`."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Names, formats and units that are the same in every language.
_SAME_EVERYWHERE = """
API APIs apim apim.yaml Atom CLI CSV curl GET Go gRPC HSTS HTTP HTTPS id ID IP Java JavaScript JSON JSONL kB Markdown ms
OAuth OpenAPI POST Python REST s SDK Stripe TLS URL UTC webhook-id webhook-timestamp webhook-signature x YAML
"""
NAMES = frozenset(_SAME_EVERYWHERE.split())
_COMMENTS = re.compile(
    r"{#.*?#}|{% comment.*?%}.*?{% endcomment %}|<!--.*?-->|{% block \w*_class %}.*?{% endblock %}", re.DOTALL
)
_TRANSLATED = re.compile(
    r"{%-?\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}|{%\s*trans(?:late)?\b.*?%}", re.DOTALL
)
_MARKED = re.compile(r"""_\((?:"[^"]*"|'[^']*')\)""")
_TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
_ARGUMENT = re.compile(
    r"""\b(?:title|text|label|hint|note|message|heading|lead|caption|verb|unit|word|name|empty)="([^"]*)"|"""
    r"""\|(?:default|default_if_none|yesno|pluralize|add)(?::"([^"]*)")?|{%\s*status_bars\s+\S+\s+"([^"]*)\""""
)
_CODE = re.compile(r"<(script|style|pre|code|kbd|svg)\b.*?</\1>", re.DOTALL)
_ELEMENT = re.compile(r"""<(?!\s)(?:"[^"]*"|'[^']*'|[^>"'])*>""", re.DOTALL)
_ATTRIBUTE = re.compile(
    r"\b(?:aria-label|aria-description|aria-roledescription|aria-valuetext|title|alt|placeholder|content|summary|"
    r'data-label|data-announce|data-[a-z-]*(?:text|title|word|words|message|confirm))="([^"]*)"'
)
_WORD = re.compile(r"[A-Za-z][A-Za-z.'-]*[A-Za-z]|[A-Za-z]")
_ENTITY = re.compile(r"&\w+;")
GAP = "\x00"  # where something was that is no text


def untranslated(template: str) -> Iterator[str]:
    """Each text with words that stands for itself."""
    rest = _without_translations(template)
    for tag in _TAG.findall(rest):
        for found in _ARGUMENT.finditer(tag):
            text = next((each for each in found.groups() if each), "")
            if "pluralize" in found[0] or (_has_words(text) and (" " in text or text[:1].isupper())):
                yield tag
    rest = without_tags(rest)
    for element in _ELEMENT.findall(rest):
        if not element.startswith("<meta"):
            yield from (value for value in _ATTRIBUTE.findall(element) if _has_words(value))
    yield from (
        text.strip() for text in re.split(f"{_ELEMENT.pattern}|{GAP}", rest, flags=re.DOTALL) if _has_words(text)
    )


def without_tags(template: str) -> str:
    """The template's own text and elements, with GAP for tags, translations and code."""
    return _CODE.sub(GAP, _TAG.sub(GAP, _without_translations(template)))


def _without_translations(template: str) -> str:
    return _MARKED.sub(GAP, _TRANSLATED.sub(GAP, _COMMENTS.sub(GAP, template)))


def _has_words(text: str) -> bool:
    return any(word not in NAMES for word in _WORD.findall(_ENTITY.sub("", text)))
