"""Fetching a document: what arrives, and which addresses are out of reach.

Promises H16.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from django.test import override_settings

from apim.catalog import fetch
from apim.catalog.fetch import fetch_document
from apim.errors import Invalid
from apim.gateways.models import Environment

pytestmark = pytest.mark.usefixtures("environment")


class Server(BaseHTTPRequestHandler):
    """A web server with one answer for each path."""

    def do_GET(self) -> None:
        """Answer by path."""
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
        elif self.path == "/packed":
            self.send_response(302)
            self.send_header("Location", "/host")
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(b"nothing that can be unpacked")
        elif self.path.startswith("/drip"):
            self._drip(is_header=self.path == "/drip-header")
        elif self.path == "/missing":
            self.send_error(404)
        else:
            body = {
                "/openapi.yaml": b"\xef\xbb\xbfopenapi: 3.1.0\n",
                "/host": self.headers["Host"].encode(),
                "/latin": "caf\xe9".encode("latin-1"),
                "/large": b"x" * 5000,
            }[self.path]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    def _drip(self, *, is_header: bool) -> None:
        """Never idle, and not done before a minute is over."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" if is_header else b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):  # the client hangs up
            for number in range(300):
                self.wfile.write(f"X-{number}: y\r\n".encode())
                time.sleep(0.2)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Keep the test's output clean."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where the web server listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_document_arrives_without_its_byte_order_mark(port: int) -> None:
    assert fetch_document(f"http://127.0.0.1:{port}/openapi.yaml") == "openapi: 3.1.0\n"


def test_the_name_is_sent_though_the_address_is_pinned(port: int) -> None:
    assert fetch_document(f"http://localhost:{port}/host") == f"localhost:{port}"


def test_redirects_are_followed_within_reason(port: int) -> None:
    assert fetch_document(f"http://localhost:{port}/to?/host") == f"localhost:{port}"
    with pytest.raises(Invalid, match="redirects"):
        fetch_document(f"http://127.0.0.1:{port}/loop")


def test_the_body_of_a_redirect_is_never_unpacked(port: int) -> None:
    assert fetch_document(f"http://127.0.0.1:{port}/packed") == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://0.0.0.0/",
        "http://2852039166/",  # 169.254.169.254 in one number
        "http://224.0.0.1/",
    ],
)
def test_metadata_and_link_local_addresses_are_out_of_reach(url: str) -> None:
    with pytest.raises(Invalid, match="does not allow") as caught:
        fetch_document(url)
    assert (caught.value.code, caught.value.field) == ("catalog.fetch", "url")


def test_a_redirect_does_not_lead_past_the_check(port: int) -> None:
    with pytest.raises(Invalid, match="does not allow"):
        fetch_document(f"http://127.0.0.1:{port}/to?http://169.254.169.254/")


def test_what_was_asked_for_over_tls_comes_over_tls() -> None:
    """Keys of issuers come this way: whoever could answer for them could sign tokens."""

    def answer(request: httpx.Request) -> httpx.Response:
        way = {"/a": "https://b.example/b", "/b": "http://c.example/c", "/c": "https://d.example/d"}
        location = way.get(request.url.path)
        if location:
            return httpx.Response(302, headers={"Location": location})
        return httpx.Response(200, stream=httpx.ByteStream(b"here"))

    transport = httpx.MockTransport(answer)
    for path, is_refused in (("/a", True), ("/c", False)):
        download = fetch._download(httpx.URL(f"https://a.example{path}"), transport)
        if is_refused:
            with pytest.raises(Invalid, match="from https to http"):
                asyncio.run(download)
        else:
            assert asyncio.run(download) == b"here"


def test_networks_of_the_environment_decide(port: int, environment: Environment) -> None:
    Environment.objects.filter(pk=environment.pk).update(allowed_networks=["10.0.0.0/8"], allow_public_networks=False)
    with pytest.raises(Invalid, match="does not allow"):
        fetch_document(f"http://127.0.0.1:{port}/openapi.yaml")
    with pytest.raises(Invalid, match="does not allow"):
        fetch_document("http://8.8.8.8/")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_our_own_doors_are_out_of_reach(host: str, port: int) -> None:
    with override_settings(FORBIDDEN_UPSTREAMS=[f"127.0.0.1:{port}"]), pytest.raises(Invalid, match="does not allow"):
        fetch_document(f"http://{host}:{port}/openapi.yaml")


@pytest.mark.parametrize(
    ("path", "message"), [("/missing", "404"), ("/latin", "not UTF-8"), ("/large", "larger than 4,000 bytes")]
)
def test_what_is_no_document_is_refused(path: str, message: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "BYTES_AT_MOST", 4000)
    with pytest.raises(Invalid, match=message):
        fetch_document(f"http://127.0.0.1:{port}{path}")


@pytest.mark.parametrize(
    "url", ["ftp://example.com/x", "file:///etc/passwd", "http://", "http://u:p@127.0.0.1/", "http://[", ""]
)
def test_only_plain_web_addresses_are_fetched(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        fetch_document(url)
    assert caught.value.field == "url"


def test_a_name_without_an_address_is_said_so() -> None:
    with pytest.raises(Invalid, match="cannot be resolved"):
        fetch_document("http://nowhere.invalid/openapi.json")


@pytest.mark.parametrize("path", ["/drip-header", "/drip-body"])
def test_a_server_that_drips_is_given_up(path: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LONGEST_S", 0.5)
    with pytest.raises(Invalid, match="did not come within"):
        fetch_document(f"http://127.0.0.1:{port}{path}")
