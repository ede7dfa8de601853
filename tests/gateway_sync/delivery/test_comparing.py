"""Compiling what changed equals compiling everything after any edit; a difference is told and mended (C1)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from apim.catalog.models import API, APIVersion, Deployment, IssuerKeys, Revision
from apim.gateways.certificates import save_certificate
from apim.gateways.models import Environment, Host, Issuer
from apim.gateways.services import touch
from apim.products.models import PlanVersion, Product, ProductItem
from gateway_sync.delivery import remembered, services
from gateway_sync.delivery.collect import collect
from gateway_sync.delivery.comparing import compare, compare_due
from gateway_sync.delivery.models import Comparison, Publication
from gateway_sync.delivery.states import state_of
from tests.factories import certificates
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]

DOCUMENT = """openapi: 3.1.0
info: {title: A, version: '1'}
paths:
  /a:
    get: {responses: {'200': {description: ok, content: {application/json: {example: [1]}}}}}"""
TOKENS = {"issuer": "https://id.example", "audiences": ["a"]}
POLICIES: list[list[dict[str, object]]] = [
    [],
    [{"size-limit": {"max": "1KB"}}],
    [{"jwt": TOKENS}],
    [{"validate-request": {}}],
]
STATES = ("published", "deprecated", "retired", "blocked", "draft")
WORDS = ("", "savings", "cards")

Edit = Callable[[random.Random, Environment], object]


@pytest.fixture(autouse=True)
def _knowing_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_kept", {})


def some_version(draw: random.Random) -> APIVersion:
    return draw.choice(list(APIVersion.objects.order_by("pk")))


def revise(draw: random.Random, _: Environment) -> None:
    version = some_version(draw)
    number = version.revisions.count() + 1
    revision = Revision.objects.create(
        version=version,
        number=number,
        document=DOCUMENT,
        operations=[{"method": "GET", "path": "/a"}],
        upstream={"targets": [{"url": draw.choice(["http://127.0.0.1:9101", "nowhere"])}]},
        policies=draw.choice(POLICIES),
        digest=f"{number:064x}",
        created_by="tests",
    )
    Deployment.objects.filter(version=version).update(revision=revision)


def add_product(draw: random.Random, _: Environment) -> None:
    product, version = draw.choice(list(Product.objects.order_by("pk"))), some_version(draw)
    if not ProductItem.objects.filter(product=product, version=version).exists():
        ProductItem.objects.create(product=product, version=version, operations=draw.choice([[], ["GET /a"], ["?"]]))


def change_of(model: type, **choices: tuple[object, ...]) -> Edit:
    """One row of a model, changed past all services."""

    def edit(draw: random.Random, _: Environment) -> None:
        rows = list(model.objects.order_by("pk").values_list("pk", flat=True))  # type: ignore[attr-defined]
        field = draw.choice(list(choices))
        if rows:
            model.objects.filter(pk=draw.choice(rows)).update(**{field: draw.choice(choices[field])})  # type: ignore[attr-defined]

    return edit


def certify(draw: random.Random, environment: Environment) -> None:
    chain, key = certificates.self_signed("a.example")
    save_certificate(environment=environment, name=draw.choice(["edge", "back"]), chain=chain, key=key, by=TESTER)


def begin(_: random.Random, __: Environment) -> None:
    factory.published_version("GET /a")


def withdraw(draw: random.Random, environment: Environment) -> None:
    Deployment.objects.filter(environment=environment, version=some_version(draw)).delete()


EDITS: tuple[Edit, ...] = (
    revise,
    revise,
    add_product,
    change_of(APIVersion, state=STATES, sunset_at=(None, datetime(2030, 1, 1, tzinfo=UTC))),
    change_of(API, key_header=("X-Key", "X-Other", "\n"), visibility=("public", "internal")),
    change_of(API, archived_at=(None, timezone.now())),
    change_of(Deployment, arm_weights=({}, {"a": 1}, {"a": True}), gateway_groups=([], ["edge"])),
    change_of(PlanVersion, rate=(None, {"requests": 1, "per_s": 1, "burst": 1}, {"requests": 1})),
    change_of(ProductItem, operations=([], ["GET /a"], ["GET *"], "nonsense")),
    change_of(
        Environment,
        policies=tuple(POLICIES),
        address_rate_per_s=(5, 6),
        has_sandbox=(True, False),
        allowed_networks=(["127.0.0.0/8"], [], ["nowhere"]),
        allow_public_networks=(True, False),
    ),
    change_of(Issuer, client_claim=("", "sub"), is_for_all=(True, False)),
    change_of(IssuerKeys, fault=("", "away"), keys=("", '{"keys":[]}')),
    change_of(Host, api=WORDS, client_certificates=("off", "required", "?")),
    certify,
    begin,
    withdraw,
)  # fmt: skip


def furnish(environment: Environment) -> None:
    factory.stock(environment, apis=4)
    for name in WORDS[1:]:
        version = factory.published_version("GET /a")
        API.objects.filter(pk=version.api_id).update(name=name)
    Issuer.objects.create(
        environment=environment, name="id", issuer="https://id.example", jwks_url="https://id.example/k"
    )
    IssuerKeys.objects.create(source="https://id.example/k", keys='{"keys":[]}', checked_at=timezone.now())
    Host.objects.create(environment=environment, name="a.example", api="savings")


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_edits_it_equals_compiling_everything(environment: Environment, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - the same edits each time
    furnish(environment)
    kept = 0
    for number in range(20):
        edit = draw.choice(EDITS)
        edit(draw, environment)
        with remembered.remembered(environment.id) as memory:
            quick = state_of(collect(environment.id, memory), memory.compiled)
            kept += memory.compiled.remade < len(quick.manifest.fragments) - 2
        assert quick == state_of(collect(environment.id)), f"after edit {number}"
        if number % 3 == 0:  # what is in force is what broken parts fall back to
            touch([environment.id])
            services.publish_state(environment.id)
    assert kept


def test_a_change_makes_one_api_anew_and_reads_one_revision(environment: Environment) -> None:
    factory.stock(environment, apis=5)
    version = factory.published_version("GET /a")
    services.publish_state(environment.id)
    factory.changed_version(version, "GET /b")
    services.publish_state(environment.id)
    with remembered.remembered(environment.id) as memory:
        assert memory.compiled.remade == 1


def test_a_publication_that_fails_leaves_nothing_remembered(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.stock(environment, apis=2)
    services.publish_state(environment.id)
    monkeypatch.setattr(services, "state_of", lambda *_: 1 / 0)
    touch([environment.id])
    with pytest.raises(ZeroDivisionError):
        services.publish_state(environment.id)
    with remembered.remembered(environment.id) as memory:
        assert memory.versions == {}


def test_two_at_one_time_share_nothing(environment: Environment) -> None:
    services.publish_state(environment.id)
    with remembered.remembered(environment.id) as one, remembered.remembered(environment.id) as other:
        assert one is not other


def test_a_difference_is_told_and_everything_published_anew(environment: Environment) -> None:
    version = factory.published_version("GET /a")
    services.publish_state(environment.id)
    Revision.objects.filter(version=version).update(operations=[{"method": "GET", "path": "/by-hand"}])
    touch([environment.id])
    services.publish_state(environment.id)
    (name,) = compare(environment.id)
    assert name == f"api:{version.api_id}"
    told = Comparison.objects.get()
    assert (told.differing, told.differed_at is not None) == ([name], True)
    services.publish_state(environment.id)
    newest = Publication.objects.all()[0]
    full = state_of(collect(environment.id))
    assert newest.digest == full.manifest.digest
    assert compare(environment.id) == []
    assert Comparison.objects.get().differed_at == told.differed_at


def test_it_is_compared_an_hour_after_a_publication_and_once(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.publish_state(environment.id)
    assert compare_due() == []
    monkeypatch.setattr(remembered, "COMPARED_EACH_S", -1.0)
    assert compare_due() == [environment.id]
    assert compare_due() == []
    assert Comparison.objects.get().differed_at is None
