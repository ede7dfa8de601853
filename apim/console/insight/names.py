"""What ids are called: versions with their APIs, applications with their organizations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from django.utils.translation import gettext

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.console.scope import apis_of
from apim.gateways.sandbox import is_twin, original_id


class VersionName(NamedTuple):
    """A version as tables call it."""

    id: str
    name: str
    api: str
    title: str  # of the API

    def __str__(self) -> str:
        return f"{self.api} {self.name}"


Versions: TypeAlias = dict[str, VersionName]


class CallerName(NamedTuple):
    """An application as tables call it."""

    name: str
    organization: str


def versions_in(user: User) -> Versions:
    """Every version that the console shows to the person, by id. One query, however many there are."""
    rows = APIVersion.objects.filter(api__in=apis_of(user)).order_by("api__name", "name")
    found = rows.values_list("id", "name", "api__name", "api__display_name")
    return {identifier: VersionName(identifier, name, api, title) for identifier, name, api, title in found}


def version_word(versions: Versions, identifier: str) -> str:
    """A version in a table; one that is gone by its id."""
    found = versions.get(identifier)
    if found is not None:
        return str(found)
    original = versions.get(original_id(identifier)) if is_twin(identifier) else None
    if original is not None:
        return gettext("%(version)s in the sandbox") % {"version": original}
    return identifier or gettext("none: met no API")


def callers_in(ids: Iterable[str]) -> dict[str, CallerName]:
    """Applications by id. One query."""
    rows = Application.objects.filter(id__in=[each for each in ids if each])
    found = rows.values_list("id", "display_name", "organization__display_name")
    return {identifier: CallerName(name, organization) for identifier, name, organization in found}


def caller_word(callers: Mapping[str, CallerName], identifier: str) -> str:
    """An application in a table; a deleted one by its id."""
    found = callers.get(identifier)
    if found is not None:
        return f"{found.name} ({found.organization})"
    return identifier or gettext("none: no known key")
