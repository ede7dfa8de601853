// The palette: finds places, things and acts by a few letters. Its button is a link to the search page without this.
"use strict";
{
  const PAUSE_MS = 150;
  const dialog = document.getElementById("palette");
  const input = dialog?.querySelector("input");
  const part = (name) => dialog.querySelector(`[data-part=${name}]`);
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  let waiting = 0;
  let asked = null;

  const choices = () => [...dialog.querySelectorAll("[role=option]")];

  function choose(option) {
    for (const each of choices()) each.setAttribute("aria-selected", String(each === option));
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  async function ask() {
    asked?.abort();
    asked = new AbortController();
    const query = new URLSearchParams({ q: input.value, next: location.pathname + location.search });
    try {
      const answer = await fetch(`${dialog.dataset.options}?${query}`, { signal: asked.signal });
      if (!answer.ok) throw new TypeError(answer.statusText);
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const name of ["told", "options", "forms"]) {
        part(name).replaceChildren(...found.querySelector(`[data-part=${name}]`).childNodes);
      }
      choose(choices()[0]);
    } catch (error) {
      if (error.name !== "AbortError") part("told").textContent = dialog.dataset.failed;
    }
  }

  function askSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE_MS);
  }

  function open() {
    if (document.querySelector("dialog[open]")) return;
    dialog.showModal();
    input.select();
    ask();
  }

  function step(by) {
    const all = choices();
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (all.length) choose(all[(at + by + all.length) % all.length]);
  }

  document.addEventListener("keydown", (event) => {
    if (!dialog || event.isComposing || event.keyCode === 229) return; // the input method's key
    const isCommand = isMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
    if (isCommand && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    } else if (event.target === input && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    } else if (dialog.open && event.key === "Escape") {
      event.preventDefault();
      dialog.close();
    } else if (event.target === input && event.key === "Enter") {
      const chosen = dialog.querySelector("[role=option][aria-selected=true]");
      if (chosen) {
        event.preventDefault();
        chosen.click();
      }
    }
  });

  input?.addEventListener("input", (event) => {
    if (!event.isComposing) askSoon();
  });
  input?.addEventListener("compositionend", askSoon);

  document.addEventListener("click", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (dialog && isPlain && event.target.closest("[data-palette]")) {
      event.preventDefault();
      open();
    } else if (event.target === dialog || event.target.closest("#palette a[role=option]")) {
      dialog.close(); // beside it; or on the way to a place of this very page
    }
  });

  if (isMac) for (const each of document.querySelectorAll("[data-command-key]")) each.textContent = "⌘";
}
