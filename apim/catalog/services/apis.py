"""APIs: make, change, archive, restore, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.models import Organization
from apim.accounts.services import require_team
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.catalog.searching import save_search_text
from apim.catalog.topics import tidy_tags
from apim.errors import Conflict
from apim.gateways.services import touch
from apim.listing import enumerated
from apim.validation import require_clean, require_known

_CHANGEABLE = frozenset(
    {"display_name", "description", "visibility", "team", "labels", "tags", "category", "key_header"}
)
_SEEN_BY_GATEWAYS = frozenset({"key_header"})  # the rest is for people: changing it publishes nothing


@dataclass(frozen=True, slots=True)
class Consequences:
    """What goes when an API is deleted, and what stands against it.

    Shapes: names, for people to read; products lists those that still offer a version of it, archived ones do not.
    """

    versions: tuple[str, ...]
    live_versions: tuple[str, ...]
    revisions: int
    products: tuple[str, ...]

    @property
    def can_delete(self) -> bool:
        """True when no caller loses anything by it."""
        return not self.live_versions and not self.products


@transaction.atomic
def create_api(
    *,
    organization: Organization,
    name: str,
    by: Actor,
    display_name: str = "",
    description: str = "",
    visibility: str = API.Visibility.PUBLIC,
    team: str = "",
    labels: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    category: str = "",
    key_header: str = "X-API-Key",
) -> API:
    """A new API without versions.

    Errors: catalog.name_taken, accounts.no_such_team.
    """
    api = API(
        organization=organization,
        name=name,
        display_name=display_name or name,
        description=description,
        visibility=visibility,
        team=team,
        labels=dict(labels or {}),
        tags=tidy_tags(tags),
        category=" ".join(category.split()),
        key_header=key_header,
    )
    require_team(organization, team)
    require_clean(api, prefix="catalog")
    api.save()
    save_search_text(api)
    record(by=by, action="api.create", target=api, after=state_of(api))
    return api


@transaction.atomic
def update_api(*, api: API, changes: Mapping[str, Any], by: Actor) -> API:
    """The API with changes. Its name stays: it is part of every caller's URL."""
    require_known(changes, _CHANGEABLE, prefix="catalog", noun=gettext("An API"))
    lock_api(api)
    before = state_of(api)
    changes = dict(changes)
    if isinstance(changes.get("tags"), list):
        changes["tags"] = tidy_tags(changes["tags"])
    changed = [name for name, value in changes.items() if getattr(api, name) != value]
    if not changed:
        return api
    if "team" in changed:
        require_team(api.organization, changes["team"])
    for name in changed:
        setattr(api, name, changes[name])
    require_clean(api, prefix="catalog")
    api.save()
    save_search_text(api)
    record(by=by, action="api.update", target=api, before=before, after=state_of(api))
    if _SEEN_BY_GATEWAYS.intersection(changed):
        touch(environments_of(api))
    return api


@transaction.atomic
def archive_api(*, api: API, by: Actor) -> API:
    """The API out of the catalogue and off the gateways; everything about it is kept for `restore_api`."""
    lock_api(api)
    if api.archived_at:
        return api
    before = state_of(api)
    api.archived_at = timezone.now()
    api.save(update_fields=["archived_at", "updated_at"])
    record(by=by, action="api.archive", target=api, before=before, after=state_of(api))
    touch(environments_of(api))
    return api


@transaction.atomic
def restore_api(*, api: API, by: Actor) -> API:
    """The archived API as it was: in the catalogue, and what was deployed runs again."""
    lock_api(api)
    if not api.archived_at:
        return api
    before = state_of(api)
    api.archived_at = None
    api.save(update_fields=["archived_at", "updated_at"])
    record(by=by, action="api.restore", target=api, before=before, after=state_of(api))
    touch(environments_of(api))
    return api


def deletion_consequences(api: API) -> Consequences:
    """What deleting the API would take away, and what stands against it. Three queries."""
    versions = list(api.versions.all())
    is_live = not api.archived_at
    offers = api.versions.filter(product_items__isnull=False, product_items__product__archived_at=None)
    return Consequences(
        versions=tuple(version.name for version in versions),
        live_versions=tuple(version.name for version in versions if is_live and version.is_callable),
        revisions=Revision.objects.filter(version__api=api).count(),
        products=tuple(sorted(set(offers.values_list("product_items__product__name", flat=True)))),
    )


@transaction.atomic
def delete_api(*, api: API, by: Actor) -> None:
    """The API, its versions, revisions and deployments are gone for good; usage records stay.

    Errors: Conflict catalog.api_in_products, catalog.api_is_live.
    """
    consequences = deletion_consequences(api)
    if consequences.products:
        message = gettext("%(api)s is offered by %(products)s.") % {
            "api": api,
            "products": _listed(consequences.products),
        }
        raise Conflict(
            "catalog.api_in_products", message, hint=gettext("Take it out of these products or archive them first.")
        )
    if consequences.live_versions:
        message = gettext("%(api)s serves callers with %(live_versions)s.") % {
            "api": api,
            "live_versions": _listed(consequences.live_versions),
        }
        raise Conflict("catalog.api_is_live", message, hint=gettext("Archive the API first; that can be undone."))
    touched = environments_of(api)
    record(by=by, action="api.delete", target=api, before=state_of(api) | {"versions": list(consequences.versions)})
    Deployment.objects.filter(version__api=api).delete()  # before the revisions, which they protect
    for version in api.versions.all():
        version.product_items.all().delete()  # of archived products: a product cannot be emptied by hand
    api.delete()
    touch(touched)


def environments_of(api: API) -> list[str]:
    """The ids of the environments in which a version of the API is deployed."""
    return sorted(set(Deployment.objects.filter(version__api=api).values_list("environment_id", flat=True)))


def environments_of_version(version: APIVersion) -> list[str]:
    """The ids of the environments in which the version is deployed."""
    return list(version.deployments.values_list("environment_id", flat=True))


def lock_api(api: API) -> None:
    """Hold the API until the commit, as it is now: what was done since it was read must not be undone."""
    api.refresh_from_db(from_queryset=API.objects.select_for_update(no_key=True))


def _listed(names: tuple[str, ...], at_most: int = 5) -> str:
    shown = enumerated(names[:at_most])
    return (
        shown
        if len(names) <= at_most
        else gettext("%(shown)s and %(count)s more") % {"shown": shown, "count": len(names) - at_most}
    )
