"""What scripts add to pages that work without them: brushes, sliders, dragging, line marks, and failures in sight.

Each has its way by keyboard beside it. At a desk: Django answers without a product, so each test takes seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from apim.accounts.models import Organization, User
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.gateways.services import update_environment
from apim.onboarding.models import SandboxKey
from apim.onboarding.sandbox_keys import text_of
from tests.browser.conftest import Check
from tests.browser.desk import Desk
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.factories.gateways import enrolled_gateway
from tests.factories.usage import batch, event, ingest
from tests.ports import free_ports

pytestmark = pytest.mark.django_db

TWO_ARMS = {
    "targets": [{"url": "http://127.0.0.1:9101", "arm": "stable"}, {"url": "http://127.0.0.1:9102", "arm": "next"}],
    "canary": {"arms": ["stable=90", "next=10"]},
}
SIZE, LIMIT = {"size-limit": {"max": "1MiB"}}, {"rate-limit": {"limit": "5/s"}}


@pytest.fixture
def bank(environment: object, acme: Organization) -> APIVersion:
    return catalog.published(of=catalog.api(organization=acme, name="bank", visibility="public"))


@pytest.fixture
def page(desk: Desk, owner: User, bank: APIVersion) -> Page:
    """The tab of an owner with a published version."""
    desk.client.force_login(owner)
    return desk.page


def drag(page: Page, plot: Locator, first: float, last: float) -> None:
    """A brush over a part of a plot. Shapes: shares of its width."""
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], y, steps=3)
    page.mouse.up()


def ends(url: str) -> tuple[datetime, datetime]:
    """The times that the URL of a page names."""
    asked = parse_qs(urlsplit(url).query)
    first, last = (datetime.fromisoformat(asked[name][0]).replace(tzinfo=UTC) for name in ("from", "to"))
    return first, last


def test_a_brush_makes_a_part_of_the_time_the_page_s_own(page: Page, desk: Desk, bank: APIVersion) -> None:
    ingest(gateway=enrolled_gateway().gateway, batch=batch(event(1, at=timezone.now(), version_id=bank.id)))
    desk.open("/console/analytics?range=24h&api=bank")
    drag(page, page.locator("#traffic svg.chart--wide"), 0.5, 0.99)
    page.wait_for_url(re.compile("from="))
    first, last = ends(page.url)
    assert timedelta(hours=10) <= last - first <= timedelta(hours=14)
    assert parse_qs(urlsplit(page.url).query)["api"] == ["bank"]
    assert "range" not in parse_qs(urlsplit(page.url).query)


def test_a_brush_on_two_times_narrows_both_to_the_same_part(page: Page, desk: Desk, bank: APIVersion) -> None:
    now = timezone.now()
    told = [event(1, at=now, version_id=bank.id), event(2, at=now - timedelta(hours=30), version_id=bank.id)]
    ingest(gateway=enrolled_gateway().gateway, batch=batch(*told))
    desk.open("/console/analytics/compare?kind=times&range=24h")
    plot = page.locator("#over-time svg.chart--wide")
    shown = datetime.fromisoformat(plot.get_attribute("data-since") or "")
    beside = datetime.fromisoformat(plot.get_attribute("data-beside") or "")
    drag(page, plot, 0.5, 0.99)
    page.wait_for_url(re.compile("a_from="))
    first, last = ends(page.url)
    assert first >= shown + timedelta(hours=10)
    assert last <= now + timedelta(hours=1)
    other = datetime.fromisoformat(parse_qs(urlsplit(page.url).query)["a_from"][0]).replace(tzinfo=UTC)
    assert other - beside == first - shown


def test_a_slider_and_its_number_say_the_same(page: Page, desk: Desk, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, upstream=TWO_ARMS, operations=catalog.OPERATIONS)
    services.publish_version(version=bank, by=TESTER)
    desk.open("/console/apis/bank/versions/v1/arms")
    place = page.locator("[data-weight]").nth(1)
    number, slider = place.locator("input[type=number]"), place.locator("input[type=range]")
    expect(slider).to_have_value("10")
    slider.press("ArrowRight")
    expect(number).to_have_value("11")
    number.fill("400")  # a weight is no percentage
    expect(slider).to_have_value("400")
    page.get_by_role("button", name="Change the weights now").press("Enter")
    expect(page.locator("main")).to_contain_text("new weights")
    assert bank.deployments.get().arm_weights == {"stable": 90, "next": 400}


def test_a_card_of_the_board_is_dragged_where_its_state_leads_and_nowhere_else(page: Page, desk: Desk) -> None:
    desk.open("/console/board")
    card = page.locator(".board__card")
    card.drag_to(page.locator('.board__column[data-state="retired"]'))
    assert page.url.endswith("/console/board")
    card.drag_to(page.locator('.board__column[data-state="deprecated"]'))
    page.wait_for_url("**/versions/v1/deprecate")
    desk.open("/console/board")
    card.locator("summary").press("Enter")
    card.get_by_role("link", name=re.compile("Deprecate")).press("Enter")
    page.wait_for_url("**/versions/v1/deprecate")


def test_a_policy_is_dragged_to_an_operation_and_moved_back_by_its_button(
    page: Page, desk: Desk, bank: APIVersion
) -> None:
    services.save_revision(version=bank, by=TESTER, policies=[SIZE, LIMIT])
    desk.open("/console/apis/bank/versions/v1/flow?operation=GET+%2Faccounts")
    block = page.locator(".flowedit__block[draggable]", has_text="Rate limit")
    zone = page.locator('.flowedit__zone[data-to="operation"]')
    expect(zone).to_be_hidden()
    box = block.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 30, steps=4)
    expect(zone).to_be_visible()
    zone.hover()
    zone.hover()
    page.mouse.up()
    expect(page.locator("main")).to_contain_text("Saved as revision 3")
    assert bank.revisions.first().policies[-1]["rate-limit"]["operations"] == ["GET /accounts"]  # type: ignore[union-attr]
    page.get_by_role("button", name="For all operations").press("Enter")
    expect(page.locator("main")).to_contain_text("Saved as revision 4")
    assert "operations" not in bank.revisions.first().policies[-1]["rate-limit"]  # type: ignore[union-attr]


def test_the_editor_marks_lines_and_goes_to_them(page: Page, desk: Desk, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, document=catalog.openapi())
    desk.open("/console/apis/bank/versions/v1/editor")
    link = page.locator("#margin [data-goto]").first
    line = int(link.get_attribute("data-goto") or 0)
    rows = page.locator(".editor__lines span")
    expect(rows).to_have_count(len(catalog.openapi().split("\n")))
    expect(rows.nth(line - 1)).to_have_class(re.compile("is-(error|warning|hint)"))
    link.press("Enter")
    expect(page.locator("#id_text")).to_be_focused()
    chosen = page.locator("#id_text").evaluate("(text) => text.value.slice(text.selectionStart, text.selectionEnd)")
    assert chosen == catalog.openapi().split("\n")[line - 1]
    page.keyboard.type("x: 1\n")
    expect(rows).to_have_count(len(catalog.openapi().split("\n")) + 1)


PREVIEWED = """\
openapi: 3.1.0
info: {title: Bank, version: '1', description: All of it.}
paths:
  /accounts:
    get:
      summary: List accounts
      responses:
        '200': {description: The accounts.}
        '404': {description: There is none.}
  /cards:
    post: {summary: Make a card, responses: {'201': {description: made}}}
