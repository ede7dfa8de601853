"""Clients of issuers and the form of the policy, in the browser: wide, narrow, accessible."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Check, Shoot
from tests.browser.typed import type_the_name
from tests.browser.widths import NARROW, WIDE


def fits(page: Page) -> bool:
    """True when nothing sticks out sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_client_is_registered_shown_and_revoked(admin_page: Page, check_accessibility: Check, shoot: Shoot) -> None:
    page = admin_page
    page.goto("/console/admin/new-issuer")
    page.get_by_label("Name").fill("login")
    page.get_by_label("Issuer", exact=True).fill("https://login.example.com/realms/bank")
    check_accessibility(page)
    page.get_by_role("button", name="Save").click()
    for viewport in (NARROW, WIDE):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        expect(page.get_by_role("row", name=re.compile("^login"))).to_contain_text("every organization")
        assert fits(page)
        check_accessibility(page)
    shoot(page, "console-issuers")
    page.goto("/my/apps/new")
    page.fill("input[name=display_name]", "Teller")
    page.get_by_role("button", name="Create the application").click()
    page.wait_for_url(re.compile("/my/apps/app_"))
    for viewport, client in ((WIDE, "teller-web"), (NARROW, "teller-of-a-very-long-name-" + "x" * 60)):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        page.get_by_label("More for Teller").click()
        page.get_by_role("link", name="Register a client").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Issuer").fill("https://login.example.com/realms/bank")
        dialog.get_by_label("Client id").fill(client)
        check_accessibility(page)
        dialog.get_by_role("button", name="Register the client").click()
        row = page.get_by_role("row", name=re.compile(client))
        expect(row).to_contain_text("client of https://login.example.com/realms/bank")
        assert fits(page)
    check_accessibility(page)
    shoot(page, "portal-application-clients")
    page.get_by_role("link", name="Revoke the client teller-web").click()
    type_the_name(page.get_by_role("dialog"))
    page.get_by_role("dialog").get_by_role("button", name="Revoke the client").click()
    expect(page.get_by_role("row", name=re.compile("teller-web"))).to_contain_text("Revoked")


def test_the_form_of_the_policy_takes_its_settings(admin_page: Page, check_accessibility: Check, shoot: Shoot) -> None:
    page = admin_page
    page.goto("/console/apis/bank/versions/v1/policies")
    for viewport in (NARROW, WIDE):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert fits(page)
    section = page.locator("#policy-jwt")
    section.locator("[name=jwt-is_on]").check()
    section.locator("[name=jwt-issuer]").fill("https://login.example.com")
    section.locator("[name=jwt-algorithms]").fill("RS256\nHS256")
    page.get_by_role("button", name="Save as a new revision").click()
    section = page.locator("#policy-jwt")
    expect(section).to_contain_text("HS256")
    expect(section).to_contain_text("name its audience")
    section.scroll_into_view_if_needed()
    check_accessibility(page)
    shoot(page, "console-policy-jwt")
