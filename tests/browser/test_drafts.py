"""Drafts tried before anybody publishes them, by keyboard, at a desk."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.gateways.models import Environment
from tests.browser.conftest import Check
from tests.browser.desk import Desk
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.factories.products import plan
from tests.upstreams import Upstream

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("width", [1440, 360])
def test_an_owner_tries_a_draft_and_sees_its_way(
    desk: Desk, owner: User, acme: Organization, environment: Environment, check_accessibility: Check, width: int
) -> None:
    environment.allowed_networks = ["127.0.0.0/8"]
    environment.save(update_fields=["allowed_networks"])
    plan(organization=acme, name="starter")
    version = catalog.draft(of=catalog.api(organization=acme, name="bank"))
    desk.client.force_login(owner)
    page = desk.page
    page.set_viewport_size({"width": width, "height": 800})
    with Upstream() as service:
        services.save_revision(version=version, by=TESTER, upstream={"targets": [{"url": service.url}]})
        desk.open("/console/apis/bank/versions/v1")
        page.get_by_role("link", name="Try this draft").press("Enter")
        expect(page.get_by_label("Call as")).to_contain_text("by the plan starter")
        page.get_by_role("button", name="Send", exact=True).press("Enter")
        expect(page.locator("#answer-body")).to_contain_text("/accounts")
    expect(page.get_by_text("draft, not deployed").first).to_be_visible()
    expect(page.get_by_role("list", name="The way of the call")).to_contain_text("127.0.0.1")
    check_accessibility(page)
    page.get_by_label("Call as").select_option("nobody")
    page.get_by_role("button", name="Send", exact=True).press("Enter")
    expect(page.get_by_role("list", name="The way of the call")).to_contain_text("unauthenticated")
