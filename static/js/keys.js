// Single letters: g and a letter goes somewhere, / searches, j and k walk through rows, ? tells all.
// They do nothing while somebody types or composes, and can be switched off on the page of the keys.
"use strict";
{
  const PATIENCE_MS = 1500;
  const SEARCH = "main input[type=search]";
  const palette = document.getElementById("palette");
  let goingSince = -Infinity;

  const isShown = (element) => element?.checkVisibility();

  // The first link of each row of tables and lists, top to bottom.
  function rows() {
    const found = document.querySelectorAll("main :is(tbody tr, .list > li, .cards > *, .found > li)");
    return [...found].map((row) => (row.matches("a[href]") ? row : row.querySelector("a[href]"))).filter(isShown);
  }

  function walk(by) {
    const links = rows();
    const at = links.findIndex((link) => link === document.activeElement);
    const next = at < 0 ? links[by > 0 ? 0 : links.length - 1] : links[at + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  const acts = {
    "?": () => htmx.ajax("GET", palette.dataset.keys, "#dialog-body"),
    "/": () => {
      const search = [...document.querySelectorAll(SEARCH)].find(isShown);
      if (search) search.focus();
      else document.querySelector("[data-palette]")?.click();
    },
    g: (event) => { goingSince = event.timeStamp; },
    j: () => walk(1),
    k: () => walk(-1),
  };

  document.addEventListener("keydown", (event) => {
    if (!palette || event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
    if (document.cookie.split("; ").includes("keys=off")) return;
    const isGoing = event.timeStamp - goingSince < PATIENCE_MS;
    goingSince = -Infinity;
    if (isGoing && /^[a-z]$/.test(event.key)) {
      event.preventDefault();
      location.assign(palette.dataset.go.replace("-", event.key));
    } else if (acts[event.key]) {
      event.preventDefault();
      acts[event.key](event);
    }
  });
}
