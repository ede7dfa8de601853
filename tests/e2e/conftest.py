"""The whole product with services behind it that tests write themselves, used from outside: REST, CLI, gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.journey import Journey
from tests.product import new_place, running
from tests.upstreams import Upstream


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.product)


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """A running product, and what an owner, a developer and a caller do with it."""
    with running(new_place(tmp_path_factory.mktemp("e2e") / "home")) as product, Journey(product) as started:
        yield started


@pytest.fixture(scope="session")
def echo() -> Iterator[Upstream]:
    """A service that answers everything and remembers what it got."""
    with Upstream() as upstream:
        yield upstream
