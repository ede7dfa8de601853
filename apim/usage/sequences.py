"""Runs of numbers: which of a sequence came, in the few characters that hold them as long as nothing is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

Runs: TypeAlias = tuple[tuple[int, int], ...]  # (first, last), both included, in order, none touching the next


def parse_runs(text: str) -> Runs:
    """The runs that were written as text. Errors: ValueError for any other text."""
    runs = tuple((int(first), int(last or first)) for first, _, last in (part.partition("-") for part in _parts(text)))
    if any(first > last for first, last in runs) or any(after[0] <= before[1] + 1 for before, after in pairwise(runs)):
        message = f"these are no runs of numbers: {text[:60]}"
        raise ValueError(message)
    return runs


def write_runs(runs: Runs) -> str:
    """The runs as text: "1-5000,5002"."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def runs_of(numbers: Sequence[int]) -> Runs:
    """The runs that hold the numbers, which are in any order and may repeat."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1 and _is_rising(numbers):
        return ((numbers[0], numbers[-1]),)
    return joined((), ((number, number) for number in numbers))


def joined(runs: Runs, others: Iterable[tuple[int, int]]) -> Runs:
    """Both together."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((*runs, *others)):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def missing_from(numbers: Sequence[int], runs: Runs) -> set[int]:
    """Those of the numbers that no run holds."""
    if not runs or (numbers and min(numbers) > runs[-1][1]):
        return set(numbers)
    if len(runs) == 1:
        ((first, last),) = runs
        return {number for number in numbers if not first <= number <= last}
    return {number for number in numbers if not any(first <= number <= last for first, last in runs)}


def gaps_of(runs: Runs, since: int = 1) -> Runs:
    """What is missing between a number, that of the first of all if none is told, and the last that came."""
    gaps: list[tuple[int, int]] = []
    reached = since - 1
    for first, last in runs:
        if first > reached + 1:
            gaps.append((reached + 1, first - 1))
        reached = max(reached, last)
    return tuple(gaps)


def count_of(runs: Runs) -> int:
    """How many numbers they hold."""
    return sum(last - first + 1 for first, last in runs)


def _parts(text: str) -> list[str]:
    return text.split(",") if text else []


def _is_rising(numbers: Sequence[int]) -> bool:
    return all(number == at for at, number in enumerate(numbers, numbers[0]))
