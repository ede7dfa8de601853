"""Addresses with a NUL character."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/?q=%00", "/apis/%00", "/pricing?page=1%00", "/account/login/?next=%00"])
def test_a_nul_in_an_address_is_told(path: str) -> None:
    response = Client().get(path)
    assert (response.status_code, b"NUL" in response.content) == (400, True)


@pytest.mark.django_db
def test_other_addresses_are_left_alone() -> None:
    assert Client().get("/?q=%25").status_code == 200
