"""Filters that have a control: of what there is more than one, at a constant price."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Organization, User
from apim.catalog.models import APIVersion
from apim.console.insight.choosing import MOST_CHOICES
from apim.gateways.models import Environment
from tests.conftest import LogIn
from tests.factories import catalog, products

pytestmark = pytest.mark.django_db


def controls(client: Client, query: str = "?filters=open") -> dict[str, list[str]]:
    """The values that each select of the filters offers."""
    page = client.get(f"/console/analytics{query}").content.decode()
    found = re.findall(r'<select id="filter-(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL)
    return {name: re.findall(r'value="([^"]*)"', options) for name, options in found}


@pytest.fixture
def bank(acme: Organization, environment: Environment) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank"))


@pytest.fixture
def client(log_in: LogIn, owner: User, bank: APIVersion) -> Client:
    return log_in(owner)


def test_what_has_one_choice_has_no_control(client: Client, bank: APIVersion) -> None:
    products.product(version=bank, name="only", plans=[])
    assert controls(client) == {}


def test_environments_and_products_are_chosen_and_the_rest_is_kept(client: Client, bank: APIVersion) -> None:
    Environment.objects.create(name="staging")
    for name in ("cards", "loans"):
        products.product(version=bank, name=name, plans=[])
    assert controls(client) == {"environment": ["", "default", "staging"], "product": ["", "cards", "loans", "none"]}
    page = client.get("/console/analytics?range=7d&api=bank&product=cards&status=500").content.decode()
    form = page.split('id="filter-environment"')[0].rpartition("<form")[2]
    assert set(re.findall(r'name="(\w+)" value="(\w+)"', form)) == {("range", "7d"), ("api", "bank"), ("status", "500")}
    assert '<option value="cards" selected>' in page


def test_who_does_not_open_the_fold_pays_for_no_choices(client: Client, bank: APIVersion) -> None:
    for name in ("cards", "loans"):
        products.product(version=bank, name=name, plans=[])
    client.get("/console/analytics?range=7d")
    with CaptureQueriesContext(connection) as open_queries:
        client.get("/console/analytics?range=7d&filters=open")
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/console/analytics?range=7d").content.decode()
    assert len(queries) < len(open_queries)
    assert '<a href="/console/analytics?range=7d&amp;filters=open">' in page
    assert "filter-product" not in page


def test_of_very_many_the_name_is_typed(client: Client, bank: APIVersion) -> None:
    products.product(version=bank, name="first", plans=[])
    products.product(version=bank, name="second", plans=[])
    client.get("/console/analytics?filters=open")
    with CaptureQueriesContext(connection) as few:
        client.get("/console/analytics?filters=open")
    for number in range(MOST_CHOICES):
        products.product(version=bank, name=f"product-{number}", plans=[])
    with CaptureQueriesContext(connection) as many:
        page = client.get("/console/analytics?filters=open").content.decode()
    assert len(many) == len(few)
    assert '<input class="input" id="filter-product"' in page
    assert page.count("<option") <= MOST_CHOICES + 5


def test_products_of_others_are_no_choice(client: Client) -> None:
    for name in ("theirs", "hidden"):
        products.product(name=name)
    assert "product" not in controls(client)
