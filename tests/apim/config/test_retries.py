"""A write that the database gave up is done again (PostgreSQL only: SQLite has no deadlocks)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apim.accounts.models import Organization
from apim.config.retries import RetryMiddleware
from tests.factories import accounts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def test_two_writes_that_lock_in_opposite_orders_both_succeed() -> None:
    for name in ("one", "two"):
        accounts.organization(name=name)
    both_hold_one = Barrier(2)
    attempts: list[str] = []

    def rename(_request: HttpRequest, first: str, second: str) -> HttpResponse:
        attempts.append(first)
        with transaction.atomic():
            Organization.objects.filter(name=first).update(display_name=f"{first} first")
            with suppress(BrokenBarrierError):  # then the other is done
                both_hold_one.wait(2)
            Organization.objects.filter(name=second).update(display_name=f"{first} last")
        return HttpResponse()

    def send(first: str, second: str) -> int:
        middleware = RetryMiddleware(lambda _request: HttpResponse(status=500))
        try:
            response = middleware.process_view(
                RequestFactory().post("/", "{}", content_type="application/json"), rename, (first, second), {}
            )
        finally:
            connection.close()
        assert response is not None
        return response.status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(send, ("one", "two"), ("two", "one")))
    assert statuses == [200, 200]
    assert len(attempts) == 3


def test_reads_and_uploads_are_left_to_django() -> None:
    middleware = RetryMiddleware(lambda _request: HttpResponse())
    requests = RequestFactory()

    def never(_request: HttpRequest) -> HttpResponse:
        pytest.fail("the view was called")

    assert middleware.process_view(requests.get("/"), never, (), {}) is None
    assert middleware.process_view(requests.post("/", {"a": "b"}), never, (), {}) is None
