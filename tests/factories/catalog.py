"""APIs, versions and what runs of them, made by the real services."""

from __future__ import annotations

from itertools import count
from typing import Any

from apim.accounts.models import Organization
from apim.accounts.services import adopt_team
from apim.catalog import services
from apim.catalog.models import API, APIVersion
from tests.factories.accounts import TESTER
from tests.factories.accounts import organization as new_organization

UPSTREAM = {"targets": [{"url": "http://127.0.0.1:9101"}]}
ARMS = {
    "targets": [{"url": "http://127.0.0.1:1", "arm": "blue"}, {"url": "http://127.0.0.1:2", "arm": "green"}],
    "canary": {"arms": ["blue=100", "green=0"]},
}
OPERATIONS = ({"method": "GET", "path": "/accounts"}, {"method": "GET", "path": "/accounts/{id}"})

_numbers = count(1)


def api(*, organization: Organization | None = None, name: str = "", team: str = "", **options: Any) -> API:
    """An API without versions, of a team that is made when there is none of the name."""
    of = organization or new_organization()
    adopt_team(organization=of, name=team, by=TESTER)
    return services.create_api(organization=of, name=name or f"api-{next(_numbers)}", team=team, by=TESTER, **options)


def draft(*, of: API | None = None, name: str = "v1") -> APIVersion:
    """A version with two operations and an upstream, not published."""
    version = services.create_version(api=of or api(), name=name, by=TESTER)
    services.save_revision(version=version, by=TESTER, upstream=UPSTREAM, operations=OPERATIONS)
    return version


def published(*, of: API | None = None, name: str = "v1") -> APIVersion:
    """A version that callers can use in the default environment."""
    version = draft(of=of, name=name)
    services.publish_version(version=version, by=TESTER)
    return version


def described(*, name: str, paths: str = "", **options: Any) -> APIVersion:
    """A published version of a new API whose document has these paths."""
    of = api(name=name, **options)
    version = services.create_version(api=of, name="v1", by=TESTER)
    services.save_revision(version=version, by=TESTER, upstream=UPSTREAM, document=openapi(paths))
    services.publish_version(version=version, by=TESTER)
    return version


def openapi(paths: str = "", *, version: str = "3.1.0", more: str = "") -> str:
    """A small OpenAPI document. Shapes: paths = lines of YAML below `paths:`, each indented by two."""
    body = paths or "  /accounts:\n    get: {responses: {'200': {description: ok}}}"
    return f"openapi: {version}\ninfo: {{title: Bank, version: '1'}}\n{more}paths:\n{body}\n"
