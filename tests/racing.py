"""Several callers of a service at the same moment, each with a connection of its own to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

from apim.errors import DomainError
from tests.waiting import PATIENCE_S

Result = TypeVar("Result")


def at_once(works: Iterable[Callable[[], Result]]) -> list[Result | DomainError]:
    """How each ended, in their order: what it returned, or how a service refused it.

    Errors: whatever else one of them raised.
    """
    runners = list(works)
    start = Barrier(len(runners))

    def run(work: Callable[[], Result]) -> Result | DomainError:
        start.wait(PATIENCE_S)
        try:
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(runners)) as threads:
        return list(threads.map(run, runners))


def codes_of(ends: Iterable[object]) -> list[str]:
    """The codes of the refusals among the ends, in order of the alphabet."""
    return sorted(end.code for end in ends if isinstance(end, DomainError))
