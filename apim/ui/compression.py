"""Compression of pages and static files, for browsers that have no proxy before them to do it.

Pages are padded by a few random bytes, so that their length tells nothing of what they hold (BREACH). A static file is
compressed once. Streams, downloads of any other kind, and what is compressed already pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.text import compress_string

_PAGES = ("text/html", "text/csv")
_FILES = ("text/css", "text/javascript", "application/javascript", "image/svg+xml")
_LEAST = 500  # bytes; less is one packet anyway
_MOST = 2_000_000
_PADDING = 100
_OK = 200


class CompressionMiddleware:
    """Answers in gzip to who takes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, compressed where that helps."""
        response = self.get_response(request)
        kind = response.get("Content-Type", "").partition(";")[0]
        if kind not in _PAGES + _FILES or response.has_header("Content-Encoding"):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        if "gzip" not in request.headers.get("Accept-Encoding", "") or request.method == "HEAD":
            return response
        if isinstance(response, HttpResponse) and kind in _PAGES and _LEAST <= len(response.content) <= _MOST:
            response.content = compress_string(response.content, max_random_bytes=_PADDING)
        elif isinstance(response, StreamingHttpResponse) and _is_whole_file(request, response, kind):
            body = b"".join(response)
            response.streaming_content = [_compressed(body)]
        else:
            return response
        response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(_length_of(response))
        if etag := response.get("ETag", ""):
            response["ETag"] = etag if etag.startswith("W/") else f"W/{etag}"
        return response


def _is_whole_file(request: HttpRequest, response: StreamingHttpResponse, kind: str) -> bool:
    return kind in _FILES and response.status_code == _OK and request.path.startswith(settings.STATIC_URL)


def _length_of(response: HttpResponse | StreamingHttpResponse) -> int:
    if isinstance(response, HttpResponse):
        return len(response.content)
    body = b"".join(response)
    response.streaming_content = [body]
    return len(body)


@lru_cache(maxsize=256)
def _compressed(body: bytes) -> bytes:
    return compress_string(body)
