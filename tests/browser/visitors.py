"""What visitors see, and how one of them signs up."""

from __future__ import annotations

import re

from playwright.sync_api import Page

PASSWORD = "a long enough passphrase 42"
PUBLIC_PAGES = (
    "/",
    "/?q=nothing-like-this",
    "/apis/bank",
    "/apis/bank/changelog",
    "/apis/bank/v1/reference",
    "/apis/bank/v1/reference/get/accounts",
    "/products/bank-payments",
    "/products/bank-payments/access",
    "/pricing",
    "/problems",
    "/leaks",
    "/account/login/",
    "/account/signup/",
)


def mailed_code(admin_page: Page, address: str) -> str:
    """The verification code that the admins' mailbox shows for this address."""
    admin_page.goto("/console/admin/mailbox")
    admin_page.get_by_role("row", name=address).get_by_role("link").first.click()
    found = re.search(r"Your code is\s+(\S+)", admin_page.locator("main").inner_text())
    assert found is not None
    return found[1]


def sign_up(page: Page, admin_page: Page, address: str) -> None:
    """Fill in the form that is open and confirm the address."""
    page.fill("input[name=email]", address)
    page.fill("input[name=password1]", PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/account/confirm-email/**")
    page.fill("input[name=code]", mailed_code(admin_page, address))
    page.locator("main form button[type=submit]").first.click()
