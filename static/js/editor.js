// The document editor: line numbers with marks where lint found something, the way from a finding to its line, and the
// preview that follows the cursor. Without this the page works by its buttons.
"use strict";

{ // other scripts of the page have names of their own
  const TYPED_MS = 300;
  const MOVED_MS = 80;
  const form = document.querySelector(".editor");
  const text = document.getElementById("id_text");
  const lines = document.querySelector(".editor__lines");
  const preview = document.getElementById("preview");
  const page = document.getElementById("preview-body");
  const find = document.getElementById("find");
  const WORST = ["error", "warning", "hint"];

  // The numbers and their marks.

  function marks() {
    const found = new Map();
    for (const item of document.querySelectorAll("#margin [data-line]")) {
      const line = Number(item.dataset.line);
      const before = found.get(line);
      if (!before || WORST.indexOf(item.dataset.severity) < WORST.indexOf(before)) found.set(line, item.dataset.severity);
    }
    return found;
  }

  function count() {
    const wanted = text.value.split("\n").length;
    const rows = document.createDocumentFragment();
    for (let number = lines.childElementCount + 1; number <= wanted; number += 1) {
      const row = document.createElement("span");
      row.textContent = number;
      rows.append(row);
    }
    lines.append(rows);
    while (lines.childElementCount > wanted) lines.lastElementChild.remove();
    lines.scrollTop = text.scrollTop;
  }

  function mark() {
    for (const row of lines.querySelectorAll("[class]")) row.removeAttribute("class");
    for (const [line, severity] of marks()) {
      if (lines.children[line - 1]) lines.children[line - 1].className = `is-${severity}`;
    }
  }

  function startOf(number) {
    let start = 0;
    for (let line = 1; line < number; line += 1) start = text.value.indexOf("\n", start) + 1;
    return start;
  }

  function scrollTo(number) {
    const height = text.scrollHeight / Math.max(1, lines.childElementCount);
    text.scrollTop = Math.max(0, (number - 4) * height);
    lines.scrollTop = text.scrollTop;
  }

  function goTo(number) {
    showTab("source");
    const start = startOf(number);
    const end = text.value.indexOf("\n", start);
    text.focus();
    text.setSelectionRange(start, end < 0 ? text.value.length : end);
    scrollTo(number);
  }

  // The preview. What is shown follows the cursor; where the operations begin was told with the last preview.

  let starts = [];
  let end = 0;
  let number = -1;
  let waiting = 0;
  let sentAt = 0;
  let tookMs = 0;
  let kept = null; // of what is about to be replaced: what is shown, how far it was read, and what is open

  const field = (name) => form.querySelector(`input[type=hidden][name=${name}]`);
  const cursorLine = () => text.value.slice(0, text.selectionStart).split("\n").length;

  function operationAt(line) {
    if (line >= end) return null; // below the paths: what is shown stays
    let found = -1;
    for (let each = 0; each < starts.length; each += 1) if (starts[each] && starts[each] <= line) found = each;
    return found;
  }

  function ask(afterMs, line = "") {
    clearTimeout(waiting);
    field("at").value = line;
    waiting = setTimeout(() => htmx.trigger(preview, "preview"), afterMs);
  }

  function heed() {
    const told = document.getElementById("preview-state").dataset;
    if ("starts" in told) {
      starts = told.starts ? told.starts.split(" ").map(Number) : [];
      end = Number(told.end);
      number = Number(told.number);
      field("shown").value = told.shown;
      if (told.language) field("language").value = told.language;
    }
    for (const item of preview.querySelectorAll(".outline__item[data-number]")) {
      item.toggleAttribute("aria-current", Number(item.dataset.number) === number);
      if (Number(item.dataset.number) === number) item.setAttribute("aria-current", "true");
    }
  }

  function moved() {
    if (document.activeElement !== text) return;
    const line = cursorLine();
    const at = operationAt(line);
    if (at !== null && at !== number) ask(MOVED_MS, line);
  }

  function choose(button) {
    const chosen = Number(button.dataset.number ?? -1);
    const line = chosen < 0 ? 0 : starts[chosen];
    if (line) {
      text.setSelectionRange(startOf(line), startOf(line));
      scrollTo(line);
    }
    field("shown").value = button.value;
    if ("number" in button.dataset) {
      button.closest("details").open = false;
      page.focus({ preventScroll: true });
    }
    ask(0);
  }

  const folds = () => [...page.querySelectorAll("details")].map((fold) => [fold.firstElementChild.firstElementChild.textContent, fold.open]);

  function keep() {
    const { activeElement: active } = document;
    kept = {
      shown: kept?.shown ?? field("shown").value,
      top: page.scrollTop,
      folds: new Map(folds()),
      focused: page.contains(active) && active !== page ? active.closest("[name]")?.name || active.id : "",
    };
  }

  function restore() {
    const shown = document.getElementById("preview-state").dataset.shown ?? field("shown").value;
    if (!kept || kept.shown !== shown) page.scrollTop = 0;
    else {
      for (const fold of page.querySelectorAll("details")) fold.open = kept.folds.get(fold.firstElementChild.firstElementChild.textContent) ?? fold.open;
      page.scrollTop = kept.top;
    }
    if (kept?.focused) (page.querySelector(`[name="${kept.focused}"][aria-current]`) ?? document.getElementById(kept.focused))?.focus({ preventScroll: true });
    kept = { shown };
  }

  // Two tabs, where there is no room for both sides.

  function showTab(name) {
    form.dataset.tab = name;
    for (const tab of form.querySelectorAll("[role=tab]")) {
      const isChosen = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
    }
  }

  if (text && lines) {
    form.classList.add("has-lines");
    showTab("source");
    count();
    mark();
    kept = { shown: field("shown").value };
    heed();
    text.addEventListener("input", () => {
      count();
      ask(Math.max(TYPED_MS, 1.5 * tookMs), cursorLine()); // slow answers are asked for more seldom
    });
    text.addEventListener("scroll", () => {
      lines.scrollTop = text.scrollTop;
    });
    for (const cause of ["keyup", "pointerup"]) text.addEventListener(cause, moved);
    find.addEventListener("input", () => ask(TYPED_MS));
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
    form.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.name === "show") {
        event.preventDefault();
        choose(button);
      } else if (button?.name === "speak") {
        event.preventDefault();
        field("language").value = button.value;
        ask(0);
      } else if (button?.role === "tab") showTab(button.id.replace("tab-", ""));
    });
    form.addEventListener("keydown", (event) => {
      if (event.target.role !== "tab" || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const other = form.querySelector("[role=tab][aria-selected=false]");
      showTab(other.id.replace("tab-", ""));
      other.focus();
    });
    preview.addEventListener("htmx:beforeSend", () => {
      sentAt = performance.now();
    });
    preview.addEventListener("htmx:afterRequest", () => {
      tookMs = performance.now() - sentAt;
    });
    page.addEventListener("htmx:beforeSwap", keep);
    page.addEventListener("htmx:afterSwap", restore);
    document.addEventListener("htmx:oobAfterSwap", heed);
    document.addEventListener("htmx:afterSettle", mark);
    document.addEventListener("click", (event) => {
      const link = event.target.closest("[data-goto]");
      if (!link) return;
      event.preventDefault();
      goTo(Number(link.dataset.goto));
    });
  }
}
