"""The words of gateways for what came of a try are known, each of them."""

from __future__ import annotations

import pytest
from django.utils import translation

from apim.usage.outcomes import try_words
from gateway_sync.runtime.composed_step import WORDS
from gateway_sync.runtime.core.composed_outcomes import NOT_RUN, SKIPPED
from gateway_sync.runtime.core.retrying import RESET, STATUS, TIMEOUT, UNREACHED


@pytest.mark.parametrize("word", [RESET, STATUS, TIMEOUT, UNREACHED, NOT_RUN, SKIPPED, *WORDS.values(), "abandoned"])
def test_every_word_of_a_gateway_is_translated(word: str) -> None:
    with translation.override("ja"):
        assert not try_words(word).isascii()


def test_a_word_of_another_release_stays() -> None:
    assert try_words("unheard-of") == "unheard-of"
