"""Kinds of objects in the audit log as people call them."""

from __future__ import annotations

import pytest

from apim.audit.words import kind_named, kind_words


@pytest.mark.parametrize(
    ("kind", "words"),
    [("planversion", "plan version"), ("apiversion", "API version"), ("credential", "key"), ("gone", "gone")],
)
def test_a_kind_is_told_and_found_in_words(kind: str, words: str) -> None:
    assert kind_words(kind) == words
    assert kind_named(words.capitalize()) == kind
    assert kind_named(kind) == kind
