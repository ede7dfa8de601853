"""The language of a page: what its reader chose in the account, else in this browser, else what the browser asks for.

Owns: pages and mails alone. What programs read (the management API, documents, the command line) says the same in every
language, so that nobody's program depends on where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise, lazy

_MACHINES = ("/api/", "/gateway/", "/healthz/", "/metrics", "/webhooks/stripe")  # of whom no language is asked


class LanguageMiddleware:
    """Answers in the language of who asks, and says in the answer which it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer; a thread serves the next request in no language of this one."""
        is_page = not is_for_machines(request)
        language = language_of(request) if is_page else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self._get_response(request)
        if isinstance(response, StreamingHttpResponse):  # served by WSGI: none is asynchronous
            response.streaming_content = _in_language(language, response.streaming_content)  # type: ignore[arg-type]
        if is_page:
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
            response.headers.setdefault("Content-Language", language)
            if request.user.is_authenticated:  # for caches on the way that do not look at what it varies by
                response.headers.setdefault("Cache-Control", "private")
        return response


def is_for_machines(request: HttpRequest) -> bool:
    """True for an address whose answers programs read."""
    return request.path_info.startswith(_MACHINES)


def language_of(request: HttpRequest) -> str:
    """The code of the language to answer in."""
    chosen = getattr(request.user, "language", "")
    if is_known(chosen):
        return str(chosen)
    return translation.get_language_from_request(request)  # the cookie, then Accept-Language, then LANGUAGE_CODE


def is_known(code: str) -> bool:
    """True for the code of a language that pages are written in."""
    return any(code == known for known, _ in settings.LANGUAGES)


def speaking(language: str) -> AbstractContextManager[None]:
    """What is said inside is said in this language: of an account, or LANGUAGE_CODE for one that chose none."""
    return translation.override(language if is_known(language) else settings.LANGUAGE_CODE)


def to_keep() -> str:
    """What a new account keeps of the language that is spoken here: nothing of LANGUAGE_CODE."""
    language = translation.get_language() or ""
    return "" if language == settings.LANGUAGE_CODE else language


def _fill(text: str | Promise, words: Mapping[str, object]) -> str:
    return str(text) % words


filled = lazy(_fill, str)  # a lazy translation with its words, in the language of whoever it is said to


def _in_language(language: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    rest = iter(parts)
    while True:
        with translation.override(language):
            part = next(rest, None)
        if part is None:
            return
        yield part
