"""The form of keys."""

from __future__ import annotations

import pytest

from apim.access.keys import is_well_formed, new_key, prefix_of


def test_a_key_of_the_default_environment_says_live() -> None:
    key = new_key("default")
    assert key.startswith("apim_live_")
    assert len(key) == len("apim_live_") + 32 + 6


@pytest.mark.parametrize("name", ["test", "staging-eu-west", "Ä", "a_b", "X"])
def test_a_key_of_any_environment_is_well_formed_and_its_prefix_fits_the_column(name: str) -> None:
    key = new_key(name)
    assert is_well_formed(key)
    assert len(prefix_of(key)) <= 24


def test_two_keys_are_never_equal() -> None:
    assert len({new_key("default") for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"),
        str.lower,
        lambda key: key[1:],
        lambda key: key + "\n",
        lambda key: f" {key}",
        lambda key: key[:-7],
    ],
)
def test_a_changed_key_is_told_by_its_checksum(change: object) -> None:
    assert not is_well_formed(change(new_key("default")))  # type: ignore[operator]


def test_the_prefix_shows_six_random_characters() -> None:
    key = new_key("default")
    assert prefix_of(key) == key[: len("apim_live_") + 6]