"""


def test_the_preview_follows_the_cursor_and_keeps_what_could_be_read(page: Page, desk: Desk, bank: APIVersion) -> None:
    services.save_revision(version=bank, by=TESTER, document=PREVIEWED)
    desk.open("/console/apis/bank/versions/v1/editor")
    title, text = page.locator(".preview__title"), page.locator("#id_text")
    expect(title).to_have_text("List accounts")
    text.focus()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    expect(title).to_have_text("Make a card")
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    expect(title).to_have_text("List accounts")
    fold = page.locator("#preview-body details").filter(has_text="404")
    fold.locator("summary").click()
    text.focus()
    page.keyboard.press("End")
    page.keyboard.type(" [")
    expect(page.locator("#preview-state")).to_contain_text("Not up to date")
    expect(title).to_have_text("List accounts")
    for _ in range(2):
        page.keyboard.press("Backspace")
    expect(page.locator("#preview-state")).not_to_contain_text("Not up to date")
    expect(fold).to_have_attribute("open", "")


def test_the_outline_and_the_tabs_go_by_keyboard_on_a_phone(
    page: Page, desk: Desk, bank: APIVersion, check_accessibility: Check
) -> None:
    services.save_revision(version=bank, by=TESTER, document=PREVIEWED)
    page.set_viewport_size({"width": 360, "height": 740})
    desk.open("/console/apis/bank/versions/v1/editor")
    expect(page.locator("#preview")).to_be_hidden()
    page.get_by_role("tab", name="Source").press("ArrowRight")
    expect(page.locator("#id_text")).to_be_hidden()
    expect(page.get_by_role("tab", name="Preview")).to_be_focused()
    page.locator(".outline > summary").press("Enter")
    page.locator("#find").press_sequentially("card")
    expect(page.locator(".outline__item[data-number]")).to_have_count(2)
    page.locator(".outline__item", has_text="/cards").press("Enter")
    expect(page.locator(".preview__title")).to_have_text("Make a card")
    expect(page.locator("#preview-body")).to_be_focused()
    page.get_by_role("button", name="Python").press("Enter")
    expect(page.get_by_role("button", name="Python")).to_be_focused()
    expect(page.locator("#preview-body .code-block").last).to_contain_text("import")
    check_accessibility(page)


def test_what_fails_is_said_in_sight_tried_again_and_dismissed(page: Page, desk: Desk) -> None:
    desk.complaints.expect("status of 500", "Error Code 500", "status of 429", "Error Code 429")
    desk.open("/")
    told = page.locator("#failure")
    expect(told).to_be_hidden()
    search = page.get_by_role("searchbox").first
    desk.failing["/"] = 500
    search.press_sequentially("zzz")
    expect(told).to_contain_text("The server failed at this (status 500)")
    desk.failing.clear()
    told.get_by_role("button", name="Try again").press("Enter")
    expect(page.locator("#results")).not_to_contain_text("bank")
    expect(told).to_be_hidden()
    desk.failing["/"] = 429
    search.press_sequentially("x")
    expect(told).to_contain_text("Wait some seconds")
    told.get_by_role("button", name="Dismiss").click()
    expect(told).to_be_hidden()


def test_what_takes_longer_than_a_blink_says_that_it_is_on_its_way(page: Page, desk: Desk) -> None:
    desk.open("/")
    desk.answers_after_s = 2.0
    page.get_by_role("searchbox").first.press_sequentially("b")
    waiting = page.locator("[data-late]")
    expect(waiting).to_have_attribute("aria-busy", "true")
    desk.answers_after_s = 0.0
    expect(waiting).to_have_count(0)


def test_a_sample_that_is_copied_or_tried_has_a_key_of_the_visitor(
    page: Page, desk: Desk, environment: Environment
) -> None:
    there = {"base_url": f"http://127.0.0.1:{free_ports(1)[0]}", "has_sandbox": True}
    update_environment(environment=environment, changes=there, by=TESTER)
    catalog.described(name="shop", visibility="public")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=desk.origin)
    path, sample = "/apis/shop/v1/reference/get/accounts", page.locator("#samples pre")
    copying = page.locator("#samples").get_by_role("button", name=re.compile("^Copy"))
    desk.open(path)
    expect(sample).to_contain_text("YOUR_API_KEY")
    assert not SandboxKey.objects.exists(), "looking makes none"
    copying.click()
    expect(page.locator("#live")).to_have_text("Copied")
    key = text_of(SandboxKey.objects.get())
    expect(sample).to_contain_text(key)
    assert key in page.evaluate("navigator.clipboard.readText()")
    copying.click()
    assert SandboxKey.objects.count() == 1

    desk.client.logout()
    desk.open(path)
    expect(sample).to_contain_text("YOUR_API_KEY")
    page.locator("form[hx-target='#answer']").get_by_role("button", name=re.compile("Send")).click()
    expect(sample).not_to_contain_text("YOUR_API_KEY")


def test_a_try_that_meets_no_gateway_or_no_portal_says_which(page: Page, desk: Desk, environment: Environment) -> None:
    desk.complaints.expect("status of 500", "Error Code 500")
    gone = {"base_url": f"http://127.0.0.1:{free_ports(1)[0]}", "has_sandbox": True}
    update_environment(environment=environment, changes=gone, by=TESTER)
    catalog.described(name="shop", visibility="public")
    desk.open("/apis/shop/v1/reference/get/accounts")
    form = page.locator("form[hx-target='#answer']")
    form.get_by_role("button", name=re.compile("Send")).click()
    expect(page.locator("#answer")).to_contain_text(re.compile("gateway", re.IGNORECASE))
    expect(page.locator("#failure")).to_be_hidden()
    desk.failing["/apis/shop/v1/try"] = 500
    form.get_by_role("button", name=re.compile("Send")).click()
    expect(page.locator("#failure")).to_contain_text("Try again; if it goes on")
