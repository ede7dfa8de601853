"""The guided way of an owner: import, review, product and plan, checklist, the line to the gateways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.products.models import Plan, Product
from apim.products.services import create_product
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.upstreams import Reply, Upstream

pytestmark = pytest.mark.usefixtures("environment")

URL = "/console/apis/bank/versions/v1"
PROPOSED = {"key": "on", "has_rate": "on", "rate": "50/s", "has_size": "on", "size": "1MiB", "origins": "*"}
FREE = {"template": "free", "product_name": "bank", "calls": "1000", "rate": "10", "approval": "auto"}
DOCUMENT = catalog.openapi(
    more="components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}\n",
)


@pytest.fixture(autouse=True)
def _owners_make_plans(acme: Organization) -> None:
    acme.owners_edit_plans = True
    acme.save()


@pytest.fixture
def bank(acme: Organization) -> APIVersion:
    """A version that was imported and no more."""
    version = services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    services.save_revision(version=version, by=TESTER, document=DOCUMENT, upstream=catalog.UPSTREAM)
    return version


@pytest.fixture
def service(environment: Environment) -> Iterator[str]:
    """The address of a service that answers 404, and that the environment allows."""
    with Upstream(lambda _: Reply(b"", 404)) as answering:
        yield answering.url


def test_an_owner_goes_from_a_pasted_document_to_a_published_free_product(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    body = {
        "source": "text", "document_text": DOCUMENT, "name": "bank", "version": "v1",
        "upstream_url": "http://127.0.0.1:9101", "organization": owner.organizations.get().pk,
    }  # fmt: skip
    assert client.post("/console/new-api", body).headers["Location"] == f"{URL}/review"
    assert client.post(f"{URL}/review", PROPOSED).headers["Location"] == f"{URL}/offer"
    assert client.post(f"{URL}/offer", FREE).headers["Location"] == f"{URL}/publish"
    shown = client.get(f"{URL}/publish")
    assert {point.title: point.state for point in shown.context["points"]}["Product and plan"] == "ok"
    assert client.post(f"{URL}/publish").headers["Location"] == f"{URL}/live"
    assert b"No gateway is enrolled" in client.get(f"{URL}/live").content
    version = APIVersion.objects.get()
    assert version.state == "published"
    assert version.revisions.first().policies == [{"rate-limit": {"limit": "50/s"}}, {"size-limit": {"max": "1MiB"}}]
    assert [plan.name for plan in Product.objects.get().plans.all()] == ["bank-free"]


def test_who_comes_back_goes_on_where_the_version_stands(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    client = log_in(owner)
    ways = [client.get(URL).context["guide"].next.url]
    client.post(f"{URL}/review", PROPOSED)
    ways.append(client.get(URL).context["guide"].next.url)
    client.post(f"{URL}/offer", FREE)
    ways.append(client.get(URL).context["guide"].next.url)
    assert ways == [f"{URL}/review", f"{URL}/offer", f"{URL}/publish"]
    client.post(f"{URL}/publish")
    assert not client.get(URL).context["guide"].is_under_way


def test_the_review_tells_security_lint_and_proposes_policies(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    page = log_in(owner).get(f"{URL}/review")
    assert [(one.words, one.policy) for one in page.context["schemes"]] == [("API key in the header X-Key", "key-auth")]
    assert page.context["report"].score < 100
    assert page.context["form"].initial == {
        "key": True, "has_rate": True, "rate": "100/s", "has_size": True, "size": "1MiB", "cors": False, "origins": "*",
    }  # fmt: skip


def test_policies_of_other_kinds_and_settings_stay(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    others = [{"rate-limit": {"limit": "1/s", "operations": ["GET /accounts"]}}, {"compression": {}}]
    services.save_revision(version=bank, by=TESTER, policies=[*others, {"key-auth": {"header": "X-Bank"}}])
    log_in(owner).post(f"{URL}/review", {"cors": "on", "origins": "https://shop.example"})
    assert bank.revisions.first().policies == [
        {"key-auth": {"header": "X-Bank", "anonymous": True}}, {"cors": {"origins": ["https://shop.example"]}}, *others,
    ]  # fmt: skip


def test_a_proposed_policy_that_is_wrong_is_told_at_its_field(log_in: LogIn, owner: User, bank: APIVersion) -> None:
    refused = log_in(owner).post(f"{URL}/review", {**PROPOSED, "rate": "often"})
    assert refused.status_code == 422
    assert list(refused.context["form"].errors) == ["rate"]
    assert bank.revisions.count() == 1


def test_the_service_is_really_asked_and_an_answer_below_500_is_one(
    log_in: LogIn, owner: User, bank: APIVersion, service: str
) -> None:
    targets = [{"url": service}, {"url": "http://127.0.0.1:1"}, {"url": "http://10.255.255.254"}]
    services.save_revision(version=bank, by=TESTER, upstream={"targets": targets[:2]})
    client = log_in(owner)
    states = [probe.state for probe in client.get(f"{URL}/review?probe").context["probes"]]
    assert states == ["up", "down"]
    piece = client.get(f"{URL}/review?probe", headers={"HX-Request": "true"}).content
    assert b"It answered 404." in piece
    assert b"<html" not in piece
    assert client.get(f"{URL}/review").context["probes"] is None


def test_an_address_that_the_environment_forbids_is_not_asked(
    log_in: LogIn, owner: User, bank: APIVersion, service: str, environment: Environment
) -> None:
    Environment.objects.update(allowed_networks=["10.0.0.0/8"], allow_public_networks=False)
    services.save_revision(version=bank, by=TESTER, upstream={"targets": [{"url": service}]})
    assert log_in(owner).get(f"{URL}/review?probe").context["probes"][0].state == "forbidden"


@pytest.mark.parametrize(
    ("template", "models"),
    [
        ("flat", ["flat"]),
        ("overage", ["flat", "graduated"]),
        ("usage", ["unit"]),
        ("prepaid", ["prepaid", "unit"]),
    ],
)
def test_templates_make_plans_with_prices(
    log_in: LogIn, owner: User, bank: APIVersion, template: str, models: list[str]
) -> None:
    prices = {"currency": "EUR", "price": "49.00", "unit": "0.001", "top_up": "50.00"}
    answer = log_in(owner).post(f"{URL}/offer", {**FREE, **prices, "template": template})
    assert answer.status_code == 302, answer.context["form"].errors
    terms = Plan.objects.get(name=f"bank-{template}").versions.get().pricing
    assert [price["model"] for price in terms["prices"]] == models


def test_an_owner_who_may_not_make_plans_chooses_one_that_exists(
    log_in: LogIn, owner: User, bank: APIVersion, acme: Organization
) -> None:
    acme.owners_edit_plans = False
    acme.save()
    client = log_in(owner)
    assert [radio.data["value"] for radio, _title, _text in client.get(f"{URL}/offer").context["cards"]] == []
    assert b"There is no plan you may choose" in client.get(f"{URL}/offer").content
    assert client.post(f"{URL}/offer", FREE).status_code == 422
    assert not Plan.objects.exists()


def test_a_version_joins_a_product_that_exists(
    log_in: LogIn, owner: User, bank: APIVersion, acme: Organization
) -> None:
    other = catalog.published(of=catalog.api(organization=acme))
    product = create_product(organization=acme, name="suite", items=[(other, [])], plans=[], by=TESTER)
    log_in(owner).post(f"{URL}/offer", {**FREE, "product": product.pk})
    assert bank in {item.version for item in product.items.all()}
    assert product.items.count() == 2


def test_what_is_missing_stands_against_a_publication_and_leads_to_its_field(
    log_in: LogIn, owner: User, acme: Organization
) -> None:
    services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    shown = log_in(owner).get(f"{URL}/publish")
    blocked = {point.title: point.url for point in shown.context["points"] if point.state == "blocked"}
    assert blocked == {"Contract": f"{URL}/import", "Upstream": f"{URL}/upstream"}
    assert b'button--primary" type="submit"' not in shown.content


@pytest.mark.parametrize("path", ["review", "offer", "publish", "live"])
def test_the_steps_ask_as_often_for_many_operations_as_for_one(
    log_in: LogIn, owner: User, bank: APIVersion, path: str
) -> None:
    client = log_in(owner)
    client.get(f"{URL}/{path}")
    with CaptureQueriesContext(connection) as few:
        client.get(f"{URL}/{path}")
    paths = "\n".join(f"  /p{number}:\n    get: {{responses: {{'200': {{description: ok}}}}}}" for number in range(30))
    services.save_revision(version=bank, by=TESTER, document=catalog.openapi(paths))
    for number in range(3):
        create_product(organization=bank.api.organization, name=f"p{number}", items=[(bank, [])], plans=[], by=TESTER)
    client.get(f"{URL}/{path}")
    with CaptureQueriesContext(connection) as many:
        client.get(f"{URL}/{path}")
    assert len(many) == len(few) + (path == "offer")  # the plans of products, once there are any
