"""Lines of places in a text, in bounded time whatever the text."""

from __future__ import annotations

import time

import pytest

from apim.openapi.positions import TextPositions


@pytest.mark.parametrize(("format_name", "opening"), [("json", '{"paths": 1,'), ("yaml", "{paths: 1,")])
def test_scan_of_a_huge_text_ends_early(format_name: str, opening: str) -> None:
    text = f'{opening} "x": [{"1," * 3_000_000}1], "y": 2}}'
    started = time.process_time()
    assert TextPositions(text, format_name).lines([("paths",)]) == {("paths",): 1}
    assert time.process_time() - started < 0.5
    assert TextPositions(text, format_name).lines([("y",)]) == {("y",): 1}
    assert time.process_time() - started < 10
