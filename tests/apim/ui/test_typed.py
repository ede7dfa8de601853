"""Whoever types the name that is asked for goes on, whatever the name is; whoever types another one does not."""

from __future__ import annotations

import pytest

from apim.ui.typed import TypedForm


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("checkout", "checkout"),
        ("bank v1", " bank v1 "),
        ("a  key", "a key"),
        (f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example.com", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example.com"),
    ],
    ids=["a name", "blanks around it", "blanks that a page shows as one", "a long address"],
)
def test_the_name_as_it_is_read_goes(name: str, typed: str) -> None:
    assert TypedForm({"typed": typed}, name=name).is_valid()


@pytest.mark.parametrize("typed", ["", " ", "Checkout", "check out", "checkout2"])
def test_anything_else_does_not(typed: str) -> None:
    assert not TypedForm({"typed": typed}, name="checkout").is_valid()
