"""Which rows the console shows: what belongs to organizations the person owns; everything for admins.

The catalogue's visible_to also holds other owners' public APIs; those are for the portal, not for here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext

from apim.accounts.models import Membership, Organization, User, team_shown
from apim.accounts.permissions import is_admin, organization_ids
from apim.catalog.models import API, APIVersion
from apim.errors import Forbidden
from apim.products.models import Plan, Product

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Place:
    """A version, its API, and whether the person may change them."""

    api: API
    version: APIVersion
    can_edit: bool


def owned_organizations(user: User) -> QuerySet[Organization]:
    """The organizations for which the person may publish."""
    if is_admin(user):
        return Organization.objects.all()
    return Organization.objects.filter(id__in=organization_ids(user, Membership.Role.OWNER))


def apis_of(user: User) -> QuerySet[API]:
    """The APIs the console shows to the person."""
    return API.objects.visible_to(user).filter(organization__in=owned_organizations(user))


def versions_of(user: User) -> QuerySet[APIVersion]:
    """The versions the console shows to the person, with their APIs."""
    return APIVersion.objects.filter(api__in=apis_of(user)).select_related("api", "api__organization")


def products_of(user: User) -> QuerySet[Product]:
    """The products the console shows to the person."""
    return Product.objects.visible_to(user).filter(organization__in=owned_organizations(user))


def plans_of(user: User) -> QuerySet[Plan]:
    """The plans the console shows to the person: owned ones, and what admins prepared for everybody's products."""
    mine = Q(organization__in=owned_organizations(user)) | Q(organization__is_default=True)
    return Plan.objects.visible_to(user).filter(mine)


def find_api(user: User, name: str) -> API:
    """The API of this name, with team_shown; 404 when the console does not show it."""
    rows = apis_of(user).select_related("organization").annotate(team_shown=team_shown())
    return get_object_or_404(rows, name=name)


def find_api_to_edit(user: User, name: str) -> API:
    """The API of this name; 404 when the console does not show it, a refusal when another team's."""
    api = find_api(user, name)
    if not can_edit(user, api):
        raise Forbidden(
            "console.other_team",
            gettext("This API belongs to another team."),
            hint=gettext("Ask that team or an admin."),
        )
    return api


def find_place(user: User, api: str, version: str) -> Place:
    """The version of these names; 404 when the console does not show it."""
    row = get_object_or_404(versions_of(user).select_related("successor"), api__name=api, name=version)
    return Place(row.api, row, can_edit(user, row.api))


def find_version_to_edit(user: User, api: str, version: str) -> APIVersion:
    """The version of these names; 404 when the console does not show it, a refusal when another team's."""
    find_api_to_edit(user, api)
    return find_place(user, api, version).version


def can_edit(user: User, api: API) -> bool:
    """True when the person may change the API."""
    return API.objects.editable_by(user).filter(pk=api.pk).exists()
