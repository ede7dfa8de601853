"""What gateways say befell a target is known."""

from __future__ import annotations

import pytest
from django.utils import translation

from apim.console.target_events import event_words
from gateway_sync.runtime.core.breakers import STATES


@pytest.mark.parametrize(
    "what",
    [
        *(f"breaker {state}" for state in STATES),
        "ejected for 30 s",
        "ejected for 0.5 s",
        "down: its health check fails",
        "up: its health check succeeds again",
    ],
)
def test_every_event_of_a_target_is_translated(what: str) -> None:
    with translation.override("ja"):
        assert not event_words(what).isascii()


def test_an_event_of_another_release_stays() -> None:
    assert event_words("unheard of") == "unheard of"
