"""The widths that pages are looked at in, and what does not fit one."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize

from tests.waiting import wait_until

WIDE = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=360, height=740)
ZOOMED = ViewportSize(width=320, height=640)  # a page of 1280 px at 400 %, WCAG 1.4.10
# What goes beyond the edge, with all menus open; and what scrolls sideways, or is cut off, though it is no table, code
# or picture in a place of its own.
OVERFLOWING = """() => {
  const nameOf = (element) => `${element.tagName.toLowerCase()}#${element.id}.${element.classList}`;
  const isHidden = (element) => element.clientWidth <= 1 || getComputedStyle(element).clipPath !== "none";
  const menus = [...document.querySelectorAll("details.menu:not([open])")];
  for (const menu of menus) menu.open = true;
  const boxes = [...document.querySelectorAll("body *")].filter(
    (each) => each.getClientRects().length && each.checkVisibility() && !each.closest("svg *"));
  const keeping = new Set(boxes.filter((each) => getComputedStyle(each).overflowX !== "visible"));
  const isKept = (element) => {
    for (let each = element.parentElement; each; each = each.parentElement) if (keeping.has(each)) return true;
    return false;
  };
  const isTable = (each) => getComputedStyle(each).display === "table";  // and no list of cards, as on phones
  const isWide = (each) => each.matches("pre, code, textarea, input, select, table")
    || each.querySelector("svg:not(.icon)") !== null
    || [...each.querySelectorAll("pre")].some((pre) => !keeping.has(pre))
    || [...each.querySelectorAll("table")].some(isTable);
  const sideways = [...keeping].filter(
    (each) => each.scrollWidth > each.clientWidth + 1 && !isHidden(each) && !isWide(each)
      && getComputedStyle(each).textOverflow !== "ellipsis");
  const beyond = boxes.filter((each) => {
    const { left, right } = each.getBoundingClientRect();
    return (right > innerWidth + 1 || left < -1) && !isHidden(each) && !isKept(each);
  });
  const found = [
    ...sideways.map((each) => `scrolls sideways: ${nameOf(each)}`),
    ...beyond.slice(0, 3).map((each) => `beyond the edge: ${nameOf(each)} at ${each.getBoundingClientRect().left}`),
  ];
  for (const menu of menus) menu.open = false;
  return found;
}"""

# The same with one long word for each text in lists of cards: names, paths and addresses are as long as people make
# them. Buttons, badges, times and numbers say what we make them say.
OVERFLOWING_OF_LONG_WORDS = f"""() => {{
  const ours = "button, .button, .badge, time, select, label, details.menu, svg, .number, .visually-hidden";
  const texts = [...document.querySelectorAll("main .table--cards tbody :is(td, th)")].flatMap((cell) => {{
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    return found.filter((text) => text.data.trim() && !text.parentElement.closest(ours));
  }});
  const said = texts.map((text) => text.data);
  for (const text of texts) text.data = "unbreakable".repeat(8);
  const found = ({OVERFLOWING})();
  texts.forEach((text, number) => {{ text.data = said[number]; }});
  return found;
}}"""


def narrow(page: Page) -> None:
    """The page at 400 % zoom, where it does not scroll sideways. A busy browser may lay it out a moment later.

    Nor would it if what people named were one long word.
    """
    page.set_viewport_size(ZOOMED)
    # Not wait_for_function: it asks a second time by eval, which our pages forbid.
    wait_until(
        lambda: bool(page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]),
        f"{page.url} no wider than {ZOOMED['width']} px",
    )
    found = page.evaluate(OVERFLOWING)
    assert not found, f"{page.url}: {found}"
    found = page.evaluate(OVERFLOWING_OF_LONG_WORDS)
    assert not found, f"{page.url} with long words: {found}"
