"""Kinds of objects in the audit log as people call them."""

from __future__ import annotations

import pytest
from django.utils import translation

from apim.audit.words import kind_named, kind_words


@pytest.mark.parametrize(
    ("kind", "words"),
    [("planversion", "plan version"), ("apiversion", "API version"), ("credential", "key"), ("gone", "gone")],
)
def test_a_kind_is_told_and_found_in_words(kind: str, words: str) -> None:
    assert kind_words(kind) == words
    assert kind_named(words.capitalize()) == kind
    assert kind_named(kind) == kind


def test_a_kind_is_found_by_its_words_in_the_reader_s_language() -> None:
    with translation.override("ja"):
        assert kind_words("planversion") != "plan version"
        assert kind_named(kind_words("planversion")) == "planversion"
