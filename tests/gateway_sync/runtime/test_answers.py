"""What an answer may tell: nothing about where the upstream lives, nothing about the host that all APIs share."""

from __future__ import annotations

import pytest

from gateway_sync.runtime.core.public_links import PublicLinks
from gateway_sync.runtime.core.response_head import AnswerLines, read_response_head
from gateway_sync.snapshot import Target

TARGETS = (
    Target("http", "bank.internal", 8080, "/base", 100),
    Target("http", "10.1.2.3", 80, "/base", 100),
    Target("http", "api", 9000, "/base", 100),
    Target("http", "fd00::7", 9000, "/base", 100),
)


def forwarded(*lines: bytes) -> list[bytes]:
    """The lines of an answer that go on to the client."""
    block = b"\r\n".join((b"HTTP/1.1 200 OK", *lines, b"Content-Length: 0"))
    answers = AnswerLines(PublicLinks(b"/bank/v1", TARGETS))
    return read_response_head(block, answers, is_head=False).lines


@pytest.mark.parametrize(
    "value", [b"bank.internal", b"http://BANK.internal/x", b"10.1.2.3", b"for=10.1.2.3;x", b"api:9000", b"[fd00::7]"]
)
@pytest.mark.parametrize("name", [b"X-Backend", b"Content-Security-Policy", b"Location", b"Link"])
def test_no_field_names_a_target(name: bytes, value: bytes) -> None:
    shown = b"".join(forwarded(name + b": " + value)).lower()
    for host in (b"bank.internal", b"10.1.2.3", b"api:9000", b"fd00::7"):
        assert host not in shown


@pytest.mark.parametrize(
    "line", [b"Content-Type: application/vnd.api+json", b"X-Version: 110.1.2.3", b"X-Version: 10.1.2.30", b"X: api"]
)
def test_what_only_resembles_an_address_stays(line: bytes) -> None:
    assert forwarded(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        b'Clear-Site-Data: "*"',
        b"Service-Worker-Allowed: /",
        b"Strict-Transport-Security: max-age=1; includeSubDomains",
        b'Report-To: {"endpoints":[]}',
        b'NEL: {"report_to":"x"}',
    ],
)
def test_one_api_says_nothing_about_the_host_of_all(line: bytes) -> None:
    assert forwarded(line) == []
