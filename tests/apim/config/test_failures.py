"""Pages of what went wrong: helpful, in the reader's language, in the portal's look, without what may have failed."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client

from apim.branding.brand import forget_brand, live_brand
from apim.branding.models import Look
from apim.ui.csp import HEADER, POLICY
from tests.databases import refusing

JAPANESE = {"Accept-Language": "ja"}
ID = "req-of-this-test"


def ask(path: str, **headers: str) -> HttpResponse:
    """What a visitor is answered, whatever is raised meanwhile."""
    client = Client(raise_request_exception=False, headers={"X-Request-Id": ID, **headers})
    answer: HttpResponse = client.get(path)
    return answer


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status"), [(OperationalError("refused"), 503), (ValueError("secret"), 500)])
def test_a_page_that_fails_says_so_without_the_database(error: Exception, status: int) -> None:
    with connection.execute_wrapper(refusing(error)):
        answer, japanese = ask("/"), ask("/", **JAPANESE)
    assert (answer.status_code, japanese.status_code) == (status, status)
    text = answer.content.decode()
    assert ID in text
    assert "secret" not in text
    assert "Traceback" not in text
    assert '<html lang="ja"' in japanese.content.decode()
    assert answer[HEADER] == POLICY
    assert answer.get("Retry-After") == ("30" if status == 503 else None)


@pytest.mark.django_db
def test_a_program_is_told_of_a_database_that_is_away_by_a_problem() -> None:
    with connection.execute_wrapper(refusing(OperationalError("refused"))):
        answer = ask("/api/v1/apis", Authorization="Bearer apim_pat_0123456789")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.json()["code"] == "request.unavailable"
    assert answer["Content-Type"] == "application/problem+json"
    assert ID in answer.content.decode()


@pytest.mark.django_db
def test_a_form_that_is_too_large_is_told_what_one_takes() -> None:
    answer = Client().post("/account/login/", {"login": "x" * 2_700_000})
    assert answer.status_code == 413
    assert "at most 2.5 MB" in answer.content.decode()


@pytest.mark.django_db
def test_a_host_that_is_not_served_is_told_the_setting() -> None:
    answer = ask("/", Host="elsewhere.example")
    assert answer.status_code == 400
    assert "APIM_ALLOWED_HOSTS" in answer.content.decode()


@pytest.mark.django_db
def test_the_address_of_a_form_says_that_it_is_one() -> None:
    answer = ask("/theme")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "only takes a form" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "status"), [("/nothing-here", 404), ("/?q=%00", 400)])
def test_pages_of_what_is_not_there_name_the_request(path: str, status: int) -> None:
    answer = ask(path)
    assert (answer.status_code, ID in answer.content.decode()) == (status, True)


@pytest.mark.django_db
def test_the_look_that_was_shown_last_is_known_without_the_database() -> None:
    forget_brand()
    Look.objects.create(state=Look.LIVE, portal_name="Riverside")
    live_brand()
    forget_brand()
    with connection.execute_wrapper(refusing(OperationalError("refused"))):
        assert "Riverside" in ask("/").content.decode()
