"""P10's data: who offers, who calls, what is on sale; into a database of its own."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Membership, Organization, User
from apim.audit.models import AuditEvent
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.catalog.searching import save_missing_texts
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.products.models import Plan, PlanVersion, Product, ProductItem, ProductPlan
from apim.usage.models import UsageRollup
from apim.usage.summaries import sum_up_everything
from benchmarks.pages_traffic import DAYS, OPERATIONS, Way, insert_records, insert_traffic

MARKER = "benchmark-of-pages"  # the organization that says whose database this is
_BATCH = 500

Offer = tuple[Product, PlanVersion, list[APIVersion]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    apis: int = 1_000
    applications: int = 10_000
    calls: int = 100_000_000
    publishers: int = 40
    consumers: int = 2_000
    records: int = 50_000


def is_ours() -> bool:
    """Whether this database was filled by build."""
    return Organization.objects.filter(name=MARKER).exists()


def is_fresh() -> bool:
    """Whether nobody put anything into this database."""
    return not API.objects.exists() and not Application.objects.exists() and not UsageRollup.objects.exists()


def build(size: Size) -> None:
    """Fill the database."""
    chance = random.Random(10)  # noqa: S311 - the same data each time, no secret
    environment = default_environment()
    publishers, market = build_market(size, environment, chance)
    ways = list(_ways(market, size.calls, chance))
    _people(publishers, market.consumers)
    insert_traffic(ways, environment.id, chance)
    insert_records(ways, environment.id, size.records, chance)
    sum_up_everything()
    while save_missing_texts():
        pass
    _insert(Organization, [_organization(MARKER)])


@dataclass(frozen=True, slots=True)
class Market:
    """Who consumes, what is on offer, and what was bought: subscriptions by organization and index of the offer."""

    consumers: Sequence[Organization]
    offers: Sequence[Offer]
    applications: Sequence[Application]
    bought: Mapping[tuple[str, int], Subscription]


def build_market(size: Size, environment: Environment, chance: random.Random) -> tuple[Sequence[Organization], Market]:
    """Who offers, and the market: everything but people and what they called."""
    publishers = _insert(Organization, [_organization(f"publisher-{n}") for n in range(size.publishers)])
    consumers = _insert(Organization, [_organization(f"consumer-{n}") for n in range(size.consumers)])
    offers = _offers(publishers, environment, size)
    applications = _applications(consumers, environment, size)
    bought = _subscriptions(consumers, offers, applications, environment=environment, chance=chance)
    return publishers, Market(consumers, offers, applications, bought)


def _organization(name: str) -> Organization:
    return Organization(name=name, display_name=name.replace("-", " ").title())


def _offers(publishers: Sequence[Organization], environment: Environment, size: Size) -> list[Offer]:
    """APIs with a version each, in products of five, on sale by one plan an organization."""
    versions = _versions(publishers, environment, size)
    plans = {
        owner.pk: Plan(organization=owner, name=f"plan-{owner.name}", display_name="Standard") for owner in publishers
    }
    quotas = [{"requests": 1_000_000, "per": "month"}]
    terms = {
        owner: PlanVersion(plan=plan, number=1, created_by="benchmark", quotas=quotas) for owner, plan in plans.items()
    }
    _insert(Plan, list(plans.values()))
    _insert(PlanVersion, list(terms.values()))
    by_owner: defaultdict[str, list[APIVersion]] = defaultdict(list)
    for version in versions:
        by_owner[version.api.organization_id].append(version)
    offers = []
    for owner in publishers:
        mine = by_owner[owner.pk]
        for start in range(0, len(mine), 5):
            name = f"product-{mine[start].api.name}"
            product = Product(organization=owner, name=name, display_name=name.replace("-", " ").title())
            offers.append((product, terms[owner.pk], mine[start : start + 5]))
    _insert(Product, [product for product, _, _ in offers])
    _insert(ProductPlan, [ProductPlan(product=product, plan=version.plan) for product, version, _ in offers])
    _insert(ProductItem, [ProductItem(product=product, version=each) for product, _, items in offers for each in items])
    return offers


def _versions(publishers: Sequence[Organization], environment: Environment, size: Size) -> list[APIVersion]:
    """An API with a published version each."""
    now = timezone.now()
    text = "One of many services, for accounts and payments."
    apis = [
        API(organization=publishers[n % len(publishers)], name=f"api-{n}", display_name=f"API {n}", description=text)
        for n in range(size.apis)
    ]
    state, published_at = APIVersion.State.PUBLISHED, now - timedelta(days=90)
    versions = [APIVersion(api=api, name="v1", state=state, published_at=published_at) for api in apis]
    contract = [
        {"method": method, "path": path, "operation_id": "", "summary": path, "tags": [], "deprecated": False}
        for method, path in (operation.split(" ") for operation in OPERATIONS)
    ]
    given = {"operations": contract, "upstream": {"targets": [{"url": "http://127.0.0.1:9101", "weight": 100}]},
             "created_by": "benchmark", "published_at": now, "number": 1}  # fmt: skip
    revisions = [Revision(version=version, digest=f"{n:064x}", **given) for n, version in enumerate(versions)]
    for model, rows in ((API, apis), (APIVersion, versions), (Revision, revisions)):
        _insert(model, rows)
    run = {"environment": environment, "deployed_by": "benchmark"}
    _insert(Deployment, [Deployment(version=each.version, revision=each, **run) for each in revisions])
    return versions


def _subscriptions(
    consumers: Sequence[Organization],
    offers: Sequence[Offer],
    applications: Sequence[Application],
    *,
    environment: Environment,
    chance: random.Random,
) -> dict[tuple[str, int], Subscription]:
    """Each consumer subscribes to three products, for all of its applications."""
    state = Subscription.Lifecycle.ACTIVE
    bought = {
        (owner.pk, offer): Subscription(
            organization=owner, product=offers[offer][0], environment=environment, plan_version=offers[offer][1],
            lifecycle=state, requested_by="benchmark",
        )
        for owner in consumers
        for offer in chance.sample(range(len(offers)), k=min(3, len(offers)))
    }  # fmt: skip
    _insert(Subscription, list(bought.values()))
    through = Subscription.applications.through
    members: defaultdict[str, list[Application]] = defaultdict(list)
    for application in applications:
        members[application.organization_id].append(application)
    uses = [(row.pk, each.pk) for (owner, _), row in bought.items() for each in members[owner]]
    _insert(through, [through(subscription_id=row, application_id=application) for row, application in uses])
    return bought


def _ways(market: Market, calls: int, chance: random.Random) -> Iterator[Way]:
    """Who calls what: a few call nearly everything, as it is in life."""
    chosen: defaultdict[str, list[int]] = defaultdict(list)
    for owner, offer in market.bought:
        chosen[owner].append(offer)
    pairs = [
        (each.pk, market.bought[each.organization_id, offer].pk, chance.choice(market.offers[offer][2]).pk)
        for each in market.applications
        for offer in chosen[each.organization_id][:2]
    ]
    chance.shuffle(pairs)
    weights = [1 / (rank + 8) ** 1.3 for rank in range(len(pairs))]
    a_day = calls * 1.05 / DAYS / sum(weights)
    for (caller, subscription, version), weight in zip(pairs, weights, strict=True):
        of_it = max(int(weight * a_day), 2)
        hours = sorted(chance.sample(range(24), k=min(24, 1 + of_it // 100)))
        operations = chance.sample(OPERATIONS, k=1 + min(3, of_it // 30))
        yield Way(version, caller, subscription, of_it, operations, hours, int(chance.lognormvariate(9.6, 0.8)))


def _applications(consumers: Sequence[Organization], environment: Environment, size: Size) -> list[Application]:
    applications = [
        Application(organization=consumers[n % len(consumers)], name=f"app-{n}", display_name=f"Application {n}")
        for n in range(size.applications)
    ]
    _insert(Application, applications)
    now = timezone.now()
    given = {"environment": environment, "created_by": "benchmark"}
    used = [now - timedelta(hours=n % 500) for n in range(size.applications)]
    keys = [
        Credential(application=each, prefix=f"ak_{n}", key_hash=f"{n:064x}", last_used_at=used[n], **given)
        for n, each in enumerate(applications)
    ]
    _insert(Credential, keys)
    return applications


def _people(publishers: Sequence[Organization], consumers: Sequence[Organization]) -> None:
    """An owner for each publisher, a developer for each consumer, an admin; an audit log of some length."""
    owners = [User(email=f"owner-{n}@example.org") for n in range(len(publishers))]
    developers = [User(email=f"developer-{n}@example.org") for n in range(len(consumers))]
    _insert(User, [*owners, *developers, User(email="admin@example.org", is_platform_admin=True)])
    leading = zip(owners, publishers, strict=True)
    working = zip(developers, consumers, strict=True)
    _insert(Membership, [
        *(Membership(user=user, organization=of, role="owner") for user, of in leading),
        *(Membership(user=user, organization=of, role="developer") for user, of in working),
    ])  # fmt: skip
    given = {"actor_kind": "user", "actor_label": "owner-1@example.org", "action": "plan.update"}
    _insert(AuditEvent, [
        AuditEvent(target_id=f"pln_{n}", organization_id=publishers[n % len(publishers)].pk, **given)
        for n in range(5_000)
    ])  # fmt: skip


def _insert(model: type[models.Model], rows: Sequence[Any]) -> Sequence[Any]:
    model._default_manager.bulk_create(rows, batch_size=_BATCH)  # noqa: SLF001 - public by custom
    return rows
