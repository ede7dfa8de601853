"""A write that the database gave up is done again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from apim.accounts.models import Organization
from apim.config.retries import RetryMiddleware
from tests.factories import accounts
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.django_db(transaction=True)


def post_through_retries(view: Callable[..., HttpResponse]) -> HttpResponseBase | None:
    request = RequestFactory().post("/", "{}", content_type="application/json")
    return RetryMiddleware(lambda _request: HttpResponse(status=500)).process_view(request, view, (), {})


def test_who_loses_the_race_for_a_name_looks_again_and_finds_it_taken() -> None:
    found: list[bool] = []

    def create(_request: HttpRequest) -> HttpResponse:
        found.append(Organization.objects.filter(name="acme").exists())
        if found[-1]:
            return HttpResponse(status=409)
        accounts.organization(name="acme")  # the other request, between our look and our write
        Organization.objects.create(name="acme", display_name="Acme")
        return HttpResponse(status=201)

    response = post_through_retries(create)
    assert response is not None
    assert response.status_code == 409
    assert found == [False, True]


def test_a_write_that_breaks_another_rule_is_not_done_again() -> None:
    attempts: list[int] = []

    def write(_request: HttpRequest) -> HttpResponse:
        attempts.append(1)
        Organization.objects.create(name=None)
        return HttpResponse()

    with pytest.raises(IntegrityError):
        post_through_retries(write)
    assert attempts == [1]


@pytest.mark.postgresql  # SQLite has no deadlocks
def test_two_writes_that_lock_in_opposite_orders_both_succeed() -> None:
    for name in ("one", "two"):
        accounts.organization(name=name)
    both_hold_one = Barrier(2)
    attempts: list[str] = []

    def rename(_request: HttpRequest, first: str, second: str) -> HttpResponse:
        attempts.append(first)
        with transaction.atomic():
            Organization.objects.filter(name=first).update(display_name=f"{first} first")
            if attempts.count(first) == 1:
                both_hold_one.wait(PATIENCE_S)
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
