"""Two tenants and a consumer, with one object of every kind, for walking every URL with somebody else's ids.

Shapes: acme owns an internal API, version, product and plan, which nobody outside may know of, and a public product
that initech subscribed to. Values are what goes into the placeholders of a route.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from apim.access.models import Application, Credential, Subscription
from apim.access.services import create_application, create_credential, offer_application, subscribe
from apim.accounts.models import Membership, Organization, User
from apim.accounts.services import actor_of, create_team, invite, issue_token, note_log_in
from apim.alerts.services import create_rule
from apim.announcements.services import create_announcement
from apim.billing.models import BillingAlarm, BillingSubscription, Invoice, PlanMigration, Rehearsal, StripeEvent
from apim.catalog.issuers import save_issuer
from apim.catalog.models import APIVersion, MissedSearch
from apim.catalog.services import import_document, publish_version, update_api
from apim.catalog.services.guides import create_guide
from apim.catalog.services.interest import note_missed_search
from apim.gateways.certificates import save_certificate
from apim.gateways.hosts import save_host
from apim.gateways.joining import issue_join_token
from apim.gateways.models import Environment, Gateway
from apim.gateways.services import enroll_gateway
from apim.jobs.models import Job
from apim.notifications.models import Message
from apim.notifications.notices import tell
from apim.platform.models import Promotion
from apim.products.models import Meter, Plan, Product
from apim.products.services import Terms, create_meter, create_plan, create_product
from apim.usage.models import UsageRecord
from apim.webhooks.services import create_endpoint, send_test
from gateway_sync.delivery.models import Publication
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import TESTER
from tests.factories.certificates import self_signed

ROLES = ("visitor", "stranger", "developer", "other_owner", "owner", "admin")
DOCUMENT = """
openapi: 3.0.3
info: {title: Accounts, version: "1"}
paths:
  /accounts:
    get:
      responses: {"200": {description: the accounts}}
