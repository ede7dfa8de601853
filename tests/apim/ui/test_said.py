"""Sentences of pure modules in the reader's language."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest
from django.utils import translation

from apim.ui.said import said, said_both

ROOT = Path(__file__).parents[3]
# What a view has said already, what a server abroad said, and codes.
_SAID_BEFORE = {"job.error", "message.error", "result.error", "each.outcome", "report.counts.error"}


@pytest.fixture
def tooling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "script"))
    return importlib.import_module("tooling.said")


def test_a_filled_sentence_is_known_again_and_filled_with_the_same_words() -> None:
    with translation.override("ja"):
        known = said('"limit" must be a rate.')
    assert "limit" in known
    assert "must be" not in known


def test_a_message_and_its_hint_are_told_together() -> None:
    with translation.override("ja"):
        both = said_both("Name the origins.", "Leave it out.")
    assert both == f"{_in_japanese('Name the origins.')} {_in_japanese('Leave it out.')}"


def test_of_several_sentences_each_is_told_that_is_known() -> None:
    with translation.override("ja"):
        known, foreign = said("Name the origins.\nYour card has too little on it.").split("\n")
    assert known == _in_japanese("Name the origins.")
    assert foreign == "Your card has too little on it."


def test_what_is_not_known_and_what_is_english_stay_as_they_are() -> None:
    assert said("Name the origins.") == "Name the origins."
    with translation.override("ja"):
        assert said("An owner's own words.") == "An owner's own words."


def test_the_list_holds_what_the_sources_say(tooling: ModuleType) -> None:
    assert tooling.LIST.read_text(encoding="utf-8") == tooling.text(), "run script/messages"


def test_both_ways_of_saying_something_are_sentences_and_short_ones_are_none(tooling: ModuleType) -> None:
    code = """def f(a, b):
    'Not said, for it is a docstring.'
    return (f"The body {'is' if a else 'was'} {b} now.", f"{a} of {b}.")
"""
    assert set(tooling.sentences(code)) == {"The body is %(b)s now.", "The body was %(b)s now."}


def test_templates_say_what_is_kept_in_english_in_the_language_of_who_reads() -> None:
    """Fields in which services and workers keep English sentences are shown by a filter that says them."""
    said_by = r"(?!\w)(?!\|(?:said|outcome_words|with_code))"
    kept = re.compile(r"(?:\{\{ *|=)[\w.]*\.(?:automatic_note|error|outcome)" + said_by)
    wrong = [
        f"{path.name}: {found[0]}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for found in kept.finditer(path.read_text(encoding="utf-8"))
        if found[0].lstrip("{= ") not in _SAID_BEFORE
    ]
    assert wrong == []


def _in_japanese(text: str) -> str:
    with translation.override("ja"):
        return said(text)


def test_a_name_made_of_the_words_of_sentences_costs_no_more_than_another() -> None:
    crafted = f"`a{'` of x was y and is z' * 90}"  # with backtracking, this test would not end
    with translation.override("ja"):
        assert said(crafted) == crafted
        assert said("`a` of b was c and is d.") != "`a` of b was c and is d."
