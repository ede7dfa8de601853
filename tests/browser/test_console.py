"""The console as owners and admins use it: their journeys, and every page checked for faults."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.browser.widths import WIDE, narrow
from tests.product import Product
from tests.waiting import PATIENCE_S, wait_until

Check = Callable[[Page], None]
Scheme = Literal["light", "dark"]

DOCUMENT = """\
openapi: 3.0.3
info: {{title: Ledger, version: "1"}}
paths:
  /accounts:
    get: {{operationId: listAccounts, summary: List accounts, responses: {{"200": {{description: ok}}}}}}
{more}
"""
MORE = '  /accounts/{id}:\n    get: {operationId: readAccount, summary: Read, responses: {"200": {description: ok}}}\n'

PAGES = (
    "", "apis", "new-api", "apis/bank", "apis/bank/settings", "apis/bank/consumers", "apis/bank/analytics",
    "apis/bank/analytics/v1", "analytics", "analytics/errors", "analytics/latency?api=bank",
    "analytics/consumers?api=bank", "analytics/map", "analytics/compare?a=bank/v1&b=bank/v1",
    "apis/bank/new-version", "apis/bank/archive", "apis/bank/delete",
    "apis/bank/compare", "apis/bank/versions/v1", "apis/bank/versions/v1/review", "apis/bank/versions/v1/lint",
    "apis/bank/versions/v1/import",
    "apis/bank/versions/v1/upstream", "apis/bank/versions/v1/policies", "apis/bank/versions/v1/composites",
    "apis/bank/versions/v1/documentation", "apis/bank/versions/v1/offer", "apis/bank/versions/v1/live",
    "apis/bank/versions/v1/flow?operation=GET+/accounts&add=rate-limit", "apis/bank/versions/v1/try",
    "apis/bank/versions/v1/try/draft",
    "apis/bank/versions/v1/editor", "board",
    "apis/bank/versions/v1/revisions", "apis/bank/versions/v1/diff", "apis/bank/versions/v1/publish",
    "apis/bank/versions/v1/deprecate", "apis/bank/versions/v1/block", "products", "new-product",
    "products/bank-payments", "products/bank-payments/edit", "plans", "new-plan", "plans/starter", "plans/starter/edit",
    "plans/growth", "plans/growth/prices", "plans/growth/migrate", "meters", "meters/bank-calls", "new-meter",
    "advice", "alerts", "new-alert", "new-alert?api=bank&kind=latency", "admin/demo", "admin/demo/remove",
    "apis/bank/new-guide", "new-announcement?api=bank",
    "approvals", "tokens", "new-token", "styleguide", "admin", "admin/gateways", "admin/environments",
    "admin/environments/default/policies",
    "admin/environments/default", "admin/publications", "admin/ceilings", "admin/ceilings/environments/default",
    "admin/ceilings/organizations/acme", "admin/organizations", "admin/new-organization", "admin/organizations/acme",
    "admin/organizations/acme/suspend", "admin/users", "admin/invite", "admin/applications", "admin/audit",
    "admin/mailbox", "admin/mail-server", "admin/billing", "admin/billing/connect",
    "admin/certificates", "admin/new-certificate", "admin/hosts",
    "admin/new-host", "admin/health", "admin/new-environment", "admin/environments/default/promote/default",
    "admin/storage", "jobs", "apis/bank/funnel", "apis/bank/guides", "announcements", "requests", "searches",
    "admin/security",
)  # fmt: skip


# Colours come from tokens: where components of all kinds meet, both schemes are looked at; elsewhere they take turns.
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")
IN_BOTH = ("", "apis/bank/analytics", "apis/bank/versions/v1", "plans/growth/prices", "styleguide", "admin/gateways")


@pytest.mark.slow  # test_every_url looks at every page of a smaller world
def test_every_page_is_without_fault_and_fits_a_phone(admin_page: Page, check_accessibility: Check) -> None:
    for number, path in enumerate(PAGES):
        for scheme in SCHEMES if path in IN_BOTH else (SCHEMES[number % len(SCHEMES)],):
            admin_page.emulate_media(color_scheme=scheme)  # before it loads: colours that change have no contrast
            _open(admin_page, path)
            check_accessibility(admin_page)
        narrow(admin_page)
        admin_page.set_viewport_size(WIDE)


def test_an_owner_goes_from_a_document_to_two_versions_and_back(admin_page: Page, product: Product) -> None:
    page = admin_page
    _import_document(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Review: ledger v1")
    expect(page.locator(".stat", has_text="Operations found").locator(".stat__value")).to_have_text("1")

    page.get_by_role("link", name="Publish revision 1").click()
    page.get_by_role("button", name="Publish revision 1").click()
    expect(page.get_by_text("is on its way to the gateways")).to_be_visible()

    _offer(page)
    _wait_for_status(product, "/ledger/v1/accounts", 401)

    page.goto("/console/apis/ledger/new-version")
    page.fill("[name=name]", "v2")
    page.get_by_label("Start from an existing version").check()
    page.select_option("[name=copied]", label="v1")
    page.get_by_role("button", name="Continue to the review").click()
    page.get_by_role("link", name="Publish revision 1").click()
    page.get_by_role("button", name="Publish revision 1").click()
    _wait_for_status(product, "/ledger/v2/accounts", 401)
    _wait_for_status(product, "/ledger/v1/accounts", 401)

    _deprecate(page, "ledger", successor="v2")
    _reimport(page, DOCUMENT.format(more=MORE))
    expect(page.get_by_text("Operations added: GET /accounts/{id}.")).to_be_visible()
    page.get_by_role("link", name="Publish revision 2").click()
    page.get_by_role("button", name="Publish revision 2").click()
    page.goto("/console/apis/ledger/versions/v1/revisions")
    page.get_by_role("link", name="Run this one").click()
    expect(page.get_by_text("Operations removed: GET /accounts/{id}.")).to_be_visible()
    page.get_by_role("button", name="Roll back to revision 1").click()
    running = page.get_by_role("row").filter(has_text="runs in")
    expect(running.get_by_role("rowheader")).to_contain_text("1")


def test_callers_are_told_of_a_deprecation_until_it_is_taken_back(admin_page: Page, product: Product) -> None:
    _deprecate(admin_page, "bank")
    wait_until(lambda: {"deprecation", "sunset"} <= _headers_of(product).keys(), "callers are told", pause_s=0.2)

    admin_page.get_by_role("link", name="Take back").click()
    admin_page.get_by_role("button", name="Take it back").click()
    wait_until(lambda: "deprecation" not in _headers_of(product), "callers are told no more", pause_s=0.2)


def test_an_admin_sees_a_ceiling_refuse_a_plan_and_suspends_an_application(
    admin_page: Page, product: Product, complaints: Complaints
) -> None:
    complaints.expect("422")  # the refused form
    page = admin_page
    page.goto("/console/admin/ceilings/environments/default")
    page.fill("[name=max_per_month]", "5000000")
    page.get_by_role("button", name="Save").click()
    page.goto("/console/new-plan")
    page.fill("[name=name]", "huge")
    page.fill("[name=display_name]", "Huge")
    page.fill("[name=quota_month]", "9000000")
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("5,?000,?000"))

    url, headers = product.example_url, {"X-API-Key": product.example_key}
    _wait_for_status(product, urlsplit(url).path, 200, headers)
    page.goto("/console/admin/applications?q=shop")
    page.get_by_role("link", name=re.compile("Suspend")).click()
    page.fill("[name=reason]", "A test of the console")
    page.get_by_role("button", name="Suspend it").click()
    expect(page.get_by_text("is suspended")).to_be_visible()
    _wait_for_status(product, urlsplit(url).path, 403, headers)

    page.goto("/console/admin/applications?q=shop")
    page.get_by_role("link", name=re.compile("Resume")).click()
    page.get_by_role("button", name="Resume it").click()
    _wait_for_status(product, urlsplit(url).path, 200, headers)
    page.goto("/console/admin/audit?action=application.suspend")
    page.locator("summary").filter(has_text="application.suspend").first.click()
    expect(page.get_by_text("A test of the console").first).to_be_visible()


def _open(page: Page, path: str) -> None:
    response = page.goto(f"/console/{path}")
    assert response is not None
    assert response.status == 200, path


def _import_document(page: Page) -> None:
    page.goto("/console/new-api")
    page.get_by_label("Paste it").check()
    page.fill("[name=document_text]", DOCUMENT.format(more=""))
    page.fill("[name=name]", "ledger")
    page.fill("[name=upstream_url]", "http://127.0.0.1:9")
    page.get_by_role("button", name="Continue to the review").click()


def _offer(page: Page) -> None:
    page.goto("/console/new-product")
    page.fill("[name=name]", "ledger-access")
    page.fill("[name=display_name]", "Ledger access")
    page.get_by_label("Starter").check()
    page.select_option("[name=items-0-version]", label="ledger v1 (Published)")
    page.fill("[name=items-0-operations]", "GET /acc*")
    page.get_by_role("button", name="Show what matches").click()
    expect(page.locator("#preview")).to_contain_text("1 of 1 operations")
    page.get_by_role("button", name="Offer it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ledger access")


def _deprecate(page: Page, api: str, successor: str = "") -> None:
    page.goto(f"/console/apis/{api}/versions/v1")
    page.get_by_role("link", name="Deprecate").click()
    page.fill("[name=sunset_at]", "2030-06-30")
    if successor:
        page.select_option("[name=successor]", label=successor)
    page.get_by_role("button", name="Deprecate v1").click()
    expect(page.get_by_text("stops on 30 June 2030")).to_be_visible()


def _reimport(page: Page, document: str) -> None:
    page.goto("/console/apis/ledger/versions/v1/import")
    page.get_by_label("Paste it").check()
    page.fill("[name=document_text]", document)
    page.get_by_role("button", name="Import the changed document").click()


def _headers_of(product: Product) -> httpx.Headers:
    """Those of an answer to a call of the example."""
    headers = {"X-API-Key": product.example_key}
    return httpx.get(product.example_url, headers=headers, timeout=PATIENCE_S).headers


def _wait_for_status(product: Product, path: str, status: int, headers: dict[str, str] | None = None) -> None:
    wait_until(
        lambda: httpx.get(product.gateway + path, headers=headers, timeout=PATIENCE_S).status_code == status,
        f"{path} is answered with {status}",
        pause_s=0.2,  # below the rate of the example's plan
    )
