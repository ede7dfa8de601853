"""The pages of money, walked once there is something on them: a plan that is paid, money given back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Page

from tests.browser.conftest import Check
from tests.browser.widths import WIDE, narrow
from tests.product import Product
from tests.waiting import PATIENCE_S

CONSOLE = (
    "plans/metered", "plans/metered/audience", "plans/metered/migrate", "plans/metered/rehearsals", "rehearsals",
    "revenue", "invoices", "admin/billing", "admin/billing/credits", "admin/billing/events", "admin/billing/reconcile",
    "admin/billing/dunning",
)  # fmt: skip

CREDITS = """
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: credits }
spec:
  displayName: Credits
  approval: auto
  currency: EUR
  interval: month
  prices:
    - { name: credits, model: prepaid, amount: "20.00", topUps: ["50.00"], included: "5.00" }
    - { name: calls, meter: calls, model: unit, unit: "0.01" }
---
apiVersion: apim.dev/v1
kind: Product
metadata: { name: wallet }
spec:
  organization: riverside
  displayName: Wallet
  apis: [{ api: bank, versions: [v1] }]
  plans: [credits]
"""


def rest(product: Product, method: str, path: str, body: object = None) -> dict[str, object]:
    """What the management API answers to an admin."""
    answer = httpx.request(
        method, f"{product.web}/api/v1/{path}", json=body,
        headers={"Authorization": f"Bearer {product.token}"}, timeout=PATIENCE_S,
    )  # fmt: skip
    assert answer.is_success, answer.text
    told: dict[str, object] = answer.json()
    return told


def look_over(page: Page, paths: Iterable[str], check_accessibility: Check) -> None:
    """Each page is there, without fault, and fits a phone."""
    for path in paths:
        answer = page.goto(path)
        assert answer is not None
        assert (answer.status, urlsplit(page.url).path) == (200, urlsplit(path).path)
        check_accessibility(page)
        narrow(page)
        page.set_viewport_size(WIDE)


def give_back(page: Page, check_accessibility: Check) -> str:
    """Give a part of the newest paid invoice back, by the form; the invoice's page."""
    page.goto("/console/invoices")
    page.get_by_role("row").filter(has_text="Paid").get_by_role("link").first.click()
    page.wait_for_url("**/console/invoices/in_*")
    path = urlsplit(page.url).path
    look_over(page, (f"{path}/give-back",), check_accessibility)
    page.get_by_label("An amount of it").check()
    page.fill("[name=amount]", "1.00")
    page.fill("[name=reason]", "A call went wrong")
    page.get_by_role("button", name="See what will happen").click()
    page.get_by_role("button", name=re.compile("^Give 1.00")).click()
    page.wait_for_url(f"**{path}")
    return path


def look_over_paying(page: Page, product: Product, subscription: str, check_accessibility: Check) -> None:
    """Every page of money that a payer has: of what is paid by card, and of credits before and after they begin."""
    paid = (f"{subscription}/{each}" for each in ("usage", "switch", "switch?plan=growth", "card"))
    look_over(page, (*paid, "/my/billing"), check_accessibility)
    rest(product, "POST", "documents/apply", {"documents": CREDITS, "files": {}})
    asked = {"application": "my-first-app", "product": "wallet", "plan": "credits"}
    prepaid = f"/my/subscriptions/{rest(product, 'POST', 'subscriptions', asked)['id']}"
    look_over(page, (f"{prepaid}/credits",), check_accessibility)
    page.get_by_role("button", name=re.compile("^Begin")).click()
    page.wait_for_url("**/products/wallet/access*")  # where a key for it is made
    look_over(page, (f"{prepaid}/credits", prepaid), check_accessibility)


def look_over_money(admin_page: Page, check_accessibility: Check) -> None:
    """Every page of money that an admin has."""
    invoice = give_back(admin_page, check_accessibility)
    comparison = invoice.replace("/invoices/", "/admin/billing/reconcile/")
    pages = (f"/console/{each}" for each in CONSOLE)
    look_over(admin_page, (invoice, comparison, *pages), check_accessibility)
