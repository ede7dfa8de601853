"""The whole product with services behind it that tests write themselves, used from outside: REST, CLI, gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.journey import Journey
from tests.ports import free_ports
from tests.product import prepared_place, running
from tests.upstreams import Upstream


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.product)


@pytest.fixture(scope="session")
def tls_port() -> int:
    """Where the product serves HTTPS."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory, tls_port: int) -> Iterator[Journey]:
    """A running product, and what an owner, a developer and a caller do with it."""
    place = prepared_place(tmp_path_factory.mktemp("e2e") / "home", APIM_GATEWAY_TLS_PORT=str(tls_port))
    with running(place) as product, Journey(product) as started:
        yield started


@pytest.fixture(scope="session")
def echo() -> Iterator[Upstream]:
    """A service that answers everything and remembers what it got."""
    with Upstream() as upstream:
        yield upstream
