"""What a first visit to a page costs: at most 200 kB over the wire; how far its parts move while it loads is told."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Response

from tests.browser.conftest import LogIn, NewPage
from tests.product import Product

MOST_BYTES = 200_000
PAGES = (
    "/", "/apis/bank", "/my", "/console/", "/console/apis", "/console/apis/bank/analytics",
    "/console/analytics?range=7d", "/console/analytics/latency?range=7d",
)  # fmt: skip
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def test_a_first_visit_weighs_at_most_200_kilobytes(
    new_page: NewPage, log_in: LogIn, product: Product, record_property: Callable[[str, object], None]
) -> None:
    page = new_page()
    page.add_init_script(SHIFTS)
    log_in(page, product.admin_email, product.admin_password)
    weights = {path: _weigh(page, path, record_property) for path in PAGES}
    assert {path: weight for path, weight in weights.items() if weight > MOST_BYTES} == {}


def _weigh(page: Page, path: str, note: Callable[[str, object], None]) -> int:
    """The bytes of all that a first visit asks for."""
    answers: list[Response] = []

    def keep(answer: Response) -> None:  # playwright wants a function of Python's own
        answers.append(answer)

    page.on("response", keep)
    page.goto(path, wait_until="networkidle")
    page.remove_listener("response", keep)
    weight = sum(_bytes_of(answer) for answer in answers)
    shifted = page.evaluate("window.shifted")
    note(f"{path} kB, layout shift", f"{weight / 1000:.0f}, {shifted:.4f}")
    return weight


def _bytes_of(answer: Response) -> int:
    """What the answer's body weighs on its way, also where the browser had it already."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        return 0  # a stream has no end: its names of what changed come after the visit
    told = answer.headers.get("content-length")
    return int(told) if told else len(answer.body()) if answer.ok else 0
