"""The pages that explain the gateway's refusals."""

from __future__ import annotations

import pytest
from django.test import Client

from gateway_sync.runtime.core.refusals import CODES
from portal.explanations import BY_CODE

pytestmark = pytest.mark.django_db


def test_every_code_of_the_gateway_is_explained_and_no_other() -> None:
    assert set(BY_CODE) == set(CODES)


def test_the_list_leads_to_the_page_of_every_code() -> None:
    listed = Client().get("/problems").content.decode()
    for code, (status, title) in CODES.items():
        assert f'href="/problems/{code}"' in listed
        page = Client().get(f"/problems/{code}")
        assert page.status_code == 200
        assert title in page.content.decode()
        assert str(status) in page.content.decode()


def test_an_unknown_code_is_not_found() -> None:
    assert Client().get("/problems/nonsense").status_code == 404
