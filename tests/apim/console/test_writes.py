"""What owners and admins do in forms, and that it happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apim.accounts.models import APIToken, Organization, User
from apim.accounts.services import new_set_up_link
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.models import API, APIVersion
from apim.catalog.services import create_version
from apim.console.forms.policies import policy_forms
from apim.products.models import Plan, Product
from apim.products.services import archive_plan, set_ceiling
from apim.usage.models import ShadowRollup
from apim.usage.periods import start_of
from gateway_sync.policies import DESCRIPTIONS, KINDS
from tests.conftest import LogIn
from tests.factories import access, accounts, catalog, products

FORM = {"name": "bank", "version": "v1", "upstream_url": "http://127.0.0.1:9101"}


def test_an_uploaded_document_becomes_a_draft_to_review(log_in: LogIn, acme: Organization, owner: User) -> None:
    upload = SimpleUploadedFile("bank.yaml", catalog.openapi().encode())
    response = log_in(owner).post(
        "/console/new-api", {**FORM, "source": "file", "document_file": upload, "organization": acme.pk}, follow=True
    )

    assert response.redirect_chain[-1][0] == "/console/apis/bank/versions/v1/review"
    assert b"/accounts" in response.content
    assert APIVersion.objects.get().state == "draft"


def test_a_file_that_is_no_text_is_refused_at_its_field(log_in: LogIn, acme: Organization, owner: User) -> None:
    upload = SimpleUploadedFile("bank.zip", b"PK\xff\xfe")
    response = log_in(owner).post(
        "/console/new-api", {**FORM, "source": "file", "document_file": upload, "organization": acme.pk}
    )

    assert response.status_code == 422
    assert b"not UTF-8 text" in response.content
    assert not API.objects.exists()


def test_a_faulty_document_is_told_where_it_was_given(log_in: LogIn, acme: Organization, owner: User) -> None:
    data = {**FORM, "organization": acme.pk, "source": "text", "document_text": "openapi: 3.0.0\npaths: [\n"}
    form = log_in(owner).post("/console/new-api", data).context["form"]
    assert list(form.errors) == ["document_text"]
    assert "Line" in form.errors["document_text"][0]


def test_an_upstream_alone_becomes_a_pass_through(log_in: LogIn, acme: Organization, owner: User) -> None:
    data = {**FORM, "source": "upstream", "methods": ["GET", "POST"], "path_prefix": "/soap", "organization": acme.pk}
    log_in(owner).post("/console/new-api", data)

    revision = APIVersion.objects.get().revisions.get()
    assert revision.passthrough == {"methods": ["GET", "POST"], "prefix": "/soap"}


def test_a_blank_api_gets_its_operations_in_a_form(log_in: LogIn, acme: Organization, owner: User) -> None:
    client = log_in(owner)
    client.post("/console/new-api", {**FORM, "source": "blank", "organization": acme.pk})
    rows = {
        "operations-TOTAL_FORMS": "2", "operations-INITIAL_FORMS": "0",
        "operations-0-method": "GET", "operations-0-path": "/accounts", "operations-0-summary": "List",
        "operations-1-method": "GET", "operations-1-path": "",
    }  # fmt: skip
    client.post("/console/apis/bank/versions/v1/operations", rows)
    rows |= {"operations-INITIAL_FORMS": "1", "operations-1-path": "/transfers", "operations-0-remove": "on"}
    client.post("/console/apis/bank/versions/v1/operations", rows)

    newest = APIVersion.objects.get().revisions.first()
    assert newest is not None
    assert [(each["method"], each["path"]) for each in newest.operations] == [("GET", "/transfers")]


def test_a_name_that_is_taken_is_told_beside_the_field(log_in: LogIn, acme: Organization, owner: User) -> None:
    catalog.api(organization=acme, name="bank")
    response = log_in(owner).post("/console/new-api", {**FORM, "source": "blank", "organization": acme.pk})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"name"}


def test_an_owner_cannot_make_an_api_for_another_organization(log_in: LogIn, globex: Organization, owner: User) -> None:
    response = log_in(owner).post("/console/new-api", {**FORM, "source": "blank", "organization": globex.pk})

    assert response.status_code == 422
    assert not API.objects.exists()


def test_settings_are_saved_and_audited(log_in: LogIn, acme: Organization, owner: User) -> None:
    api = catalog.api(organization=acme, name="bank")
    data = {"display_name": "Bank", "visibility": "internal", "key_header": "X-Bank-Key"}
    log_in(owner).post("/console/apis/bank/settings", data)

    api.refresh_from_db()
    assert (api.display_name, api.visibility, api.key_header) == ("Bank", "internal", "X-Bank-Key")
    event = AuditEvent.objects.get(action="api.update")
    assert (event.actor_label, event.before["visibility"], event.after["visibility"]) == (
        owner.email, "public", "internal",
    )  # fmt: skip


def test_a_policy_is_checked_by_its_kind_and_saved_as_a_revision(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client, url = log_in(owner), "/console/apis/bank/versions/v1/policies"

    refused = client.post(url, {"rate-limit-is_on": "on", "rate-limit-limit": "often"})
    assert b"must be a rate" in refused.content
    client.post(url, {"rate-limit-is_on": "on", "rate-limit-limit": "10/s", "rate-limit-by": "application"})

    assert version.revisions.first().policies == [{"rate-limit": {"limit": "10/s", "by": "application"}}]


def test_the_policies_that_are_on_come_before_those_that_could_be_added(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    catalog.published(of=catalog.api(organization=acme, name="bank"))
    client, url = log_in(owner), "/console/apis/bank/versions/v1/policies"

    assert 'id="policies-on"' not in client.get(url).content.decode()
    client.post(url, {"size-limit-is_on": "on", "size-limit-max": "1MiB"})
    refused = client.post(url, {"size-limit-is_on": "on", "size-limit-max": "1MiB", "rate-limit-is_on": "on"})

    shown, _, others = client.get(url).content.decode().partition('id="policies-off"')
    assert 'id="policy-size-limit"' in shown
    assert 'id="policy-cors"' in others
    shown, _, _ = refused.content.decode().partition('id="policies-off"')
    assert 'id="policy-rate-limit"' in shown, "what is to be mended is shown first as well"


def test_several_policies_of_one_kind_are_kept_in_forms_of_their_own(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client, url = log_in(owner), "/console/apis/bank/versions/v1/policies"
    client.post(url, {
        "request-headers-is_on": "on", "request-headers-set": "X-App: {application.id}\nX-URL: http://a:1",
        "rate-limit-is_on": "on", "rate-limit-limit": "10/s", "rate-limit-by": "application",
        "rate-limit.1-is_on": "on", "rate-limit.1-limit": "1/s", "rate-limit.1-by": "operation",
        "rate-limit.1-operations": "POST /accounts\nGET /x*", "rate-limit.1-shadow": "on",
    })  # fmt: skip

    saved = version.revisions.first().policies
    assert saved == [
        {"rate-limit": {"limit": "10/s", "by": "application"}},
        {"rate-limit": {
            "limit": "1/s", "by": "operation", "operations": ["POST /accounts", "GET /x*"], "shadow": True,
        }},
        {"request-headers": {"set": {"X-App": "{application.id}", "X-URL": "http://a:1"}}},
    ]  # fmt: skip
    page = client.get(url).content.decode()
    assert "X-App: {application.id}\nX-URL: http://a:1" in page
    assert 'id="policy-rate-limit.2"' in page
    assert 'id="policy-path-rewrite"' in page  # it has a setting called prefix

    refused = client.post(url, {"request-headers-is_on": "on", "request-headers-set": "no pair"})
    assert b"is no pair" in refused.content


def test_what_shadow_policies_would_have_done_is_shown(log_in: LogIn, acme: Organization, owner: User) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    now = timezone.now()
    for done, calls in (("refused", 3), ("passed", 7)):
        ShadowRollup.objects.create(
            period="hour", at=start_of("hour", now), environment_id="env", version_id=version.pk, kind="rate-limit",
            operation="GET /accounts", done=done, calls=calls,
        )  # fmt: skip
    page = log_in(owner).get("/console/apis/bank/versions/v1/policies").content.decode()
    assert "would have refused 3 of 10 calls" in page


def test_every_policy_kind_that_a_version_may_have_has_a_form() -> None:
    rows = policy_forms(None, [])
    kinds = [kind for kind in KINDS if not DESCRIPTIONS[kind].is_of_environment]
    assert [(row.kind, bool(row.as_p())) for row in rows] == [(kind, True) for kind in kinds]


def test_deprecating_and_reinstating_a_version(log_in: LogIn, acme: Organization, owner: User) -> None:
    api = catalog.api(organization=acme, name="bank")
    version, successor = catalog.published(of=api), catalog.published(of=api, name="v2")
    client, url = log_in(owner), "/console/apis/bank/versions/v1"

    data = {"deprecated_at": "2026-01-01", "sunset_at": "2030-06-30", "successor": successor.pk}
    client.post(f"{url}/deprecate", data)
    version.refresh_from_db()
    assert (version.state, version.sunset_at, version.successor) == (
        "deprecated", datetime(2030, 6, 30, tzinfo=UTC), successor,
    )  # fmt: skip
    client.post(f"{url}/reinstate")
    version.refresh_from_db()
    assert version.state == "published"


def test_a_draft_goes_to_review_and_back_with_what_is_missing(
    log_in: LogIn, acme: Organization, owner: User, by: Actor
) -> None:
    api = catalog.api(organization=acme, name="bank")
    version = create_version(api=api, name="v1", by=by)
    client, url = log_in(owner), "/console/apis/bank/versions/v1"

    client.post(f"{url}/submit")
    version.refresh_from_db()
    assert version.state == "review"
    assert f"{url}/return" in client.get(url).content.decode()
    client.post(f"{url}/return", {"reason": "No description of errors"})
    version.refresh_from_db()
    assert version.state == "draft"
    assert AuditEvent.objects.get(action="version.return").reason == "No description of errors"


def test_rolling_back_says_what_changes_and_runs_the_earlier_revision(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client, url = log_in(owner), "/console/apis/bank/versions/v1"
    client.post(f"{url}/policies", {"size-limit-is_on": "on", "size-limit-max": "1MiB"})
    client.post(f"{url}/publish")
    assert version.deployments.get().revision.number == 2

    assert b"Policies changed: size-limit." in client.get(f"{url}/rollback/1").content
    client.post(f"{url}/rollback/1")

    assert version.deployments.get().revision.number == 1


def test_a_product_shows_what_patterns_match_before_it_is_made(log_in: LogIn, acme: Organization, owner: User) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client = log_in(owner)
    data = {
        "name": "bank-access", "display_name": "Bank access", "visibility": "public", "organization": acme.pk,
        "plans": [products.plan(organization=acme).pk],
        "items-TOTAL_FORMS": "1", "items-INITIAL_FORMS": "0",
        "items-0-version": version.pk, "items-0-operations": "GET /nothing*",
    }  # fmt: skip

    preview = client.post("/console/new-product", {**data, "preview": "1"})
    assert b"matches no operation" in preview.content
    assert not Product.objects.exists()
    client.post("/console/new-product", {**data, "items-0-operations": ""})

    assert Product.objects.get().items.get().version == version


def test_owners_edit_plans_only_when_an_admin_delegated_it(
    log_in: LogIn, acme: Organization, admin: User, owner: User
) -> None:
    data = {
        "name": "starter", "display_name": "Starter", "organization": acme.pk, "approval": "auto",
        "rate": "10", "per_s": "1", "timezone": "UTC",
    }  # fmt: skip
    refused = log_in(owner).post("/console/new-plan", data)
    assert refused.status_code == 403
    assert b"delegate" in refused.content

    log_in(admin).post("/console/admin/organizations/acme", {"display_name": "Acme Ltd", "owners_edit_plans": "on"})
    log_in(owner).post("/console/new-plan", data)

    assert Plan.objects.get().versions.get().rate == {"requests": 10, "per_s": 1, "burst": 10}


@pytest.mark.usefixtures("environment")
def test_a_plan_above_a_ceiling_is_refused_with_the_number(log_in: LogIn, acme: Organization, admin: User) -> None:
    client = log_in(admin)
    client.post("/console/admin/ceilings/environments/default", {"max_per_month": "5000"})
    data = {
        "name": "huge", "display_name": "Huge", "organization": acme.pk, "approval": "auto", "per_s": "1",
        "quota_month": "6000", "timezone": "UTC",
    }  # fmt: skip

    response = client.post("/console/new-plan", data)

    assert response.status_code == 422
    assert b"5,000" in response.content
    assert not Plan.objects.exists()


def test_changed_terms_move_the_subscribers_that_the_page_named(log_in: LogIn, acme: Organization, admin: User) -> None:
    plan = products.plan(organization=acme)
    version = catalog.published(of=catalog.api(organization=acme))
    subscription = access.subscription(
        application=access.application(), product=products.product(version=version, plans=[plan]), plan=plan
    )
    client, url = log_in(admin), f"/console/plans/{plan.name}/edit"
    assert b"1 live subscription moves" in client.get(url).content

    client.post(url, {"approval": "auto", "rate": "5", "per_s": "1", "timezone": "UTC"})

    subscription.refresh_from_db()
    assert (subscription.plan_version.number, subscription.plan_version.rate["requests"]) == (2, 5)


def test_a_quota_above_the_ceiling_is_told_beside_its_field(log_in: LogIn, acme: Organization, admin: User) -> None:
    set_ceiling(by=accounts.TESTER, organization=acme, max_per_month=1000)
    data = {
        "name": "big", "display_name": "Big", "organization": acme.pk, "approval": "auto", "per_s": "1",
        "quota_hour": "10", "quota_month": "5000", "timezone": "UTC",
    }  # fmt: skip
    form = log_in(admin).post("/console/new-plan", data).context["form"]
    assert list(form.errors) == ["quota_month"]


def test_a_token_is_shown_once(log_in: LogIn, owner: User) -> None:
    client = log_in(owner)
    response = client.post("/console/new-token", {"name": "ci", "scopes": ["apis:read"]})
    secret = response.context["issued"].secret

    assert secret.encode() in response.content
    assert secret.encode() not in client.get("/console/tokens").content
    assert client.post(f"/console/tokens/{APIToken.objects.get().pk}/revoke").status_code == 422
    client.post(f"/console/tokens/{APIToken.objects.get().pk}/revoke", {"typed": "ci"})
    assert APIToken.objects.get().revoked_at is not None


def test_a_suspended_application_is_resumed(log_in: LogIn, admin: User) -> None:
    application, client = access.application(), log_in(admin)
    url = f"/console/admin/applications/{application.pk}"

    assert client.post(f"{url}/suspend", {}).status_code == 422
    client.post(f"{url}/suspend", {"reason": "abuse"})
    application.refresh_from_db()
    assert application.state == "suspended"
    client.post(f"{url}/resume")
    application.refresh_from_db()
    assert application.state == "active"


@pytest.mark.django_db
def test_the_set_up_link_makes_the_first_admin_once(log_in: LogIn) -> None:
    client, url = log_in(None), f"/setup?token={new_set_up_link()}"
    data = {
        "email": "ana@acme.example", "password": "a long and odd one", "organization_name": "Acme Ltd",
        "base_url": "http://127.0.0.1:8000", "language": "en",
    }  # fmt: skip

    assert client.post("/setup?token=wrong", data).status_code == 403
    mail = client.post(url, data)["Location"]
    assert mail == "/console/admin/mail-server?step=2"
    assert "Skip for now" in client.get(mail).content.decode()
    assert client.get("/console/admin").status_code == 200
    assert log_in(None).get(url).status_code == 302


def test_saving_a_product_keeps_plans_of_the_platform_and_archived_ones(
    log_in: LogIn, acme: Organization, owner: User, by: Actor
) -> None:
    shared = products.plan(organization=accounts.organization(name="platform", is_default=True))
    archived = products.plan(organization=acme)
    version = catalog.published(of=catalog.api(organization=acme))
    product = products.product(version=version, plans=[shared, archived])
    archive_plan(plan=archived, by=by)
    client, url = log_in(owner), f"/console/products/{product.name}/edit"

    form = client.get(url).context["form"]
    assert set(form.fields["plans"].queryset) == {shared, archived}
    data = {
        "display_name": "Renamed", "visibility": "public", "plans": [shared.pk, archived.pk],
        "items-TOTAL_FORMS": "1", "items-INITIAL_FORMS": "1", "items-0-version": version.pk,
    }  # fmt: skip
    assert client.post(url, data).status_code == 302

    product.refresh_from_db()
    assert product.display_name == "Renamed"
    assert set(product.plans.all()) == {shared, archived}
