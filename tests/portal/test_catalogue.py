"""The catalogue, an API's overview, a product's plans, the reference.

Promises H35.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apim.accounts.models import Organization, User
from apim.catalog.models import API, APIVersion
from apim.catalog.services import archive_api, deprecate_version, publish_version, retire_version, save_revision
from apim.onboarding.models import Journey
from apim.products.models import Product
from tests.conftest import LogIn
from tests.factories import catalog, products
from tests.factories.accounts import TESTER


@pytest.mark.usefixtures("bank")
def test_a_visitor_sees_public_apis_with_something_to_call(acme: Organization, log_in: LogIn) -> None:
    catalog.draft(of=catalog.api(organization=acme, name="unfinished"))
    catalog.published(of=catalog.api(organization=acme, name="inside", visibility="internal"))
    page = log_in(None).get("/").content.decode()
    assert "Bank API" in page
    assert "/apis/unfinished" not in page
    assert "/apis/inside" not in page


def test_internal_apis_are_pages_for_members_only(
    acme: Organization, owner: User, stranger: User, log_in: LogIn
) -> None:
    catalog.published(of=catalog.api(organization=acme, name="inside", visibility="internal"))
    for path in ("/apis/inside", "/apis/inside/v1/reference", "/apis/inside/v1/reference/get/accounts"):
        assert log_in(None).get(path).status_code == 404
        assert log_in(stranger).get(path).status_code == 404
        assert log_in(owner).get(path).status_code == 200


@pytest.mark.usefixtures("bank")
def test_an_archived_api_is_gone(log_in: LogIn) -> None:
    archive_api(api=API.objects.get(name="bank"), by=TESTER)
    assert log_in(None).get("/apis/bank").status_code == 404
    assert "Bank API" not in log_in(None).get("/").content.decode()


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize(("words", "is_found"), [("bank", True), ("BANK money", True), ("stars", False)])
def test_search_takes_every_word(log_in: LogIn, words: str, is_found: bool) -> None:
    answer = log_in(None).get("/", {"q": words})
    assert ("/apis/bank" in answer.content.decode()) is is_found


@pytest.mark.usefixtures("bank")
def test_htmx_gets_the_results_alone(log_in: LogIn) -> None:
    answer = log_in(None).get("/", {"q": "bank"}, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert "HX-Request" in answer["Vary"]
    back = log_in(None).get("/", {"q": "bank"}, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize(("seconds", "words"), [(61, "within 2 minutes"), (9, "within 1 minute of"), (601, "")])
def test_the_catalogue_tells_how_long_the_way_takes_where_it_was_measured(
    log_in: LogIn, developer: User, monkeypatch: pytest.MonkeyPatch, seconds: int, words: str
) -> None:
    beginning = "Half of those who began lately"
    assert beginning not in log_in(None).get("/").content.decode()
    cache.clear()
    monkeypatch.setattr("apim.onboarding.funnel._ENOUGH", 1)
    Journey.objects.create(
        user=developer, product=Product.objects.get(), began_at=developer.created_at,
        succeeded_at=developer.created_at + timedelta(seconds=seconds),
    )  # fmt: skip
    page = log_in(None).get("/").content.decode()
    assert (beginning in page) is bool(words)
    assert words in page


@pytest.mark.usefixtures("bank")
def test_the_catalogue_costs_the_same_at_any_size(
    acme: Organization, log_in: LogIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    log_in(None).get("/")  # what was measured of the way to a first answer is kept for some minutes
    with django_assert_num_queries(8):
        log_in(None).get("/")
    for number in range(5):
        version = catalog.published(of=catalog.api(organization=acme, tags=[f"tag {number}"]))
        products.product(version=version)
    with django_assert_num_queries(8):
        log_in(None).get("/")


@pytest.mark.usefixtures("bank")
def test_an_api_page_costs_the_same_with_more_products(
    log_in: LogIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(13) as few:
        log_in(None).get("/apis/bank")
    for _ in range(4):
        products.product(version=APIVersion.objects.get(api__name="bank"))
    with django_assert_max_num_queries(13) as many:
        log_in(None).get("/apis/bank")
    assert len(few) == len(many)


@pytest.mark.usefixtures("bank")
def test_deprecation_is_told_with_its_successor(log_in: LogIn) -> None:
    first = APIVersion.objects.get(api__name="bank")
    second = catalog.published(of=first.api, name="v2")
    deprecate_version(version=first, deprecated_at=timezone.now(), successor=second, by=TESTER)
    page = log_in(None).get("/apis/bank/v1/reference").content.decode()
    assert "Deprecated" in page
    assert "/apis/bank/v2/reference" in page


def test_descriptions_cannot_bring_markup_or_foreign_images(acme: Organization, log_in: LogIn) -> None:
    text = "<script>alert(1)</script> ![x](https://evil.example/x.png) [y](javascript:alert(1)) **strong**"
    catalog.published(of=catalog.api(organization=acme, name="evil", description=text))
    page = log_in(None).get("/apis/evil").content.decode()
    assert "<script>alert" not in page
    assert 'evil.example/x.png"' not in page
    assert 'href="javascript' not in page
    assert "<strong>strong</strong>" in page


@pytest.mark.usefixtures("bank")
def test_a_product_page_shows_what_plans_grant(log_in: LogIn) -> None:
    page = log_in(None).get("/products/bank-payments").content.decode()
    assert "1,000 calls a month" in page
    assert "An owner approves your request" in page


def test_the_document_is_downloaded_as_it_was_given(acme: Organization, log_in: LogIn) -> None:
    text = catalog.openapi()
    version = _with_document(acme, text)
    answer = log_in(None).get(f"/apis/{version.api.name}/v1/openapi")
    assert answer.content.decode() == text
    assert answer["Content-Disposition"] == f'attachment; filename="{version.api.name}-v1.yaml"'


@pytest.mark.usefixtures("gateway")
def test_an_operation_page_shows_parameters_and_a_sample(acme: Organization, log_in: LogIn) -> None:
    paths = (
        "  /accounts/{id}:\n    get:\n      summary: Read an account\n      parameters:\n"
        "        - {name: id, in: path, required: true, schema: {type: string}, example: acc-1}\n"
        "      responses: {'200': {description: Here it is}}"
    )
    version = _with_document(acme, catalog.openapi(paths))
    page = log_in(None).get(f"/apis/{version.api.name}/v1/reference/get/accounts/{{id}}").content.decode()
    assert "Read an account" in page
    assert "Here it is" in page
    assert f"/{version.api.name}/v1/accounts/acc-1" in page


def test_no_reference_page_grows_with_a_huge_contract(acme: Organization, log_in: LogIn) -> None:
    operations = [
        {"method": "GET", "path": f"/things-{number}/{{id}}", "tags": [f"group-{number // 100}"], "summary": "A thing"}
        for number in range(3000)
    ]
    version = catalog.draft(of=catalog.api(organization=acme, name="huge"))
    revision = save_revision(version=version, operations=operations, by=TESTER)
    publish_version(version=version, revision=revision, by=TESTER)
    client = log_in(None)
    assert len(client.get("/apis/huge/v1/reference").content) < 200_000
    assert "/things-2950/{id}" in client.get("/apis/huge/v1/reference", {"tag": "group-29"}).content.decode()
    assert "/things-1234/{id}" in client.get("/apis/huge/v1/reference", {"q": "things-1234"}).content.decode()
    assert len(client.get("/apis/huge/v1/reference/get/things-2950/{id}").content) < 200_000


def _with_document(acme: Organization, text: str) -> APIVersion:
    version = catalog.draft(of=catalog.api(organization=acme))
    revision = save_revision(version=version, document=text, by=TESTER)
    publish_version(version=version, revision=revision, by=TESTER)
    return version


def test_a_retired_version_says_that_it_is_over_and_what_follows(acme: Organization, log_in: LogIn) -> None:
    api = catalog.api(organization=acme, name="shop", display_name="Shop")
    old, new = catalog.published(of=api, name="v1"), catalog.published(of=api, name="v2")
    answer = log_in(None).get("/apis/shop/v1")
    assert (answer.status_code, answer["Location"]) == (302, "/apis/shop/v1/reference")
    sunset_at = timezone.now()
    deprecate_version(
        version=old, by=TESTER, deprecated_at=sunset_at - timedelta(days=9), sunset_at=sunset_at, successor=new,
        reason="a fault",
    )  # fmt: skip
    retire_version(version=old, by=TESTER)
    gone = log_in(None).get("/apis/shop/v1")
    assert gone.status_code == 410
    assert "Shop v1 is retired" in gone.content.decode()
    assert 'Move to <a href="/apis/shop/v2/reference">v2</a>' in gone.content.decode()
    assert log_in(None).get("/apis/shop/v1/reference").status_code == 404


def test_a_retired_version_of_an_internal_or_archived_api_is_nothing_to_visitors(
    acme: Organization, owner: User, log_in: LogIn
) -> None:
    for name, visibility in (("inside", "internal"), ("kept", "public")):
        version = catalog.published(of=catalog.api(organization=acme, name=name, visibility=visibility))
        deprecate_version(version=version, by=TESTER, deprecated_at=timezone.now())
        retire_version(version=version, by=TESTER)
    archive_api(api=API.objects.get(name="kept"), by=TESTER)
    for name in ("inside", "kept"):
        assert log_in(None).get(f"/apis/{name}/v1").status_code == 404
        assert log_in(owner).get(f"/apis/{name}/v1").status_code == 410


def test_the_reference_to_begin_with_is_never_that_of_a_deprecated_version(acme: Organization, log_in: LogIn) -> None:
    api = catalog.api(organization=acme, name="ledger")
    catalog.published(of=api, name="v2")
    old = catalog.published(of=api, name="v1")
    deprecate_version(version=old, by=TESTER, deprecated_at=timezone.now())
    page = log_in(None).get("/apis/ledger").content.decode()
    assert page.index("/apis/ledger/v2/reference") < page.index("/apis/ledger/v1/reference")


@pytest.fixture
def shelf(acme: Organization) -> None:
    """Three APIs in two categories, one of them with a version that is deprecated."""
    for name, category, tags in (("cards", "Payments", ["pci", "card"]), ("loans", "Credit", ["card"]), ("fx", "", [])):
        version = catalog.published(of=catalog.api(organization=acme, name=name, category=category, tags=tags))
        if name == "fx":
            deprecate_version(version=version, deprecated_at=timezone.now(), by=TESTER)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"category": "Payments"}, ["cards"]),
        ({"tag": "card"}, ["cards", "loans"]),
        ({"tag": "car"}, []),
        ({"state": "deprecated"}, ["fx"]),
        ({"state": "published", "tag": "card", "category": "Credit"}, ["loans"]),
        ({"state": "nonsense"}, ["cards", "fx", "loans"]),
        ({"followed": "1"}, ["cards", "fx", "loans"]),  # a visitor follows nothing, so there is nothing to narrow by
    ],
)  # fmt: skip
def test_filters_stand_in_the_url(log_in: LogIn, query: dict[str, str], names: list[str]) -> None:
    context = log_in(None).get("/", query).context
    assert [api.name for api in context["rows"]] == names
    assert context["topics"].categories == [("Credit", 1), ("Payments", 1)]
    assert context["topics"].tags == [("card", 2), ("pci", 1)]


@pytest.mark.usefixtures("shelf")
def test_a_search_without_a_hit_suggests_tags_and_is_noted_for_owners(log_in: LogIn, owner: User) -> None:
    visitor = log_in(None)
    assert "?tag=card" in visitor.get("/", {"q": "cart"}).content.decode()
    visitor.get("/", {"q": "loans", "state": "deprecated"})  # found, but for the filter
    page = log_in(owner).get("/console/searches").content.decode()
    assert 'href="/?q=cart"' in page
    assert 'href="/?q=loans"' not in page


@pytest.mark.usefixtures("shelf")
def test_followed_apis_are_a_filter_of_one_s_own(log_in: LogIn, stranger: User, developer: User) -> None:
    client = log_in(stranger)
    assert client.get("/apis/cards/follow").status_code == 302  # whoever had to log in lands on the page
    assert not client.get("/", {"followed": "1"}).context["rows"].object_list
    page = client.post("/apis/cards/follow", {"follow": "1"}, follow=True).content.decode()
    assert "You hear of new versions" in page
    assert "Unfollow" in page
    assert [api.name for api in client.get("/", {"followed": "1"}).context["rows"]] == ["cards"]
    assert not log_in(developer).get("/", {"followed": "1"}).context["rows"].object_list
    client.post("/apis/cards/follow", {"follow": "0"})
    assert not client.get("/", {"followed": "1"}).context["rows"].object_list


def test_the_catalogue_comes_a_page_at_a_time(acme: Organization, log_in: LogIn) -> None:
    for number in range(25):
        catalog.published(of=catalog.api(organization=acme, name=f"api-{number:02}"))
    assert len(log_in(None).get("/").context["rows"]) == 24
    assert [api.name for api in log_in(None).get("/", {"page": "2"}).context["rows"]] == ["api-24"]


@pytest.mark.usefixtures("bank")
def test_a_card_says_what_the_cheapest_way_in_costs(log_in: LogIn) -> None:
    assert "Free · " in log_in(None).get("/").content.decode()


@pytest.mark.usefixtures("bank")
def test_the_strip_of_an_api_shows_the_range_that_its_link_names(log_in: LogIn) -> None:
    client = log_in(None)
    assert 'href="?range=90d#service"' in client.get("/apis/bank").content.decode()
    assert 'href="?range=90d#service" aria-current="true"' in client.get("/apis/bank?range=90d").content.decode()
    assert client.get("/apis/bank?days=90")["Location"] == "/apis/bank?range=90d"


@pytest.mark.usefixtures("bank")
def test_apis_of_one_name_are_told_apart_by_their_own(acme: Organization, log_in: LogIn) -> None:
    client = log_in(None)
    assert "(bank)" not in client.get("/").content.decode()
    catalog.published(of=catalog.api(organization=acme, name="bank-2", display_name="bank  api"))
    page = client.get("/").content.decode()
    assert ("Bank API (bank)<" in page, "bank  api (bank-2)<" in page) == (True, True)
