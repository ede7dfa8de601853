// Line numbers beside the document's text, marks where lint found something, and the way from a finding to its line.
"use strict";

const text = document.getElementById("id_text");
const lines = document.querySelector(".editor__lines");
const WORST = ["error", "warning", "hint"];

function marks() {
  const found = new Map();
  for (const item of document.querySelectorAll("#margin [data-line]")) {
    const line = Number(item.dataset.line);
    const before = found.get(line);
    if (!before || WORST.indexOf(item.dataset.severity) < WORST.indexOf(before)) found.set(line, item.dataset.severity);
  }
  return found;
}

function draw() {
  const count = text.value.split("\n").length;
  const found = marks();
  const rows = document.createDocumentFragment();
  for (let number = 1; number <= count; number += 1) {
    const row = document.createElement("span");
    row.textContent = number;
    if (found.has(number)) row.className = `is-${found.get(number)}`;
    rows.append(row);
  }
  lines.replaceChildren(rows);
  lines.scrollTop = text.scrollTop;
}

function goTo(number) {
  const rows = text.value.split("\n");
  const start = rows.slice(0, number - 1).reduce((sum, row) => sum + row.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (rows[number - 1] ?? "").length);
  const height = text.scrollHeight / rows.length;
  text.scrollTop = Math.max(0, (number - 4) * height);
  lines.scrollTop = text.scrollTop;
}

if (text && lines) {
  document.querySelector(".editor").classList.add("has-lines");
  draw();
  text.addEventListener("input", draw);
  text.addEventListener("scroll", () => {
    lines.scrollTop = text.scrollTop;
  });
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-goto]");
    if (!link) return;
    event.preventDefault();
    goTo(Number(link.dataset.goto));
  });
}
