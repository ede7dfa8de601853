"""A developer's way in the browser: from the catalogue to a key, a call, its usage, and the key's end."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Check, LookOver, NewPage, Shoot
from tests.browser.typed import type_the_name
from tests.browser.visitors import PUBLIC_PAGES, sign_up
from tests.product import Product, is_in_force
from tests.waiting import PATIENCE_S, wait_until

MY_PAGES = (
    "/my",
    "/my/apps",
    "/my/apps/new",
    "/my/billing",
    "/my/organization",
    "/my/notifications",
    "/my/webhooks",
    "/my/webhooks/new",
    "/my/settings",
    "/my/settings/security",
    "/my/settings/delete",
    "/my/settings/tokens/new",
    "/apis/bank/v1/reference/get/accounts",
)


def send_test_request(page: Page, product: Product) -> None:
    """Press the button that is there once a key was made, when the key is in force."""
    button = page.get_by_role("button", name="Send test request")
    button.wait_for()
    wait_until(lambda: is_in_force(product), "the key is in force", pause_s=0.1)
    button.click()


def status_of(url: str, key: str) -> int:
    """What the gateway answers to a call with the key."""
    return httpx.get(url, headers={"X-API-Key": key}, timeout=PATIENCE_S).status_code


def test_public_pages_are_clean_and_fit_a_phone(page: Page, look_over: LookOver) -> None:
    for path in PUBLIC_PAGES:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert "unsafe" not in answer.headers["content-security-policy"]
        look_over(page, "visitor" + (re.sub("[^a-z0-9]+", "-", path).rstrip("-") or "-home"))


def test_the_journey_from_sign_up_to_a_revoked_key(
    page: Page, product: Product, check_accessibility: Check, shoot: Shoot, look_over: LookOver
) -> None:
    # Get access asks a visitor for an address, and for no more.
    page.goto("/")
    shoot(page, "portal-catalogue")
    page.get_by_role("link", name="Bank API").click()
    shoot(page, "portal-api")
    page.get_by_role("link", name="Get access").first.click()
    page.get_by_role("radio", name=re.compile("Starter")).check()
    shoot(page, "portal-access-plan")
    page.fill("input[name=email]", "ada@example.org")

    # One press: account, application, subscription, key.
    page.get_by_role("button", name="Get my key").click()
    key = page.locator("#fresh-key").inner_text()
    assert key.startswith("apim_")
    send_test_request(page, product)
    expect(page.locator("#answer")).to_contain_text("200")
    check_accessibility(page)
    shoot(page, "portal-access-key")
    command = page.locator("#curl").inner_text()
    url = re.search(r"http://\S+", command)
    assert url is not None
    assert status_of(url[0], key) == 200

    # Usage follows by itself.
    page.get_by_role("button", name="I have stored the key").click()
    page.wait_for_url("**/my/apps/*")
    expect(page.get_by_role("region", name="Last requests")).to_contain_text("200")
    assert key not in page.content()
    check_accessibility(page)
    shoot(page, "portal-application")
    page.get_by_role("region", name="Last requests").get_by_role("link", name=re.compile("^Request ")).first.click()
    expect(page.get_by_role("heading", name="How the gateway decided")).to_be_visible()
    check_accessibility(page)
    shoot(page, "portal-request")
    page.go_back()

    # Revoking asks, in a dialog, and comes into force.
    page.get_by_role("link", name=re.compile("^Revoke the key")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("401")
    check_accessibility(page)
    type_the_name(dialog)
    dialog.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_role("region", name="Keys")).to_contain_text("Revoked")
    wait_until(lambda: is_in_force(product), "the revocation is in force", pause_s=0.1)
    assert status_of(url[0], key) == 401

    for path in MY_PAGES:
        page.goto(path)
        look_over(page, f"portal{path.replace('/', '-')}")


def test_a_manual_plan_waits_for_the_owner(
    new_page: NewPage, admin_page: Page, product: Product, check_accessibility: Check, shoot: Shoot
) -> None:
    page = new_page()
    page.goto("/products/bank-payments/access")
    manual = page.locator("label.choice", has_text="Needs approval").first
    manual.locator("input").check()
    page.fill("input[name=email]", "grace@example.org")
    page.get_by_role("button", name="Get my key").click()
    sign_up(page, admin_page, "grace@example.org")
    page.wait_for_url("**/products/bank-payments/access?plan=*")
    page.get_by_role("button", name="Get my key").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Waiting for")
    check_accessibility(page)
    shoot(page, "portal-access-pending")

    # The owner's yes reaches the open page by itself.
    admin_page.goto("/console/approvals")
    admin_page.get_by_role("row", name="grace").get_by_role("link", name="Approve").click()
    admin_page.locator("main form button[type=submit]").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("You have access")
    page.get_by_role("button", name="Create a key").click()
    send_test_request(page, product)
    expect(page.locator("#answer")).to_contain_text("200")


def test_the_flow_works_without_javascript(new_page: NewPage, product: Product) -> None:
    maker = new_page()
    browser = maker.context.browser
    assert browser is not None
    context = browser.new_context(base_url=product.web, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/products/bank-payments/access?plan=starter")
    page.fill("input[name=email]", "linus@example.org")
    page.get_by_role("button", name="Get my key").click()
    send_test_request(page, product)
    expect(page.get_by_role("heading", name="The gateway's answer")).to_be_visible()
    expect(page.locator("main")).to_contain_text("200")
    page.goto("/my/apps")
    page.get_by_role("link", name="My first app").click()
    page.get_by_role("link", name=re.compile("^Revoke the key")).click()
    type_the_name(page)
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.locator("main")).to_contain_text("is revoked")
    context.close()


def test_the_keyboard_reaches_search_and_skips_to_the_content(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search APIs")).to_be_focused()
    page.keyboard.type("trading")
    expect(page.get_by_role("link", name="Bank API")).to_have_count(0)
    expect(page.get_by_role("link", name="Trading API")).to_be_visible()
    assert re.search(r"[?&]q=trading(&|$)", page.url)


def test_the_theme_is_remembered(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/apis/bank")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
