"""Applications, their keys and what they called."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Organization, User
from apim.catalog.issuers import save_issuer
from apim.gateways.models import Environment
from apim.products.models import PlanVersion
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of
from apim.usage.traces import keep_traces
from tests.conftest import LogIn
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.factories.certificates import self_signed
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import SECRET_ARM, TARGET, trace
from tests.factories.usage import batch, event, ingest


def report_calls(application: Application, *statuses: int) -> None:
    """Calls of the application within the last minute, as a gateway reports them."""
    subscription = application.subscriptions.get()
    now = datetime.now(UTC)
    events = [
        event(
            seq,
            at=now - timedelta(seconds=60 - seq),
            status=status,
            code="rate-limited" if status == 429 else "",
            request_id=f"req_{application.id}_{seq}",
            application=application.id,
            organization=application.organization_id,
            subscription=subscription.id,
        )
        for seq, status in enumerate(statuses, start=1)
    ]
    ingest(gateway=enrolled_gateway().gateway, batch=batch(*events))


def test_the_page_waits_for_the_first_request_then_shows_it(shop: Application, developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    assert "Waiting for your first request" in client.get(f"/my/apps/{shop.id}").content.decode()
    report_calls(shop, 200, 429)
    page = client.get(f"/my/apps/{shop.id}/usage", headers={"HX-Request": "true"}).content.decode()
    assert "Waiting for your first request" not in page
    assert "rate-limited" in page
    assert "<strong>1</strong>" in page  # of the quota: 429 is not charged
    assert 'every 2s"' in page


def test_an_application_page_costs_the_same_at_any_traffic(
    *, shop: Application, developer: User, log_in: LogIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = log_in(developer)
    access.issued_key(application=shop)
    report_calls(shop, 200)
    with django_assert_max_num_queries(25) as few:
        client.get(f"/my/apps/{shop.id}")
    for _ in range(4):
        access.issued_key(application=shop)
    report_calls(shop, *[200, 404, 502] * 10)
    with django_assert_max_num_queries(25) as many:
        client.get(f"/my/apps/{shop.id}")
    assert len(few) == len(many)


def test_home_costs_the_same_with_more_applications(
    *,
    shop: Application,
    initech: Organization,
    developer: User,
    log_in: LogIn,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = log_in(developer)
    report_calls(shop, 500)
    with django_assert_max_num_queries(20) as few:
        client.get("/my")
    for _ in range(4):
        access.application(of=initech)
    report_calls(shop, *[500] * 6)
    with django_assert_max_num_queries(20) as many:
        client.get("/my")
    assert len(few) == len(many)


@pytest.mark.parametrize(
    "path",
    [
        "/my/apps/{app}", "/my/apps/{app}/usage", "/my/apps/{app}/edit", "/my/apps/{app}/delete",
        "/my/apps/{app}/requests", "/my/apps/{app}/keys/new", "/my/keys/{key}/roll", "/my/keys/{key}/revoke",
        "/my/requests/req_{app}_1", "/my/subscriptions/{sub}", "/my/subscriptions/{sub}/switch",
        "/my/subscriptions/{sub}/cancel",
    ],
)  # fmt: skip
def test_strangers_meet_404_and_visitors_the_log_in(
    *, shop: Application, developer: User, stranger: User, log_in: LogIn, path: str
) -> None:
    key = access.issued_key(application=shop).credential.id
    report_calls(shop, 200)
    url = path.format(app=shop.id, key=key, sub=shop.subscriptions.get().id)
    assert log_in(developer).get(url, follow=True).status_code == 200
    assert log_in(stranger).get(url).status_code == 404
    assert log_in(stranger).post(url).status_code in {404, 405}
    assert log_in(None).get(url)["Location"].startswith("/account/login/")
    assert Credential.objects.get(id=key).state == "active"


def test_a_new_key_is_shown_once_with_its_label_kept(shop: Application, developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    page = client.post(f"/my/apps/{shop.id}/keys/new", {"label": "staging", "lifetime": 30}, follow=True)
    credential = Credential.objects.get()
    assert credential.label == "staging"
    assert credential.expires_at is not None
    assert "Your new key" in page.content.decode()
    client.post(f"/my/apps/{shop.id}/keys/hide")
    assert "Your new key" not in client.get(f"/my/apps/{shop.id}").content.decode()


def test_rolling_keeps_the_old_key_for_the_chosen_time(shop: Application, developer: User, log_in: LogIn) -> None:
    old = access.issued_key(application=shop).credential
    log_in(developer).post(f"/my/keys/{old.id}/roll", {"overlap_s": 3600})
    old.refresh_from_db()
    assert old.state == "rolling"
    assert old.successor is not None
    assert old.successor.state == "active"


def test_revoking_asks_first_and_then_kills(shop: Application, developer: User, log_in: LogIn) -> None:
    key = access.issued_key(application=shop).credential
    client = log_in(developer)
    assert "401" in client.get(f"/my/keys/{key.id}/revoke").content.decode()
    assert Credential.objects.get().state == "active"
    for wrong in ({}, {"typed": "wrong"}):
        assert client.post(f"/my/keys/{key.id}/revoke", wrong).status_code == 422
    assert Credential.objects.get().state == "active"
    answer = client.post(f"/my/keys/{key.id}/revoke", {"typed": shop.name}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == f"/my/apps/{shop.id}"
    assert Credential.objects.get().state == "revoked"


def test_a_refusal_of_the_service_is_shown_in_the_dialog(shop: Application, developer: User, log_in: LogIn) -> None:
    key = access.issued_key(application=shop).credential
    client = log_in(developer)
    client.post(f"/my/keys/{key.id}/revoke", {"typed": shop.name})
    answer = client.post(f"/my/keys/{key.id}/roll", {"overlap_s": 0}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "cannot be rolled" in answer.content.decode()


def test_deleting_says_what_ends_and_leads_to_the_list(shop: Application, developer: User, log_in: LogIn) -> None:
    access.issued_key(application=shop)
    client = log_in(developer)
    assert "1 live key will stop" in client.get(f"/my/apps/{shop.id}/delete").content.decode()
    assert client.post(f"/my/apps/{shop.id}/delete", {"typed": "another"}).status_code == 422
    assert client.post(f"/my/apps/{shop.id}/delete", {"typed": shop.name})["Location"] == "/my/apps"
    assert not Application.objects.exists()


def test_an_application_is_made_and_renamed(developer: User, initech: Organization, log_in: LogIn) -> None:
    client = log_in(developer)
    client.post("/my/apps/new", {"display_name": "Web Shop", "description": ""})
    client.post("/my/apps/new", {"display_name": "Web Shop", "description": ""})
    names = set(Application.objects.values_list("name", flat=True))
    assert names == {"web-shop", "web-shop-2"}
    made = Application.objects.get(name="web-shop")
    client.post(f"/my/apps/{made.id}/edit", {"display_name": "Shop", "description": "Sells."})
    made.refresh_from_db()
    assert (made.display_name, made.organization) == ("Shop", initech)


def test_a_request_shows_how_the_gateway_decided(shop: Application, developer: User, log_in: LogIn) -> None:
    report_calls(shop, 429)
    page = log_in(developer).get(f"/my/requests/req_{shop.id}_1").content.decode()
    assert "Too many calls in a short time" in page
    assert "<span>Rates and quotas</span><span>rate-limited</span>" in page


@pytest.mark.parametrize("status", ["5xx", "502"])
def test_the_log_can_show_one_kind_of_answer_alone(
    shop: Application, developer: User, log_in: LogIn, status: str
) -> None:
    report_calls(shop, 200, 502)
    page = log_in(developer).get(f"/my/apps/{shop.id}/requests", {"status": status}).content.decode()
    assert f"req_{shop.id}_2" in page
    assert f"req_{shop.id}_1" not in page


def test_the_log_is_read_page_by_page(
    shop: Application, developer: User, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.views.requests._SHOWN", 2)
    report_calls(shop, 200, 200, 404, 200, 502)
    client, url, seen = log_in(developer), f"/my/apps/{shop.id}/requests", []
    link: str | None = ""
    while link is not None:
        page = client.get(f"{url}{link}").content.decode()
        seen += re.findall(rf"/requests/req_{shop.id}_(\d)", page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        link = older[1] if older else None
    assert sorted(seen) == ["1", "2", "3", "4", "5"]


def test_the_home_says_how_much_each_application_called(shop: Application, developer: User, log_in: LogIn) -> None:
    report_calls(shop, 200, 429, 502)
    client = log_in(developer)
    for page in (client.get("/my").content.decode(), client.get("/my/apps").content.decode()):
        row = page[page.index(f"/my/apps/{shop.id}") :]
        assert re.findall(r'class="number">([\d,]+)<', row)[:3] == ["3", "1", "1"]


def test_a_plan_is_switched_after_approval(shop: Application, developer: User, log_in: LogIn) -> None:
    subscription = shop.subscriptions.get()
    log_in(developer).post(f"/my/subscriptions/{subscription.id}/switch", {"plan": "growth"})
    subscription.refresh_from_db()
    assert subscription.plan_version.plan.name == "starter"
    assert subscription.requested_plan_version is not None
    assert subscription.requested_plan_version.plan.name == "growth"


@pytest.mark.parametrize(("when", "lifecycle"), [("now", "ended"), ("month", "canceled")])
def test_a_subscription_is_cancelled(
    *, shop: Application, developer: User, log_in: LogIn, when: str, lifecycle: str
) -> None:
    subscription = shop.subscriptions.get()
    log_in(developer).post(f"/my/subscriptions/{subscription.id}/cancel", {"when": when})
    assert Subscription.objects.get().lifecycle == lifecycle


def test_a_client_of_an_issuer_is_registered_shown_and_revoked(
    shop: Application, developer: User, log_in: LogIn
) -> None:
    client = log_in(developer)
    body = {"issuer": "https://login.example.com", "client_id": "shop-web", "lifetime": 0}
    refused = client.post(f"/my/apps/{shop.id}/clients/new", body)
    assert (refused.status_code, "is not registered in" in refused.content.decode()) == (422, True)
    changes = {"issuer": body["issuer"]}
    save_issuer(environment=Environment.objects.get(), name="login", changes=changes, by=TESTER)
    assert "<code>https://login.example.com</code>" in client.get(f"/my/apps/{shop.id}/clients/new").content.decode()
    assert client.post(f"/my/apps/{shop.id}/clients/new", body).status_code == 302
    page = client.get(f"/my/apps/{shop.id}").content.decode()
    assert "shop-web" in page
    assert "client of https://login.example.com" in page
    again = client.post(f"/my/apps/{shop.id}/clients/new", body).content.decode()
    assert "belongs to an application already" in again
    credential = Credential.objects.get(client_id="shop-web")
    assert f"/my/keys/{credential.id}/roll" not in page
    assert "Revoke the client shop-web?" in client.get(f"/my/keys/{credential.id}/revoke").content.decode()
    client.post(f"/my/keys/{credential.id}/revoke", {"typed": shop.name})
    credential.refresh_from_db()
    assert credential.state == "revoked"


def test_a_certificate_is_registered_shown_and_revoked(shop: Application, developer: User, log_in: LogIn) -> None:
    client = log_in(developer)
    url = f"/my/apps/{shop.id}/certificates/new"
    assert "Register the certificate" in client.get(url).content.decode()
    refused = client.post(url, {"certificate": "hello"})
    assert (refused.status_code, "neither a PEM certificate" in refused.content.decode()) == (422, True)
    pem, _ = self_signed("client.example")
    assert client.post(url, {"certificate": pem}).status_code == 302
    credential = Credential.objects.get(kind="certificate")
    page = client.get(f"/my/apps/{shop.id}").content.decode()
    assert "certificate issued by CN=client.example" in page
    assert f"/my/keys/{credential.id}/roll" not in page
    assert (
        "Revoke the certificate CN=client.example?" in client.get(f"/my/keys/{credential.id}/revoke").content.decode()
    )
    client.post(f"/my/keys/{credential.id}/revoke", {"typed": shop.name})
    credential.refresh_from_db()
    assert credential.state == "revoked"


def test_a_request_that_was_recorded_shows_its_way_without_what_is_the_owners(
    shop: Application, developer: User, log_in: LogIn
) -> None:
    report_calls(shop, 200)
    told = trace(f"req_{shop.id}_1", application=shop.id, organization=shop.organization_id)
    keep_traces(gateway=enrolled_gateway().gateway, traces=[told])
    page = log_in(developer).get(f"/my/requests/req_{shop.id}_1").content.decode()
    for shown in ("The way of the call", "API key", "tried again: not reached", "Rest of the answer"):
        assert shown in page
    for hidden in (TARGET, SECRET_ARM, "Compressed answers", "withdraw", "in shadow"):
        assert hidden not in page


def test_a_quota_says_when_it_will_be_used_up(log_in: LogIn, developer: User, shop: Application) -> None:
    subscription = shop.subscriptions.get()
    now = datetime.now(UTC)
    for back in range(15):
        UsageRollup.objects.create(
            period="day", at=start_of("day", now - timedelta(days=back)), environment_id="env",
            subscription_id=subscription.pk, application_id=shop.pk, status=200, calls=1_000_000,
        )  # fmt: skip
    used = UsageRollup.objects.filter(at__gte=start_of("month", now)).count() * 1_000_000
    PlanVersion.objects.update(quotas=[{"requests": used + 1, "per": "month"}])
    client = log_in(developer)
    page = client.get(f"/my/subscriptions/{subscription.pk}").content.decode()
    assert "used up on" in page
    assert "See the other plans" in client.get("/my").content.decode()


def test_the_usage_of_an_application_opened_by_itself_is_a_whole_page(
    log_in: LogIn, developer: User, shop: Application
) -> None:
    client = log_in(developer)
    answer = client.get(f"/my/apps/{shop.pk}/usage?range=7d")
    assert (answer.status_code, answer["Location"]) == (302, f"/my/apps/{shop.pk}?range=7d#usage")
    assert client.get(f"/my/apps/{shop.pk}/usage", headers={"HX-Request": "true"}).status_code == 200
