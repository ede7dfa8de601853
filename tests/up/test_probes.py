"""Which answers of a child say that it does its work."""

from __future__ import annotations

import pytest

from apim.up.probes import gateway_answers
from tests.upstreams import Reply, Upstream


@pytest.mark.parametrize(
    ("status", "body", "is_up"),
    [
        (200, b'{"status":"ready"}', True),
        (503, b'{"status":"draining"}', True),
        (503, b'{"status":"not ready"}', False),
        (503, b"", False),
    ],
)
def test_a_gateway_that_drains_keeps_nothing_else_from_starting(status: int, body: bytes, is_up: bool) -> None:
    with Upstream(lambda _: Reply(body, status)) as gateway:
        assert gateway_answers(gateway.url) is is_up


def test_a_gateway_that_does_not_listen_is_not_up() -> None:
    with Upstream() as gateway:
        pass
    assert not gateway_answers(gateway.url)
