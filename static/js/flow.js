// Blocks of a request flow dragged to another scope. The buttons of each block do the same without it.
"use strict";

const MOVED = "application/x-apim-block";
const zones = document.querySelector(".flowedit__zones");

function submit(block, { act, to }) {
  const form = block.querySelector("form");
  if (to) form.elements.to.value = to;
  form.requestSubmit(form.querySelector(`button[value="${act}"]`));
}

function canTake(zone, block) {
  if (zone.dataset.act) return true;
  return zone.dataset.to !== block.dataset.scope && block.querySelector('button[value="move"]') !== null;
}

let dragged = null;

for (const block of document.querySelectorAll(".flowedit__block[draggable]")) {
  block.addEventListener("dragstart", (event) => {
    dragged = block;
    event.dataTransfer.setData(MOVED, block.dataset.index);
    event.dataTransfer.effectAllowed = "move";
    zones.hidden = false;
    for (const zone of zones.children) zone.hidden = !canTake(zone, block);
  });
  block.addEventListener("dragend", () => {
    dragged = null;
    zones.hidden = true;
  });
}

for (const zone of zones ? zones.children : []) {
  zone.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes(MOVED)) event.preventDefault();
  });
  zone.addEventListener("dragenter", () => zone.classList.add("is-over"));
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (dragged) submit(dragged, { act: zone.dataset.act ?? "move", to: zone.dataset.to });
  });
}
