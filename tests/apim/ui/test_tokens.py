"""The colour tokens keep the contrast that WCAG 2.2 AA asks for, in both themes."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)",
        (settings.STATICFILES_DIRS[0] / "css/apim.css").read_text(),
    )
}
TEXTS = ("text", "muted", "accent", "ok", "warn", "danger")
TEXT_RATIO, EDGE_RATIO = 4.5, 3.0


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours as WCAG computes it."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["bg", "surface", "raised"])
@pytest.mark.parametrize("text", TEXTS)
def test_text_can_be_read(theme: int, ground: str, text: str) -> None:
    assert contrast(TOKENS[text][theme], TOKENS[ground][theme]) >= TEXT_RATIO


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("kind", ["accent", "ok", "warn", "danger"])
def test_coloured_words_can_be_read_on_their_own_ground(theme: int, kind: str) -> None:
    assert contrast(TOKENS[kind][theme], TOKENS[f"{kind}-soft"][theme]) >= TEXT_RATIO


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("edge", ["border", *(f"chart-{number}" for number in range(1, 7))])
def test_edges_and_charts_can_be_seen(theme: int, edge: str) -> None:
    assert contrast(TOKENS[edge][theme], TOKENS["bg"][theme]) >= EDGE_RATIO


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_word_on_a_button_can_be_read(theme: int) -> None:
    assert contrast(TOKENS["on-accent"][theme], TOKENS["accent"][theme]) >= TEXT_RATIO
