"""Whatever callers send, a rewritten path stays below the target and a redirect goes where its owner said."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway_sync.policies import path_rewrite, query, redirect
from gateway_sync.policies.path_rewrite import PathRewrite
from gateway_sync.policies.placeholders import Text
from gateway_sync.policies.query import Query
from gateway_sync.policies.redirect import Redirect
from gateway_sync.policies.views import Caller, RequestView, RouteFacts
from gateway_sync.runtime.core.paths import canonical_path, is_query

ROUTE = RouteFacts("GET /a/{id}/{rest}", "GET", "/a/{id}/{rest}")
PIECES = ("a", "..", ".", "%2e", "%2E%2e", "%2F", "%5c", "//", ";", "..;x", "@evil.example", "%00", "%C3%BC", "b", ":8")
SEGMENTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@given(SEGMENTS, SEGMENTS)
def test_a_template_never_leaves_the_base_path(first: str, second: str) -> None:
    path = canonical_path(f"/a/{first}/{second}".encode())
    assume(path is not None)
    for policy in (PathRewrite(path="/x/{id}/{rest}"), PathRewrite(path="/{id}.{rest}"), PathRewrite("/a", "/v2")):
        view = RequestView("GET", (path or b"").decode(), "", [])
        path_rewrite.bind(policy, ROUTE).on_request(view)
        result = canonical_path(view.path.encode())
        assert result is None or (result.startswith(b"/") and b"/../" not in result + b"/")
        if policy.prefix and result is not None:
            assert result == b"/v2" or result.startswith(b"/v2/")


@given(SEGMENTS, SEGMENTS, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")))
def test_a_redirect_keeps_its_host(first: str, second: str, wanted: str) -> None:
    path = canonical_path(f"/a/{first}/{second}".encode())
    assume(path is not None)
    for location in ("https://new.example.com{request.path}", "https://new.example.com:8443/{id}?x={rest}"):
        view = RequestView("GET", (path or b"").decode(), wanted, [])
        answer = redirect.bind(Redirect(location), ROUTE).on_request(view)
        assert urlsplit(dict(answer.fields)["Location"]).hostname == "new.example.com"
    answer = redirect.bind(Redirect("/bank/v2/{id}"), ROUTE).on_request(
        RequestView("GET", (path or b"").decode(), "", [])
    )
    assert not dict(answer.fields)["Location"].startswith(("//", "/\\"))


@pytest.mark.parametrize(
    "location", ["/{application.id}{request.path}", "/{subscription.id}/{id}/b", "/{plan.id}/{application.name}/{id}/b"]
)
def test_a_placeholder_that_gives_nothing_does_not_make_a_host_of_what_follows(location: str) -> None:
    route = RouteFacts("GET /{id}/b", "GET", "/{id}/b")
    answer = redirect.bind(Redirect(location), route).on_request(RequestView("GET", "/evil.example/b", "", []))
    assert dict(answer.fields)["Location"] == "/evil.example/b"


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_a_policy_puts_into_a_query_can_be_sent_and_adds_no_parameter(name: str, value: str) -> None:
    assume(name and "{" not in value and "}" not in value)
    view = RequestView("GET", "/", "a=1&b", [])
    try:
        Query(((name, value),)).on_request(view)
    except UnicodeEncodeError:
        assume(condition=False)  # half of a surrogate pair: no document can hold it
    assert is_query(view.query.encode())
    assert len(view.query.split("&")) == 3 - (name in {"a", "b"})
    assert query.KIND == "query"


@given(st.text(max_size=30))
def test_a_name_that_fills_a_placeholder_can_always_be_sent(name: str) -> None:
    assume(not any("\ud800" <= character <= "\udfff" for character in name))
    view = RequestView("GET", "/", "", [], caller=Caller(application="a", application_name=name))
    value = Text("<{application.name}>").render(view)
    view.fields.set("X-Name", value)
    assert view.fields.get("X-Name") == value