"""
_PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class World:
    """People by role, and values of placeholders by the segment before them and by their names."""

    people: dict[str, User | None]
    values: dict[str, str]

    def client(self, role: str) -> Client:
        """A client that is logged in as the role."""
        client = Client()
        person = self.people[role]
        if person is not None:
            client.force_login(person)
        return client

    def path(self, route: str) -> str:
        """A route with its placeholders filled; KeyError names the one that has no value."""
        if "(?P<" in route:
            return self.values[route]
        kind = "rest" if route.startswith("api/v1/") else "page"

        def value(found: re.Match[str]) -> str:
            before = route[: found.start()].rstrip("/").rpartition("/")[2]
            keys = (f"{kind}:{before}:{found[1]}", f"{kind}:{found[1]}", found[1])
            return next((self.values[key] for key in keys if key in self.values), "") or self.values[keys[0]]

        return "/" + _PLACEHOLDER.sub(value, route)


@dataclass(frozen=True, slots=True)
class Offers:
    """What acme has: `vault` with all that is about it is its secret, `bank` is for everybody."""

    vault: APIVersion
    bank: APIVersion
    secret_plan: Plan
    secret_meter: Meter
    vaults: Product
    payments: Product
    manual: Plan


@dataclass(frozen=True, slots=True)
class Use:
    """What initech has of it."""

    shop: Application
    subscription: Subscription
    credential: Credential


def build(environment: Environment, acme: Organization, initech: Organization, people: dict[str, User | None]) -> World:
    """The world, made by the real services."""
    owner, developer, admin = people["owner"], people["developer"], people["admin"]
    assert owner is not None
    assert developer is not None
    offers = _offers(acme)
    use = _use(initech, offers, developer)
    values = {
        **_FIXED,
        **_values_of_offers(acme, offers),
        **_values_of_use(use),
        **_values_of_gateways(environment, acme),
        **_values_of_calls(environment, offers, use),
        **_values_of_money(environment, offers, use),
        **_values_of_members(acme, owner, developer),
        **_values_of_work(environment, admin),
    }
    return World(people, values)


_FIXED = {
    "page:brand:digest": "0" * 16, "page:ending": "png", "page:pictures:place": "logo",
    "page:mails:kind": "billing.unpaid", "page:letter": "h", "link": "not-signed", "number": "1",
    "page:invite:token": "made-up", "page:join:token": "made-up", "page:state:state": "draining",
    "page:problems:code": "rate-limited",
    r"^apis/(?P<api_name>[^/]+)/(?P<version_name>[^/]+)/reference/(?P<method>[a-z]+)(?P<template>/.*)$":
        "/apis/vault/v1/reference/get/accounts",
    "api/v1/^.*$": "/api/v1/nothing-here",
}  # fmt: skip


def _offers(acme: Organization) -> Offers:
    vault, bank = (
        import_document(
            source=DOCUMENT, api_name=name, version_name="v1", upstream_url="http://127.0.0.1:9101",
            organization=acme, by=TESTER,
        ).version
        for name in ("vault", "bank")
    )  # fmt: skip
    for version in (vault, bank):
        publish_version(version=version, by=TESTER)
    update_api(api=vault.api, changes={"visibility": "internal"}, by=TESTER)
    secret_plan = create_plan(organization=acme, name="secret-plan", terms=Terms(), by=TESTER)
    secret_meter = create_meter(organization=acme, name="secret-meter", definition={}, by=TESTER)
    manual = create_plan(organization=acme, name="manual", terms=Terms(approval="manual"), by=TESTER)
    vaults = create_product(
        organization=acme, name="vaults", items=[(vault, [])], plans=[secret_plan], by=TESTER, visibility="internal"
    )
    payments = create_product(organization=acme, name="payments", items=[(bank, [])], plans=[manual], by=TESTER)
    return Offers(vault, bank, secret_plan, secret_meter, vaults, payments, manual)


def _use(initech: Organization, offers: Offers, developer: User) -> Use:
    create_team(organization=initech, name="shops", by=TESTER)
    shop = create_application(organization=initech, name="shop", team="shops", by=TESTER)
    subscription = subscribe(application=shop, product=offers.payments, plan=offers.manual, by=actor_of(developer))
    credential = create_credential(application=shop, by=actor_of(developer), creator=developer).credential
    return Use(shop, subscription, credential)


def _values_of_offers(acme: Organization, offers: Offers) -> dict[str, str]:
    vault, api = offers.vault, offers.vault.api
    guide = create_guide(api=api, slug="start", title="Start", is_published=True, by=TESTER)
    announcement = create_announcement(api=api, subject="A change", body="Soon.", days=0, by=TESTER)
    alert = create_rule(api=api, kind="absence", by=TESTER)
    note_missed_search("balloons")
    return {
        "page:organizations:name": acme.name, "rest:organization": acme.id,
        "page:apis:name": api.name, "page:apis:api": api.name, "page:apis:api_name": api.name, "rest:api": api.id,
        "page:versions:version": vault.name, "page:analytics:version": vault.name, "page:version_name": vault.name,
        "rest:version": vault.id, "rest:revision": vault.revisions.get().id,
        "page:products:name": offers.vaults.name, "page:products:product_name": offers.vaults.name,
        "rest:product": offers.vaults.id,
        "page:plans:name": offers.secret_plan.name, "rest:plan": offers.secret_plan.id,
        "page:meters:name": offers.secret_meter.name, "rest:meter": offers.secret_meter.id,
        "page:guides:slug": guide.slug, "rest:guide": guide.id,
        "announcement_id": announcement.id, "rule_id": alert.id, "rest:rule": alert.id,
        "search_id": MissedSearch.objects.get().id,
    }  # fmt: skip


def _values_of_use(use: Use) -> dict[str, str]:
    transfer = offer_application(application=use.shop, to="globex", by=TESTER)
    webhook = create_endpoint(
        organization=use.shop.organization, url="https://example.com/hook", event_types=["key.created"], by=TESTER
    ).endpoint
    delivery = send_test(endpoint=webhook, by=TESTER)
    return {
        "page:applications:pk": use.shop.id, "rest:application": use.shop.id, "application_id": use.shop.id,
        "rest:credential": use.credential.id, "credential_id": use.credential.id,
        "rest:subscription": use.subscription.id, "subscription_id": use.subscription.id,
        "rest:transfer": transfer.id, "transfer_id": transfer.id,
        "endpoint_id": webhook.id, "rest:webhook": webhook.id,
        "delivery_id": delivery.id, "rest:delivery": delivery.id,
    }  # fmt: skip


def _values_of_gateways(environment: Environment, acme: Organization) -> dict[str, str]:
    gateway = enroll_gateway(environment=environment, name="embedded", by=TESTER).gateway
    join_token = issue_join_token(environment=environment, name="eu-1", by=TESTER).token
    chain, key = self_signed("api.example.com")
    certificate = save_certificate(environment=environment, name="public", chain=chain, key=key, by=TESTER)
    host = save_host(environment=environment, name="api.example.com", changes={}, by=TESTER)
    changes = {"issuer": "https://login.acme.example", "is_for_all": False, "organizations": [acme]}
    issuer = save_issuer(environment=environment, name="login", changes=changes, by=TESTER)
    publication = Publication.objects.create(environment=environment, revision=1, digest="0" * 64, manifest={})
    return {
        "page:environments:name": environment.name, "page:groups:environment": environment.name,
        "rest:environment": environment.id, "page:gateways:name": gateway.name, "rest:gateway": gateway.id,
        "join_token_id": join_token.id, "rest:certificate": certificate.id, "certificate_id": certificate.id,
        "rest:host": host.id, "host_id": host.id, "rest:issuer": issuer.id, "issuer_id": issuer.id,
        "rest:publication": publication.id, "publication_id": publication.id,
    }  # fmt: skip


def _values_of_calls(environment: Environment, offers: Offers, use: Use) -> dict[str, str]:
    exchange = UsageRecord.objects.create(
        gateway_id=Gateway.objects.get().id, boot="b", seq=1, request_id="req-1",
        at=timezone.now() - timedelta(minutes=1), environment_id=environment.id, version_id=offers.bank.id,
        operation="GET /", path="/", organization_id=use.shop.organization_id, application_id=use.shop.id,
        credential_id=use.credential.id, subscription_id=use.subscription.id,
        status=200, duration_us=1, upstream_us=1, request_bytes=1, response_bytes=1,
    )  # fmt: skip
    return {"request_id": exchange.request_id}


def _values_of_money(environment: Environment, offers: Offers, use: Use) -> dict[str, str]:
    now = timezone.now()
    alarm = BillingAlarm.objects.create(
        mode="test", kind="drift", subject="price_1", text="It was archived.", raised_at=now
    )
    event = StripeEvent.objects.create(id="evt_1", mode="test", type="invoice.paid", created_at=now)
    bill = BillingSubscription.objects.create(subscription=use.subscription, mode="test")
    invoice = Invoice.objects.create(
        stripe_id="in_1", mode="test", organization=use.shop.organization, subscription=use.subscription,
        status="paid", currency="EUR", subtotal=100, total=100, amount_paid=100, amount_remaining=0,
        period_start=now, period_end=now, created_at=now,
    )  # fmt: skip
    version = offers.secret_plan.versions.get()
    rehearsal = Rehearsal.objects.create(
        plan=offers.secret_plan, plan_version=version, product=offers.vaults, environment=environment,
        requested_by="a test",
    )  # fmt: skip
    rehearsal.steps.create(
        number=1, name="trial", state="done", stripe_said=["sub_NszXN7Bw912SU669uzKPwZOf is active."],
        gateway_status=200,
        gateway_said=["200 OK", 'RateLimit-Policy: "period-bank-calls";q=2000000;qu="apim-units";w=2592000'],
    )  # fmt: skip
    migration = PlanMigration.objects.create(version=version, not_before=now)
    return {
        "event_id": event.id, "alarm_id": str(alarm.pk), "invoice_id": invoice.pk, "rest:invoice": invoice.pk,
        "page:subscriptions:subscription_id": bill.subscription_id,
        "rehearsal_id": rehearsal.id, "rest:rehearsal": rehearsal.id, "migration_id": migration.id,
    }  # fmt: skip


def _values_of_members(acme: Organization, owner: User, developer: User) -> dict[str, str]:
    invitation = invite(email="ana@example.org", organization=acme, role="developer", by=TESTER)
    token = issue_token(user=developer, name="ci", scopes=["apis:read"], by=TESTER).token
    colleague = accounts_factory.member(acme, "colleague@acme.example")
    membership = Membership.objects.get(user=colleague)
    team = create_team(organization=acme, name="cards", by=TESTER)
    (notice,) = tell(user_ids=[developer.pk], kind="version", cause="a test", title="News", path="/")
    log_in = note_log_in(user=developer, address="192.0.2.1", agent="Firefox", session_key="made-up")
    message = Message.objects.filter(to=owner.email).first()
    assert message is not None
    return {
        "rest:invitation": invitation.id, "invitation_id": invitation.id,
        "rest:token": token.id, "token_id": token.id, "log_in_id": log_in.id,
        "rest:team": team.id, "page:teams:team_id": team.id,
        "rest:member": membership.id, "membership_id": membership.id,
        "rest:user": colleague.id, "user_id": colleague.id,
        "notification_id": notice.id, "message_id": message.id,
    }  # fmt: skip


def _values_of_work(environment: Environment, admin: User | None) -> dict[str, str]:
    promotion = Promotion.objects.create(source=environment, target=environment, reason="why", made_by="a test")
    job = Job.objects.create(
        kind="audit-export", subject="x", title="audit.csv", state="done", file_name="audit.csv", file_type="text/csv",
        asked_by=admin, actor_kind="user", actor_label="a test", ended_at=timezone.now(),
    )  # fmt: skip
    return {
        "source": environment.name, "target": environment.name, "promotion_id": promotion.id,
        "job_id": job.id, "rest:job": job.id,
    }  # fmt: skip
