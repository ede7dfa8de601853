"""The page of the living demo: switch, badge, removal, refusals in words."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from apim.accounts.models import User
from apim.demo.models import Demo
from tests.apim.demo.conftest import bank as bank  # noqa: PLC0414 - a fixture
from tests.conftest import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]

PAGE = "/console/admin/demo"


def test_the_switch_starts_the_demo_and_every_page_says_so(log_in: LogIn, admin: User) -> None:
    client = log_in(admin)
    assert "Demo data" not in client.get("/console/").content.decode()
    shown = client.post(PAGE, {"act": "on"}, follow=True).content.decode()
    assert "The demo is on" in shown
    assert "Running" in shown
    assert "/console/jobs?kind=demo-history" in shown, "the history is made by a job, which can be followed from here"
    assert Demo.objects.get().started_by == admin.email
    assert "Demo data" in client.get("/console/").content.decode()


def test_off_keeps_what_was_made_and_remove_asks_first(log_in: LogIn, admin: User) -> None:
    client = log_in(admin)
    client.post(PAGE, {"act": "on"})
    assert "stays until you remove it" in client.post(PAGE, {"act": "off"}, follow=True).content.decode()
    assert "Remove the demo?" in client.get(f"{PAGE}/remove").content.decode()
    assert "Being removed" in client.post(f"{PAGE}/remove", follow=True).content.decode()
    assert Demo.objects.get().is_removing


def test_a_refusal_is_told_beside_the_switch(log_in: LogIn, admin: User, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_live_x"
    answer = log_in(admin).post(PAGE, {"act": "on"})
    assert answer.status_code == 422
    assert "Payments are live here" in answer.content.decode()


def test_production_shows_a_box_to_tick(log_in: LogIn, admin: User, settings: Settings) -> None:
    settings.BASE_URL = "https://api.example.com"
    client = log_in(admin)
    assert "is_production_meant" in client.get(PAGE).content.decode()
    assert client.post(PAGE, {"act": "on"}).status_code == 422
    assert client.post(PAGE, {"act": "on", "is_production_meant": "on"}).status_code == 302
