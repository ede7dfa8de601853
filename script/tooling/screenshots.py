"""Pictures of the product for the README: Chromium at 1440 x 900, light, on pages with real calls behind them."""

from __future__ import annotations

import argparse
import math
import re
import tempfile
import time
from itertools import cycle
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, new_place, running
from tooling.environment import ROOT

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 250_000
PATHS = {
    "portal-catalogue": "/",
    "portal-reference": "/apis/bank/v1/reference/get/accounts",
    "console-api": "/console/apis/bank/analytics?range=1h",
    "console-gateways": "/console/admin/gateways",
}
WAVE_S = 90  # calls come and go, as they do with people
MEAN_PAUSE_S = 0.5
RESTING = 1.3
TAILS = ("", "", "/acc-1", "", "?currency=EUR", "/acc-1", "", "/nobody", "", "/acc-2", "?currency=GBP")  # of its URL


def main() -> None:
    """Take the pictures of a running product, or of a fresh one after some minutes of calls."""
    options = _options()
    if options.url:
        take(options.url, options.email, options.password)
        return
    with tempfile.TemporaryDirectory() as home, running(new_place(Path(home))) as product:
        print(f"Calling the example for {options.minutes} minutes, so that there is something to see", flush=True)
        call_for(product, options.minutes * 60)
        take(product.web, ADMIN_EMAIL, ADMIN_PASSWORD)


def call_for(product: Product, seconds: float) -> None:
    """Calls of the example's application, in waves, some of them wrong."""
    end = time.monotonic() + seconds
    tails = cycle(TAILS)
    with httpx.Client(headers={"X-API-Key": product.example_key}) as client:
        while (now := time.monotonic()) < end:
            client.get(product.example_url + next(tails))
            time.sleep(MEAN_PAUSE_S * (RESTING + math.sin(now * math.tau / WAVE_S)))


def take(url: str, email: str, password: str) -> None:
    """Each page as an admin sees it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(
            base_url=url, viewport={"width": 1440, "height": 900}, color_scheme="light", reduced_motion="reduce"
        )
        page.goto("/account/login/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", password)
        page.locator("main form button[type=submit]").first.click()
        page.wait_for_url(lambda path: "/account/login" not in path)
        for name, path in {**PATHS, "portal-application": _application(page)}.items():
            page.goto(path)
            file = FOLDER / f"{name}.png"
            page.screenshot(path=file)
            size = file.stat().st_size
            print(f"{file.relative_to(ROOT)}  {size // 1000} kB{'  TOO LARGE' if size > MOST_BYTES else ''}")
        browser.close()


def _application(page: Page) -> str:
    """The page of the example's own application."""
    page.goto("/console/admin/applications?q=shop")
    found = re.search(r"/my/apps/app_\w+", page.content())
    if found is None:
        raise SystemExit("script/screenshots: the product lacks the bank example's application.")
    return f"{found[0]}?span=1h#usage"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/screenshots", description=__doc__)
    parser.add_argument("--url", default="", help="of a product with the bank example; without it one is started")
    parser.add_argument("--email", default=ADMIN_EMAIL, help="of an admin there")
    parser.add_argument("--password", default=ADMIN_PASSWORD, help="of that admin")
    parser.add_argument("--minutes", type=float, default=6.0, help="of calls to a product that is started here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
