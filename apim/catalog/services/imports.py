"""Imports: a contract, or only an address, made into a version. Importing again merges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.catalog.confined import parse_confined
from apim.catalog.models import API, APIVersion, Revision
from apim.catalog.operations import matches, operation_name
from apim.catalog.services.apis import create_api
from apim.catalog.services.revisions import save_revision
from apim.catalog.services.versions import create_version
from apim.catalog.upstreams import upstream_of
from apim.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class OperationChange:
    """An operation that an import added or removed; products names those that offered a removed one by its pattern."""

    action: Literal["added", "removed"]
    operation: str
    products: tuple[str, ...] = ()

    @property
    def is_warning(self) -> bool:
        """True when a product's subscribers lose the operation."""
        return bool(self.products)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made.

    Shapes: problems as in Revision.problems; changes against the version's last revision, removals first.
    """

    api: API
    version: APIVersion
    revision: Revision
    problems: tuple[Mapping[str, Any], ...]
    changes: tuple[OperationChange, ...]


@transaction.atomic
def import_document(
    *,
    source: str,
    api_name: str,
    version_name: str,
    upstream_url: str,
    organization: Organization,
    by: Actor,
) -> Imported:
    """A version with the contract of source; an API and a version of these names are made when they are missing.

    Into a version that exists, only the contract is taken, and the upstream when one is given: policies,
    documentation, products and plans stay as they are. A new version without upstream_url takes the document's
    own server, when that is an absolute URL.
    Errors: those of create_api, create_version and save_revision; NotFound catalog.other_organization when the API
    belongs to another organization.
    """
    document = parse_confined(source)
    version = _version_for(
        api_name,
        version_name,
        organization,
        by,
        display_name=document.title,
        description=document.description,
    )
    last = version.revisions.first()
    url = upstream_url or (document.server_url if last is None or not last.upstream else "")
    upstream = upstream_of(url) if url else None
    revision = save_revision(version=version, by=by, document=source, parsed=document, upstream=upstream)
    changes = operation_changes(last, revision) if last else ()
    return Imported(version.api, version, revision, tuple(revision.problems), changes)


@transaction.atomic
def create_passthrough(
    *,
    organization: Organization,
    api_name: str,
    version_name: str,
    upstream_url: str,
    methods: Sequence[str],
    prefix: str,
    by: Actor,
) -> APIVersion:
    """A version that passes on every path under prefix; a contract can be imported into it later.

    Errors: those of create_api, create_version and save_revision; Conflict catalog.has_revisions.
    """
    version = _version_for(api_name, version_name, organization, by)
    if version.revisions.exists():
        message = gettext("%(version)s exists.") % {"version": version}
        raise Conflict(
            "catalog.has_revisions", message, field="version_name", hint=gettext("Choose another version name.")
        )
    passthrough = {"methods": list(methods), "prefix": prefix}
    save_revision(version=version, by=by, upstream=upstream_of(upstream_url), passthrough=passthrough)
    return version


def operation_changes(before: Revision, after: Revision) -> tuple[OperationChange, ...]:
    """What differs between two revisions of a version, and which products name what is gone. One query."""
    old = {operation_name(operation): operation for operation in _callable(before)}
    new = {operation_name(operation): operation for operation in _callable(after)}
    removed = [operation for name, operation in old.items() if name not in new]
    offers = list(after.version.product_items.values_list("product__name", "operations")) if removed else []
    gone = [
        OperationChange(
            "removed",
            operation_name(operation),
            tuple(
                sorted(name for name, patterns in offers if any(matches(pattern, operation) for pattern in patterns))
            ),
        )
        for operation in removed
    ]
    return (*gone, *(OperationChange("added", name) for name in new if name not in old))


def _callable(revision: Revision) -> Sequence[Mapping[str, Any]]:
    """What callers can call; of a pass-through, as gateways name it: `POST /prefix/{*}`."""
    if not revision.passthrough:
        return list(revision.operations)
    path = revision.passthrough["prefix"].rstrip("/") + "/{*}"
    return [{"method": method, "path": path} for method in revision.passthrough["methods"]]


def _version_for(
    api_name: str,
    version_name: str,
    organization: Organization,
    by: Actor,
    *,
    display_name: str = "",
    description: str = "",
) -> APIVersion:
    api = API.objects.filter(name=api_name).first()
    if api is None:
        api = create_api(
            organization=organization, name=api_name, by=by, display_name=display_name, description=description
        )
    elif api.organization_id != organization.pk:
        message = gettext("The name %(api_name)s is taken.") % {"api_name": api_name}
        raise NotFound("catalog.other_organization", message, field="api_name", hint=gettext("Choose another name."))
    version = api.versions.filter(name=version_name).first()
    return version or create_version(api=api, name=version_name, by=by)
