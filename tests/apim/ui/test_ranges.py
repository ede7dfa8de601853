"""Links with the older words for a stretch of time lead to the page by the word of now."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apim.ui.ranges import with_old_ranges


@with_old_ranges
def _page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.GET.get("range", ""))


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("span=24h", "/usage?range=24h"),
        ("days=90", "/usage?range=90d"),
        ("status=4xx&span=1h&before=7-1", "/usage?status=4xx&before=7-1&range=1h"),
        ("span=1h&range=7d", "/usage?range=7d"),
        ("span=", "/usage?range="),
        ("span=%26x%3D1", "/usage?range=%26x%3D1"),
    ],
)
def test_an_older_link_is_sent_on(query: str, location: str) -> None:
    answer = _page(RequestFactory().get(f"/usage?{query}"))
    assert (answer.status_code, answer["Location"]) == (302, location)


def test_the_word_of_now_and_none_are_answered() -> None:
    assert _page(RequestFactory().get("/usage?range=6h")).content == b"6h"
    assert _page(RequestFactory().get("/usage")).status_code == 200


def test_what_is_sent_is_not_sent_on() -> None:
    assert _page(RequestFactory().post("/usage?span=1h")).status_code == 200
