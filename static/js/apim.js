// Behaviour that plain HTML lacks. Everything works without it: links and forms stay links and forms.
"use strict";

const COPIED_MS = 1600;

const live = document.getElementById("live"); // it carries the sentences in the page's language

function announce(text) {
  live.textContent = text;
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!navigator.clipboard) { // browsers offer it on https and on this machine only
    getSelection().selectAllChildren(source);
    announce(live.dataset.selected);
    return;
  }
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  button.classList.add("is-done");
  announce(live.dataset.copied);
  setTimeout(() => button.classList.remove("is-done"), COPIED_MS);
}

document.addEventListener("click", (event) => {
  const copyButton = event.target.closest("[data-copy]");
  if (copyButton) copy(copyButton);
  if (event.target.closest("[data-close]")) {
    event.preventDefault();
    event.target.closest("dialog")?.close();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// The rail is longer than most screens: the page one is on stays in sight.
{
  const place = document.querySelector(".rail nav [aria-current]");
  const nav = place?.closest("nav");
  if (nav && place.offsetTop + place.offsetHeight > nav.clientHeight) nav.scrollTop = place.offsetTop - nav.clientHeight / 2;
}
// So does the tab one is on, on narrow screens.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const tabs = tab.closest(".tabs");
  tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft + tab.offsetWidth - tabs.clientWidth;
}

// Searches that answer while one types wait for an input method: what it composes is no word yet.
document.addEventListener("input", (event) => {
  if (event.isComposing && event.target.matches("input[type=search]")) event.stopImmediatePropagation();
}, true);
document.addEventListener("compositionend", (event) => {
  if (event.target.matches("input[type=search]")) event.target.dispatchEvent(new Event("input", { bubbles: true }));
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

// Polling stops while nobody looks, and while the keyboard is inside: a swap would take the focus away. While a stream
// tells what is new (live.js), the clock asks but rarely, for what only time changes, such as `3 s ago`.
const RARELY_MS = 15000;
const askedAt = new Map();
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  const cause = requestConfig.triggeringEvent?.type ?? "clock";
  const { live } = elt.dataset;
  if (cause !== "live" && !(cause === "clock" && elt.getAttribute("hx-trigger")?.includes("every"))) return;
  const isTold = live && "isLive" in document.documentElement.dataset && cause === "clock";
  const isEarly = isTold && performance.now() - (askedAt.get(live) ?? -Infinity) < RARELY_MS;
  if (document.hidden || isEarly || elt.querySelector(":focus-visible")) {
    event.preventDefault();
    if (cause === "live") askedAt.delete(live); // so that the clock asks, once the keyboard has left
  } else if (live) askedAt.set(live, performance.now());
});

// A link with hx-target="#dialog-body" opens its page in the one dialog.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "dialog-body") return;
  const dialog = document.getElementById("dialog");
  if (!dialog.open) dialog.showModal();
});

// A swapped piece may bring its own heading to go to, or a sentence to read out.
document.addEventListener("htmx:afterSettle", (event) => {
  event.detail.elt.querySelector?.("[data-focus]")?.focus();
  const spoken = event.detail.elt.querySelector?.("[data-announce]");
  if (spoken) announce(spoken.dataset.announce);
});

document.addEventListener("htmx:responseError", () => announce(live.dataset.failed));
document.addEventListener("htmx:sendError", () => announce(live.dataset.unreached));
