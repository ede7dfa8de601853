"""The OpenAPI document and what is made of it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from apim.api.reference import describe, openapi_document, type_of
from apim.api.urls import urlpatterns
from apim.config.env import ROOT


def test_the_document_is_valid_and_made_without_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))


@pytest.mark.django_db
def test_the_document_and_the_page_are_open_to_everyone() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    assert "POST /api/v1/credentials" in page.content.decode()


def test_every_route_is_described_with_its_scope_and_its_problems() -> None:
    document = openapi_document()
    assert len(document["paths"]) == len(urlpatterns) - 3  # openapi.json, docs and the route for all that is not there
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (path, method)
            assert "401" in operation["responses"], (path, method)
            refusal = operation["responses"]["401"]["content"]
            assert list(refusal) == ["application/problem+json"]


def test_every_body_that_is_more_than_a_reason_has_an_example_or_only_optional_fields() -> None:
    for section in describe().sections:
        for operation in section.operations:
            if any(field.is_required for field in operation.body):
                assert operation.example, operation.name


def test_the_reference_in_docs_is_current() -> None:
    out = StringIO()
    call_command("print_rest_reference", stdout=out)
    assert (ROOT / "docs" / "reference" / "rest.md").read_text() == out.getvalue(), "run script/docs"


def test_a_list_that_may_be_missing_is_told_with_what_is_in_it() -> None:
    assert (
        type_of({"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Plan"}}) == "list of Plan or null"
    )
    assert type_of({"type": ["integer", "null"], "format": "int64"}) == "integer or null (int64)"
