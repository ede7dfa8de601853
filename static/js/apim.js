// Behaviour that plain HTML lacks. Everything works without it: links and forms stay links and forms.
"use strict";

const COPIED_MS = 1600;

const live = document.getElementById("live"); // it carries the sentences in the page's language

function announce(text) {
  live.textContent = text;
}

// A sample without a key is given one of the visitor's own before it is copied: who copies it means to call.
async function withKey(button) {
  const form = button.closest("[data-keyless]")?.querySelector("form");
  if (!form) return button;
  await htmx.ajax("POST", form.action, { source: form, target: "#samples", select: "#samples", swap: "outerHTML" });
  return document.querySelector(`[data-copy="${button.dataset.copy}"]`) ?? button;
}

async function copy(pressed) {
  const button = await withKey(pressed);
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

// What failed is said in sight, with what to do about it: the same request once more, or going on without. Parts that ask
// by themselves come again anyway, so of these one that was dismissed stays quiet until it has worked.
const failure = document.getElementById("failure");
const dismissed = new WeakSet();
let failed = null;

const asksByItself = (elt) => "live" in elt.dataset || Boolean(elt.getAttribute("hx-trigger")?.includes("every"));

function tellFailure({ elt, requestConfig, target }, words) {
  if (dismissed.has(elt)) return;
  const { old } = failure.dataset;
  const told = asksByItself(elt) ? `${old} ${words}` : words;
  const body = failure.querySelector("p");
  failed = { elt, requestConfig, target };
  (document.querySelector("dialog:modal") ?? document.body).append(failure); // what is behind a dialog cannot be pressed
  failure.hidden = false;
  if (body.textContent !== told) body.textContent = told; // and is read out once
}

function hideFailure() {
  failure.hidden = true;
  failure.querySelector("p").textContent = "";
  failed = null;
}

function ask({ elt, requestConfig, target }) {
  if (!elt.isConnected) return location.reload();
  askedAt.delete(elt.dataset.live);
  if (elt.matches("form")) {
    const { submitter } = requestConfig.triggeringEvent ?? {};
    return elt.requestSubmit(submitter?.isConnected ? submitter : null);
  }
  return htmx.ajax(requestConfig.verb, requestConfig.path, { source: elt, target });
}

document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  const { busy, failed: broken, refused } = failure.dataset;
  const words = status === 429 ? busy : status >= 500 ? broken : refused;
  tellFailure(event.detail, words.replace("{status}", status));
});
document.addEventListener("htmx:sendError", (event) => tellFailure(event.detail, failure.dataset.unreached));
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful) return;
  dismissed.delete(detail.elt);
  if (failed?.elt === detail.elt) hideFailure();
});
failure.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !failed) return;
  const request = failed;
  if (button.matches("[data-again]")) ask(request);
  else if (asksByItself(request.elt)) dismissed.add(request.elt);
  hideFailure();
});

// Where an answer takes longer than a blink, its place says that it is on its way.
const LATE_MS = 300;
const waiting = new WeakMap();
document.addEventListener("htmx:beforeSend", ({ detail: { elt, target, xhr } }) => {
  if (asksByItself(elt)) return;
  waiting.set(xhr, setTimeout(() => {
    target.dataset.late = live.dataset.loading;
    target.setAttribute("aria-busy", "true");
  }, LATE_MS));
});
document.addEventListener("htmx:afterRequest", ({ detail: { target, xhr } }) => {
  clearTimeout(waiting.get(xhr));
  target.removeAttribute("aria-busy");
  delete target.dataset.late;
});
