"""Pages and static files are compressed for who takes it, and nothing else is."""

from __future__ import annotations

import gzip

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_page_and_a_static_file_are_compressed_for_browsers() -> None:
    for path in ("/account/login/", "/static/css/components.css", "/static/icons/lucide.svg"):
        plain, packed = Client().get(path), Client().get(path, headers={"Accept-Encoding": "br, gzip"})
        assert plain.get("Content-Encoding") is None
        assert packed["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in plain["Vary"]
        body = b"".join(packed) if packed.streaming else packed.content
        packed.close()
        assert int(packed["Content-Length"]) == len(body)
        whole = b"".join(plain) if plain.streaming else plain.content
        plain.close()
        assert len(body) < len(whole) / 2
        if plain.streaming:  # a page has another token each time
            assert gzip.decompress(body) == whole


def test_fonts_answers_without_a_body_and_json_pass_as_they_are() -> None:
    packing = {"Accept-Encoding": "gzip"}
    for path in ("/static/vendor/inter/inter-latin-wght-normal.woff2", "/healthz/live", "/api/v1/me"):
        assert _asked(path, packing)[1].get("Content-Encoding") is None
    assert Client().head("/static/css/apim.css", headers=packing).get("Content-Encoding") is None
    known = _asked("/static/css/apim.css", {})[1]["Last-Modified"]
    status, headers = _asked("/static/css/apim.css", {**packing, "If-Modified-Since": known})
    assert (status, headers.get("Content-Encoding")) == (304, None)


def _asked(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """The status and the heads of an answer that is read to its end."""
    response = Client().get(path, headers=headers)
    told = response.status_code, dict(response.items())
    response.close()
    return told
