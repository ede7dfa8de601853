"""Contrast as WCAG computes it, and the nearest colour that has enough of it."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from apim.ui import colours
from apim.ui.colours import TEXT_RATIO, contrast, judge, normal_colour, readable_on_dark

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_black_on_white_has_the_most_contrast_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails


@pytest.mark.parametrize(
    ("typed", "colour"),
    [("#FFCC00", "#ffcc00"), (" fc0 ", "#ffcc00"), ("#fc0", "#ffcc00"), ("red", ""), ("#12345", ""), ("url(x)", "")],
)
def test_a_colour_is_taken_as_people_write_it(typed: str, colour: str) -> None:
    assert normal_colour(typed) == colour


def test_grounds_and_accents_are_those_of_the_stylesheet() -> None:
    sheet = (settings.STATICFILES_DIRS[0] / "css/apim.css").read_text()
    tokens = dict(re.findall(r"--(bg|surface|accent): light-dark\((#\w+, #\w+)\)", sheet))
    assert tokens["bg"] == f"{colours.GROUNDS['light'][0]}, {colours.GROUNDS['dark'][0]}"
    assert tokens["surface"] == f"{colours.GROUNDS['light'][1]}, {colours.GROUNDS['dark'][1]}"
    assert tokens["accent"] == f"{colours.DEFAULT_ACCENTS['light']}, {colours.DEFAULT_ACCENTS['dark']}"


@given(accent=COLOURS, theme=st.sampled_from(["light", "dark"]))
def test_the_nearest_colour_can_be_read_and_one_that_can_is_its_own_nearest(accent: str, theme: str) -> None:
    nearest = judge(accent, theme).nearest
    assert judge(nearest, theme).least >= TEXT_RATIO
    assert judge(nearest, theme).nearest == nearest


def test_yellow_is_made_darker_on_light_pages_and_left_on_dark_ones() -> None:
    verdict = judge("#ffcc00", "light")
    assert (round(verdict.page, 2), verdict.passes, verdict.nearest) == (1.51, False, "#886c00")
    assert readable_on_dark("#ffcc00") == "#ffcc00"
    assert readable_on_dark("#001133") != "#001133"
