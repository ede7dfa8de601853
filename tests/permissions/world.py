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

from apim.access.services import create_application, create_credential, offer_application, subscribe
from apim.accounts.models import Membership, Organization, User
from apim.accounts.services import actor_of, invite, issue_token, note_log_in
from apim.alerts.services import create_rule
from apim.announcements.services import create_announcement
from apim.billing.models import BillingAlarm, BillingSubscription, Invoice, PlanMigration, Rehearsal, StripeEvent
from apim.catalog.issuers import save_issuer
from apim.catalog.models import MissedSearch
from apim.catalog.services import import_document, publish_version, update_api
from apim.catalog.services.guides import create_guide
from apim.catalog.services.interest import note_missed_search
from apim.gateways.certificates import save_certificate
from apim.gateways.hosts import save_host
from apim.gateways.joining import issue_join_token
from apim.gateways.models import Environment
from apim.gateways.services import enroll_gateway
from apim.jobs.models import Job
from apim.notifications.models import Message
from apim.notifications.notices import tell
from apim.platform.models import Promotion
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


def build(environment: Environment, acme: Organization, initech: Organization, people: dict[str, User | None]) -> World:
    """The world, made by the real services."""
    owner, developer = people["owner"], people["developer"]
    assert owner is not None
    assert developer is not None
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
    shop = create_application(organization=initech, name="shop", by=TESTER)
    subscription = subscribe(application=shop, product=payments, plan=manual, by=actor_of(developer))
    credential = create_credential(application=shop, by=actor_of(developer), creator=developer).credential
    invitation = invite(email="ana@example.org", organization=acme, role="developer", by=TESTER)
    token = issue_token(user=developer, name="ci", scopes=["apis:read"], by=TESTER).token
    gateway = enroll_gateway(environment=environment, name="embedded", by=TESTER).gateway
    join_token = issue_join_token(environment=environment, name="eu-1", by=TESTER).token
    chain, key = self_signed("api.example.com")
    certificate = save_certificate(environment=environment, name="public", chain=chain, key=key, by=TESTER)
    host = save_host(environment=environment, name="api.example.com", changes={}, by=TESTER)
    changes = {"issuer": "https://login.acme.example", "is_for_all": False, "organizations": [acme]}
    issuer = save_issuer(environment=environment, name="login", changes=changes, by=TESTER)
    colleague = accounts_factory.member(acme, "colleague@acme.example")
    membership = Membership.objects.get(user=colleague)
    publication = Publication.objects.create(environment=environment, revision=1, digest="0" * 64, manifest={})
    exchange = UsageRecord.objects.create(
        gateway_id=gateway.id, boot="b", seq=1, request_id="req-1", at=timezone.now() - timedelta(minutes=1),
        environment_id=environment.id, version_id=bank.id, operation="GET /", path="/", organization_id=initech.id,
        application_id=shop.id, credential_id=credential.id, subscription_id=subscription.id,
        status=200, duration_us=1, upstream_us=1, request_bytes=1, response_bytes=1,
    )  # fmt: skip
    alarm = BillingAlarm.objects.create(
        mode="test", kind="drift", subject="price_1", text="It was archived.", raised_at=timezone.now()
    )
    event = StripeEvent.objects.create(id="evt_1", mode="test", type="invoice.paid", created_at=timezone.now())
    bill = BillingSubscription.objects.create(subscription=subscription, mode="test")
    alert = create_rule(api=vault.api, kind="absence", by=TESTER)
    now = timezone.now()
    invoice = Invoice.objects.create(
        stripe_id="in_1", mode="test", organization=initech, subscription=subscription, status="paid", currency="EUR",
        subtotal=100, total=100, amount_paid=100, amount_remaining=0, period_start=now, period_end=now, created_at=now,
    )  # fmt: skip
    rehearsal = Rehearsal.objects.create(
        plan=secret_plan, plan_version=secret_plan.versions.get(), product=vaults, environment=environment,
        requested_by="a test",
    )  # fmt: skip
    migration = PlanMigration.objects.create(version=secret_plan.versions.get(), not_before=timezone.now())
    note_missed_search("balloons")
    announcement = create_announcement(api=vault.api, subject="A change", body="Soon.", days=0, by=TESTER)
    (notice,) = tell(user_ids=[developer.pk], kind="version", cause="a test", title="News", path="/")
    guide = create_guide(api=vault.api, slug="start", title="Start", is_published=True, by=TESTER)
    log_in = note_log_in(user=developer, address="192.0.2.1", agent="Firefox", session_key="made-up")
    webhook = create_endpoint(
        organization=initech, url="https://example.com/hook", event_types=["key.created"], by=TESTER
    ).endpoint
    delivery = send_test(endpoint=webhook, by=TESTER)
    promotion = Promotion.objects.create(source=environment, target=environment, reason="why", made_by="a test")
    transfer = offer_application(application=shop, to="globex", by=TESTER)
    job = Job.objects.create(
        kind="audit-export", subject="x", title="audit.csv", state="done", file_name="audit.csv", file_type="text/csv",
        asked_by=people["admin"], actor_kind="user", actor_label="a test", ended_at=now,
    )  # fmt: skip
    message = Message.objects.filter(to=owner.email).first()
    assert message is not None
    return World(
        people,
        {
            "page:brand:digest": "0" * 16, "page:ending": "png", "page:pictures:place": "logo",
            "page:mails:kind": "billing.unpaid",
            "page:letter": "h", "page:guides:slug": guide.slug, "rest:guide": guide.id,
            "announcement_id": announcement.id, "notification_id": notice.id,
            "link": "not-signed",
            "search_id": MissedSearch.objects.get().id,
            "job_id": job.id, "rest:job": job.id, "rehearsal_id": rehearsal.id, "rest:rehearsal": rehearsal.id,
            "migration_id": migration.id,
            "source": environment.name, "target": environment.name, "promotion_id": promotion.id,
            "rule_id": alert.id, "rest:rule": alert.id, "rest:transfer": transfer.id,
            "event_id": event.id, "alarm_id": str(alarm.pk), "invoice_id": invoice.pk, "rest:invoice": invoice.pk,
            "page:subscriptions:subscription_id": bill.subscription_id,
            "page:meters:name": secret_meter.name, "rest:meter": secret_meter.id,
            "page:products:name": vaults.name, "page:plans:name": secret_plan.name, "page:apis:name": vault.api.name,
            "page:apis:api": vault.api.name, "page:versions:version": vault.name, "page:analytics:version": vault.name,
            "page:organizations:name": acme.name, "page:environments:name": environment.name,
            "page:apis:api_name": vault.api.name, "page:version_name": vault.name,
            "page:products:product_name": vaults.name,
            "page:applications:pk": shop.id, "page:invite:token": "made-up", "page:join:token": "made-up",
            "message_id": message.id, "transfer_id": transfer.id,
            "log_in_id": log_in.id, "endpoint_id": webhook.id, "rest:webhook": webhook.id,
            "delivery_id": delivery.id, "rest:delivery": delivery.id,
            "rest:organization": acme.id, "rest:member": membership.id, "rest:invitation": invitation.id,
            "rest:user": colleague.id, "rest:api": vault.api.id, "rest:version": vault.id,
            "rest:revision": vault.revisions.get().id, "rest:product": vaults.id, "rest:plan": secret_plan.id,
            "rest:environment": environment.id, "rest:gateway": gateway.id, "rest:token": token.id,
            "rest:publication": publication.id, "rest:application": shop.id, "rest:credential": credential.id,
            "rest:subscription": subscription.id, "application_id": shop.id, "credential_id": credential.id,
            "subscription_id": subscription.id, "request_id": exchange.request_id, "token_id": token.id,
            "membership_id": membership.id, "invitation_id": invitation.id, "user_id": colleague.id,
            "rest:certificate": certificate.id, "rest:host": host.id, "certificate_id": certificate.id,
            "page:gateways:name": gateway.name, "page:state:state": "draining", "join_token_id": join_token.id,
            "page:groups:environment": environment.name,
            "rest:issuer": issuer.id, "issuer_id": issuer.id,
            "host_id": host.id, "publication_id": publication.id, "number": "1", "page:problems:code": "rate-limited",
            r"^apis/(?P<api_name>[^/]+)/(?P<version_name>[^/]+)/reference/(?P<method>[a-z]+)(?P<template>/.*)$":
                "/apis/vault/v1/reference/get/accounts",
            "api/v1/^.*$": "/api/v1/nothing-here",
        },
    )  # fmt: skip
