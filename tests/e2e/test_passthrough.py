"""Services that have no OpenAPI document: SOAP and GraphQL behind nothing but an address; then a contract comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from graphql import build_schema, graphql_sync

from tests.e2e.journey import OWNER, Answer, Journey
from tests.upstreams import Arrival, Reply, Upstream

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
QUOTES = "urn:example:quotes"
PRICES = {"ACME": "41.50", "ÄÖÜ": "7.25"}
BOOKS = {"1": {"id": "1", "title": "Middlemarch", "author": {"name": "George Eliot"}}}
SCHEMA = build_schema(
    """
    type Query { book(id: ID!): Book, books: [Book!]! }
    type Mutation { rename(id: ID!, title: String!): Book }
    type Book { id: ID!, title: String!, author: Author! }
    type Author { name: String! }
    """
)


class Library:
    """The resolvers of the GraphQL service."""

    def book(self, _info: object, id: str) -> dict[str, Any] | None:  # noqa: A002 - the schema's name
        return BOOKS.get(id)

    def books(self, _info: object) -> list[dict[str, Any]]:
        return list(BOOKS.values())

    def rename(self, _info: object, id: str, title: str) -> dict[str, Any] | None:  # noqa: A002
        return {**BOOKS[id], "title": title} if id in BOOKS else None


def answer_graphql(arrival: Arrival) -> Reply:
    """GraphQL over HTTP: queries by GET or POST."""
    if urlsplit(arrival.target).path != "/graphql":
        return Reply(b"{}", 404)
    if arrival.method == "GET":
        asked: dict[str, Any] = {name: values[0] for name, values in parse_qs(urlsplit(arrival.target).query).items()}
    else:
        asked = json.loads(arrival.body)
    result = graphql_sync(SCHEMA, asked["query"], root_value=Library(), variable_values=asked.get("variables"))
    return Reply(json.dumps(result.formatted).encode(), content_type="application/graphql-response+json")


def answer_soap(arrival: Arrival) -> Reply:
    """SOAP 1.1: one operation, and a fault for what is not quoted."""
    if urlsplit(arrival.target).path != "/services/quotes":
        return Reply(b"no such service", 404, "text/plain")
    if arrival.method == "GET":
        return Reply(f'<definitions targetNamespace="{QUOTES}"/>'.encode(), content_type="text/xml")
    assert arrival.all("soapaction") == [f'"{QUOTES}#GetPrice"']
    symbol = ET.fromstring(arrival.body).findtext(f".//{{{QUOTES}}}symbol")  # noqa: S314 - our own test's
    if symbol in PRICES:
        return soap_reply(f'<price xmlns="{QUOTES}">{PRICES[symbol]}</price>', 200)
    return soap_reply(
        f'<f:Fault xmlns:f="{ENVELOPE}"><faultcode>f:Client</faultcode><faultstring>unknown</faultstring></f:Fault>',
        500,
    )


def soap_reply(inner: str, status: int) -> Reply:
    """An envelope, encoded otherwise than UTF-8, as real services like to."""
    text = (
        f'<?xml version="1.0" encoding="utf-16"?><e:Envelope xmlns:e="{ENVELOPE}"><e:Body>{inner}</e:Body></e:Envelope>'
    )
    return Reply(text.encode("utf-16"), status, "text/xml; charset=utf-16")


@pytest.fixture(scope="module")
def quotes() -> Iterator[Upstream]:
    """The SOAP service."""
    with Upstream(answer_soap) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def library() -> Iterator[Upstream]:
    """The GraphQL service."""
    with Upstream(answer_graphql) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def quotes_key(journey: Journey, quotes: Upstream) -> str:
    """A key for the SOAP service as a pass-through."""
    pass_through(journey, "quotes", quotes.url, ["GET", "POST"], "/services")
    key = journey.offer("quotes", "quotes:v1")
    journey.wait("/quotes/v1/services/quotes?wsdl", key, 200)
    return key


@pytest.fixture(scope="module")
def library_key(journey: Journey, library: Upstream) -> str:
    """A key for the GraphQL service as a pass-through, in a product that names what it opens."""
    pass_through(journey, "library", library.url, ["POST", "GET"], "/graphql")
    key = journey.offer("library", "library:v1", operations=["* /graphql*"])
    journey.wait("/library/v1/graphql?query={books{id}}", key, 200)
    return key


def pass_through(journey: Journey, name: str, url: str, methods: list[str], prefix: str) -> None:
    names = {"name": name, "version": "v1", "organization": OWNER}
    journey.post("imports", **names, upstream=url, methods=methods, prefix=prefix, publish=True)


def ask_price(journey: Journey, key: str, symbol: str) -> Answer:
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="{ENVELOPE}"><e:Body>'
        f'<q:GetPrice xmlns:q="{QUOTES}"><q:symbol>{symbol}</q:symbol></q:GetPrice></e:Body></e:Envelope>'
    )
    return journey.call(
        "POST", "/quotes/v1/services/quotes", key, body.encode(),
        Content_Type="text/xml; charset=utf-8", SOAPAction=f'"{QUOTES}#GetPrice"',
    )  # fmt: skip


def query(journey: Journey, key: str, text: str, **variables: str) -> Any:
    body = json.dumps({"query": text, "variables": variables}).encode()
    answer = journey.call("POST", "/library/v1/graphql", key, body, Content_Type="application/json")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/graphql-response+json"
    return answer.json()


@pytest.mark.parametrize("symbol", PRICES)
def test_a_soap_call_and_its_answer_pass_unchanged(journey: Journey, quotes_key: str, symbol: str) -> None:
    answer = ask_price(journey, quotes_key, symbol)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-16"
    assert ET.fromstring(answer.body).findtext(f".//{{{QUOTES}}}price") == PRICES[symbol]  # noqa: S314


def test_a_soap_fault_is_the_services_own_answer(journey: Journey, quotes_key: str) -> None:
    answer = ask_price(journey, quotes_key, "NONE")
    assert answer.status == 500
    assert ET.fromstring(answer.body).findtext(".//faultstring") == "unknown"  # noqa: S314
    assert answer.body.startswith("<?xml".encode("utf-16"))


def test_graphql_queries_mutations_and_errors_pass(journey: Journey, library_key: str) -> None:
    asked = "query($id: ID!) { book(id: $id) { title author { name } } }"
    assert query(journey, library_key, asked, id="1") == {
        "data": {"book": {"title": "Middlemarch", "author": {"name": "George Eliot"}}}
    }
    renamed = query(journey, library_key, 'mutation { rename(id: "1", title: "Römola") { title } }')
    assert renamed == {"data": {"rename": {"title": "Römola"}}}
    assert "Cannot query field" in query(journey, library_key, "{ nothing }")["errors"][0]["message"]
    assert query(journey, library_key, "{ __schema { queryType { name } } }")["data"]["__schema"]


def test_a_graphql_query_by_get_passes(journey: Journey, library_key: str) -> None:
    answer = journey.call("GET", "/library/v1/graphql?query=%7Bbooks%7Btitle%7D%7D", library_key)
    assert answer.json() == {"data": {"books": [{"title": "Middlemarch"}]}}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/services/quotes", 405),
        ("PUT", "/services/quotes", 405),
        ("GET", "/", 404),
        ("GET", "/admin", 404),
        ("GET", "/servicesx/quotes", 404),
        ("GET", "/services/../admin", 404),
        ("GET", "/services/%2e%2e/admin", 404),
        ("GET", "/Services/quotes", 404),
    ],
)
def test_methods_and_prefix_are_enforced(
    journey: Journey, quotes: Upstream, quotes_key: str, method: str, path: str, status: int
) -> None:
    quotes.arrivals.clear()
    answer = journey.call(method, f"/quotes/v1{path}", quotes_key)
    assert answer.status == status
    assert answer.headers.get("allow") == ("GET, HEAD, POST" if status == 405 else None)
    assert quotes.arrivals == []


def test_what_the_service_does_not_know_is_its_own_answer(journey: Journey, quotes_key: str) -> None:
    answer = journey.call("GET", "/quotes/v1/services/else/%C3%A9?x=1", quotes_key)
    assert (answer.status, answer.body) == (404, b"no such service")


def test_without_a_key_nothing_passes(journey: Journey, quotes: Upstream, quotes_key: str) -> None:
    quotes.arrivals.clear()
    assert journey.call("GET", "/quotes/v1/services/quotes", "").status == 401
    assert quotes.arrivals == []


@pytest.mark.parametrize("operations", [[], ["POST /graphql*"]], ids=["whole version", "by pattern"])
def test_a_contract_that_comes_later_keeps_callers_working(
    journey: Journey, library: Upstream, operations: list[str]
) -> None:
    name = f"later-{len(operations)}"
    pass_through(journey, name, library.url, ["GET", "POST"], "/graphql")
    key = journey.offer(name, f"{name}:v1", operations=operations)
    body = b'{"query": "{books{id}}"}'
    journey.wait(f"/{name}/v1/graphql", key, 200, "POST", body)  # a 403 could still be that nothing is subscribed yet
    journey.wait(f"/{name}/v1/graphql/more", key, 404 if not operations else 403)  # the service's own
    before = journey.call("POST", f"/{name}/v1/graphql", key, body)
    assert before.json() == {"data": {"books": [{"id": "1"}]}}

    contract = {
        "openapi": "3.1.0",
        "info": {"title": "Library", "version": "1"},
        "paths": {"/graphql": {"post": {"responses": {"200": {"description": "What was asked for"}}}}},
    }
    waiver = "the calls above may be counted by now, or not yet"
    imported = journey.post(
        "imports", name=name, version="v1", document=json.dumps(contract), publish=True, waiver=waiver
    )
    assert imported["problems"] == []
    assert {(change["action"], change["operation"]) for change in imported["changes"]} == {
        ("removed", "GET /graphql/{*}"),
        ("removed", "POST /graphql/{*}"),
        ("added", "POST /graphql"),
    }
    journey.wait(f"/{name}/v1/graphql", key, 405)  # GET is not in the contract
    after = journey.call("POST", f"/{name}/v1/graphql", key, body)
    assert (after.status, after.json()) == (200, before.json())
    assert journey.call("GET", f"/{name}/v1/graphql", key).headers["allow"] == "POST"
    assert journey.call("POST", f"/{name}/v1/graphql/more", key).status == 404
    assert journey.get(f"versions/{name}:v1")["deployments"][0]["revision_number"] == 2
