"""Policies of a version in forms: one for each kind, several of one kind, and what shadows would have done."""

from __future__ import annotations

from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.console.forms.policies import policy_forms
from apim.usage.models import ShadowRollup
from apim.usage.periods import start_of
from gateway_sync.policies import DESCRIPTIONS, KINDS
from tests.conftest import LogIn
from tests.factories import catalog


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
