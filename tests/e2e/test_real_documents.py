"""Published documents: imported without loss, and every operation called through the gateway.

Each of some 1,400 operations is called with its method, encoded characters in each parameter, a query, headers and,
where the method takes one, a body; the service must get exactly that.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml12

from tests.e2e.journey import OWNER, Journey
from tests.published import FOLDER, published_text
from tests.upstreams import Upstream
from tests.waiting import wait_until

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
VALUES = ("plain-1.0_~", "a%20b", "%C3%A9t%C3%A9", "1%2B1%3D2", "x@y:z,w;v=1", "50%25", "!$&'()*+", "%E6%97%A5%3F%23")
QUERY = "?per_page=2&q=a%20b%2Fc%26d&empty=&tag=1&tag=2&x[y]=%C3%A9"
PARAMETER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Case:
    """A published document. Shapes: base = path of its first server, target_path = that of the upstream URL."""

    file: str
    operations: int
    base: str
    target_path: str = ""
    by_command: bool = False


CASES = {
    "github": Case("github.json", 1223, "", by_command=True),  # large; GET /gists/public and /gists/{gist_id}
    "circular": Case("circular-paths.json", 3, "/anything"),  # `$ref` into other paths, in circles
    "references": Case("path-references.json", 7, "/v2"),  # whole paths by `$ref`
    "petstore": Case("petstore.yaml", 20, "/v2"),  # 3.1, YAML, /pet/findByStatus and /pet/{petId}
    "petstore-elsewhere": Case("petstore.yaml", 20, "/v2", target_path="/behind/here"),
    "star-trek": Case("star-trek.json", 120, "/api/v1/rest"),
    "galaxy": Case("galaxy.yaml", 9, ""),  # 3.1, servers with variables
}


@dataclass(frozen=True)
class Imported:
    """A document as it was imported, published and opened to a caller."""

    name: str
    case: Case
    text: str
    answer: Mapping[str, Any]
    operations: tuple[tuple[str, str], ...]
    key: str

    @property
    def public(self) -> str:
        """What every path begins with at the gateway."""
        return f"/{self.name}/v1"

    @property
    def behind(self) -> str:
        """What every path begins with at the service."""
        return self.case.target_path or self.case.base


class Shelf:
    """The published documents behind the gateway, each imported when a test first asks for it."""

    def __init__(self, journey: Journey, echo: Upstream) -> None:
        self._journey = journey
        self._echo = echo
        self._known: dict[str, Imported] = {}

    def take(self, name: str) -> Imported:
        """A document, imported, published and with a key for all of it."""
        if name not in self._known:
            self._known[name] = self._imported(name, CASES[name])
        return self._known[name]

    def _imported(self, name: str, case: Case) -> Imported:
        text = published_text(case.file)
        bring = self._by_command if case.by_command else self._by_rest
        answer = bring(name, case, self._echo.url + case.target_path)
        key = self._journey.offer(name, f"{name}:v1")
        operations = tuple(operations_of(text))
        method, path = operations[0]
        self._journey.wait(f"/{name}/v1{filled(path)}", key, 200, method)
        return Imported(name, case, text, answer, operations, key)

    def _by_command(self, name: str, case: Case, upstream: str) -> dict[str, Any]:
        told = self._journey.run(
            "import", str(FOLDER / case.file), "--name", name, "--version", "v1", "--upstream", upstream,
            "--organization", OWNER, "--publish", "-o", "json",
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        answer: dict[str, Any] = json.loads(told.stdout)
        return answer

    def _by_rest(self, name: str, case: Case, upstream: str) -> dict[str, Any]:
        text = published_text(case.file)
        names = {"name": name, "version": "v1", "organization": OWNER}
        return self._journey.post("imports", **names, upstream=upstream, document=text, publish=True)


@pytest.fixture(scope="module")
def shelf(journey: Journey, echo: Upstream) -> Shelf:
    """What the tests of this file import, once each."""
    return Shelf(journey, echo)


@pytest.fixture(scope="module", params=CASES)
def imported(request: pytest.FixtureRequest, shelf: Shelf) -> Imported:
    """Each published document behind the gateway."""
    return shelf.take(request.param)


def operations_of(text: str) -> Iterator[tuple[str, str]]:
    """What the document offers, read without our own reader."""
    data = json.loads(text) if text.startswith("{") else yaml12.parse_yaml(text)
    for path, item in data["paths"].items():
        where = item
        while "$ref" in where:
            where = data["paths"][where["$ref"].removeprefix("#/paths/").replace("~1", "/").replace("~0", "~")]
        yield from ((method.upper(), path) for method in METHODS if method in where)


def filled(path: str) -> str:
    """path with a value for each parameter, each time others."""
    values = itertools.islice(itertools.cycle(VALUES), len(path) % len(VALUES), None)
    return PARAMETER.sub(lambda _: next(values), path)


def test_nothing_of_the_document_is_lost(imported: Imported, journey: Journey) -> None:
    assert len(imported.operations) == imported.case.operations
    kept = journey.get(f"revisions/{imported.answer['revision']['id']}")
    assert kept["document"] == imported.text
    assert {(one["method"], one["path"]) for one in kept["operations"]} == set(imported.operations)
    assert kept["base_path"] == imported.case.base
    assert [problem for problem in kept["problems"] if problem["severity"] == "error"] == []


def test_every_operation_reaches_the_service_as_it_was_called(
    imported: Imported, journey: Journey, echo: Upstream
) -> None:
    for number, (method, template) in enumerate(imported.operations):
        path = filled(template)
        body = f'{{"number": {number}, "text": "é"}}'.encode() if method in {"PUT", "POST", "PATCH"} else None
        echo.arrivals.clear()
        answer = journey.call(
            method, imported.public + path + QUERY, imported.key, body,
            Accept="application/json;q=0.9", Content_Type="application/json; charset=utf-8",
            X_Custom='a, b;c="d"', Cookie="session=1; other=2", Authorization="token of-the-service",
        )  # fmt: skip
        assert answer.status == 200, (method, path, answer.body)
        (arrival,) = echo.arrivals
        base = imported.behind
        assert (arrival.method, arrival.target) == (method, base + path + QUERY)
        assert arrival.body == (body or b"")
        assert arrival.all("host") == [f"127.0.0.1:{echo.port}"]
        assert arrival.all("accept") == ["application/json;q=0.9"]
        assert arrival.all("content-type") == ["application/json; charset=utf-8"]
        assert arrival.all("x-custom") == ['a, b;c="d"']
        assert arrival.all("cookie") == ["session=1; other=2"]
        assert arrival.all("authorization") == ["token of-the-service"]
        assert arrival.all("x-api-key") == []
        assert imported.key not in str(arrival)


def test_what_the_document_does_not_offer_never_reaches_the_service(
    imported: Imported, journey: Journey, echo: Upstream
) -> None:
    offered: dict[str, set[str]] = {}
    for method, path in imported.operations:
        offered.setdefault(PARAMETER.sub("{}", path), set()).add(method)  # the same to callers, whatever its name
    echo.arrivals.clear()
    for path, methods in offered.items():
        wrong = next(method.upper() for method in METHODS if method.upper() not in {*methods, "HEAD", "OPTIONS"})
        answer = journey.call(wrong, imported.public + filled(path), imported.key)
        assert answer.status == 405, (wrong, path)
        assert set(answer.headers["allow"].split(", ")) == methods | ({"HEAD"} if "GET" in methods else set()), path
        assert answer.json()["code"] == "method-not-allowed"
    for path in ("/nowhere/at/all/of/this/document", "/..%2f..", "/%2e%2e/%2e%2e/admin"):
        answer = journey.call("GET", imported.public + path, imported.key)
        assert answer.status in {400, 404}, path
    assert echo.arrivals == []


@pytest.mark.parametrize(
    ("name", "concrete", "template"),
    [
        ("github", "/gists/public", "/gists/{gist_id}"),
        ("github", "/repos/o/r/releases/latest", "/repos/{owner}/{repo}/releases/{release_id}"),
        ("petstore", "/user/login", "/user/{username}"),
    ],
)
def test_of_overlapping_paths_the_concrete_one_is_the_operation(
    journey: Journey, shelf: Shelf, name: str, concrete: str, template: str
) -> None:
    imported = shelf.take(name)
    last = concrete.rpartition("/")[2]
    sibling = f"{concrete.removesuffix(last)}another"
    assert operation_of(journey, imported, concrete) == f"GET {template.rpartition('/')[0]}/{last}"
    assert operation_of(journey, imported, sibling) == f"GET {template}"


def operation_of(journey: Journey, imported: Imported, path: str) -> str:
    """Which operation the gateway counted a call as."""
    answer = journey.call("GET", imported.public + path, imported.key)
    assert answer.status == 200
    request = f"requests/{answer.headers['x-request-id']}"
    wait_until(lambda: journey.ask("GET", request).is_success, "the call is counted")
    return str(journey.get(request)["operation"])
