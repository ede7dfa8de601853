"""What REST tests share: clients with a token, and the bank as a set of documents applied through the API itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apim.accounts.models import User
from apim.accounts.scopes import SCOPES
from apim.accounts.services import issue_token
from tests.factories.accounts import TESTER
from tests.payments import _inbox, _standin, bought, product, stripe_server, waiting  # noqa: F401 - fixtures
from tests.prepaid import prepaid  # noqa: F401 - a fixture
from tests.switching import clock  # noqa: F401 - a fixture

OPENAPI = """\
openapi: 3.0.3
info: { title: Accounts, version: "1" }
paths:
  /accounts:
    get: { operationId: listAccounts, responses: { "200": { description: ok } } }
  /accounts/{id}:
    get:
      operationId: getAccount
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
"""
DOCUMENTS = """\
apiVersion: apim.dev/v1
kind: API
metadata: { name: bank }
spec:
  organization: acme
  displayName: Bank API
  versions:
    - name: v1
      lifecycle: { state: published }
      spec: { $file: ./accounts.yaml }
      upstream: { targets: [{ url: "http://127.0.0.1:9101", weight: 100 }], timeout: 5s }
---
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: starter }
spec:
  organization: acme
  approval: auto
  limits:
    - { rate: 10/s, burst: 10 }
    - { quota: 1000, per: month }
---
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: gold }
spec: { organization: acme, approval: manual, limits: [{ rate: 100/s }] }
---
apiVersion: apim.dev/v1
kind: Product
metadata: { name: payments }
spec: { organization: acme, displayName: Payments, apis: [{ api: bank, versions: [v1] }], plans: [starter, gold] }
---
apiVersion: apim.dev/v1
kind: Application
metadata: { name: shop }
spec: { organization: initech }
"""

MakeClient = Callable[..., APIClient]


def token_of(user: User, scopes: Sequence[str] = ()) -> str:
    """The secret of a fresh token, with every scope that the person may have unless some are named."""
    scopes = scopes or [scope for scope in SCOPES if scope != "admin" or user.is_platform_admin]
    return issue_token(user=user, name="test", scopes=scopes, by=TESTER).secret


@pytest.fixture
def api() -> MakeClient:
    """`api(owner)` is a client with that person's token; `api(None)` has none. Unexpected errors are answers here."""

    def make(user: User | None, *, scopes: Sequence[str] = ()) -> APIClient:
        client = APIClient(raise_request_exception=False)
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user, scopes)}")
        return client

    return make


@pytest.fixture
def bank(api: MakeClient, admin: User, request: pytest.FixtureRequest) -> dict[str, Any]:
    """acme's API `bank` v1, plans starter and gold, product payments; initech's application shop."""
    for name in ("acme", "initech", "environment"):
        request.getfixturevalue(name)
    body = {"documents": DOCUMENTS, "files": {"./accounts.yaml": OPENAPI}}
    response = api(admin).post("/api/v1/documents/apply", body, format="json")
    assert response.status_code == 200, response.json()
    applied: dict[str, Any] = response.json()
    return applied


@contextmanager
def counted_queries() -> Iterator[CaptureQueriesContext]:
    """The queries of a block."""
    with CaptureQueriesContext(connection) as captured:
        yield captured


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal with that status and code, complete as RFC 9457 and we have it."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["request_id"] == response["X-Request-Id"]
    assert body["request_id"].startswith("req_")
    assert {"type", "title", "detail", "instance", "errors"} <= body.keys()
    assert body["type"].endswith(f"#problem-{code}")
    return body
