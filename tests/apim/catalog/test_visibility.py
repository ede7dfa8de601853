"""Who sees and who changes APIs, versions, revisions and products."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import models

from apim.accounts.models import Organization, User
from apim.accounts.services import adopt_team
from apim.audit.actor import Actor
from apim.catalog import services
from apim.catalog.models import API, APIVersion, Revision
from apim.products.models import Product
from tests.factories import accounts, catalog, products

pytestmark = pytest.mark.usefixtures("environment")


def seen(model: type[models.Model], user: User | AnonymousUser) -> int:
    """How many rows of a model the user sees."""
    return model.objects.visible_to(user).count()  # type: ignore[attr-defined,no-any-return]


def editable(model: type[models.Model], user: User | AnonymousUser) -> int:
    """How many rows of a model the user may change."""
    return model.objects.editable_by(user).count()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def api(acme: Organization) -> API:
    """A public API of acme's team payments, with a published version, an old revision and a draft."""
    api = catalog.api(organization=acme, name="bank", team="payments")
    version = catalog.published(of=api)
    services.save_revision(version=version, by=accounts.TESTER, policies=[{"size-limit": {"max": 5}}])
    catalog.draft(of=api, name="v2")
    products.product(version=version, name="bank-all", plans=[])
    return api


@pytest.mark.usefixtures("api")
def test_the_public_sees_what_can_be_called(stranger: User, developer: User) -> None:
    for user in (AnonymousUser(), stranger, developer):
        assert [seen(model, user) for model in (API, APIVersion, Revision, Product)] == [1, 1, 1, 1]
        assert [editable(model, user) for model in (API, APIVersion, Revision, Product)] == [0, 0, 0, 0]


@pytest.mark.usefixtures("api")
def test_owners_and_admins_see_drafts_too(owner: User, admin: User) -> None:
    for user in (owner, admin):
        assert [seen(model, user) for model in (API, APIVersion, Revision, Product)] == [1, 2, 3, 1]
        assert [editable(model, user) for model in (API, APIVersion, Revision, Product)] == [1, 2, 3, 1]


def test_what_is_internal_is_for_members(acme: Organization, api: API, stranger: User, other_owner: User) -> None:
    API.objects.filter(pk=api.pk).update(visibility=API.Visibility.INTERNAL)
    Product.objects.update(visibility=Product.Visibility.INTERNAL)
    colleague = accounts.member(acme)
    for user in (AnonymousUser(), stranger, other_owner):
        assert [seen(model, user) for model in (API, APIVersion, Revision, Product)] == [0, 0, 0, 0]
    assert [seen(model, colleague) for model in (API, APIVersion, Revision, Product)] == [1, 2, 3, 1]
    assert [editable(model, colleague) for model in (API, APIVersion, Revision, Product)] == [0, 0, 0, 0]


def test_an_archived_api_is_for_members(api: API, stranger: User, owner: User, by: Actor) -> None:
    services.archive_api(api=api, by=by)
    assert [seen(model, stranger) for model in (API, APIVersion, Revision)] == [0, 0, 0]
    assert [seen(model, owner) for model in (API, APIVersion, Revision)] == [1, 2, 3]


@pytest.mark.parametrize(("team", "count"), [("", 1), ("payments", 1), ("cards", 0)])
def test_an_owner_bound_to_a_team_changes_that_teams_apis(
    *, team: str, count: int, api: API, team_owner: User, by: Actor
) -> None:
    adopt_team(organization=api.organization, name=team, by=by)
    services.update_api(api=api, changes={"team": team}, by=by)
    assert editable(API, team_owner) == count
    assert editable(APIVersion, team_owner) == 2 * count
    assert seen(API, team_owner) == 1


def test_a_suspended_person_is_a_visitor(api: API, owner: User) -> None:
    owner.is_active = False
    owner.save()
    assert (editable(API, owner), seen(APIVersion, owner)) == (0, 1)
    assert api.archived_at is None


@pytest.mark.usefixtures("api")
def test_seeing_takes_one_query(owner: User, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        list(APIVersion.objects.visible_to(owner).select_related("api"))
