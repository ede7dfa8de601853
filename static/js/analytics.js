// Brush to zoom: dragged over a plot, or clicked on a step, a part of its time becomes the page's. The form of the two
// times does the same without it.
"use strict";

const NAMESPACE = "http://www.w3.org/2000/svg";

function placeOf(plot, event) {
  const box = plot.getBoundingClientRect();
  const width = plot.viewBox.baseVal.width;
  const left = Number(plot.dataset.left);
  const steps = Number(plot.dataset.steps);
  const x = ((event.clientX - box.left) / box.width) * width;
  return Math.min(Math.max((x - left) / ((width - left) / steps), 0), steps);
}

function stamp(plot, place, begin = plot.dataset.since) {
  const since = Date.parse(begin);
  return new Date(since + place * Number(plot.dataset.step) * 1000).toISOString().slice(0, 16);
}

function draw(plot, rect, from, to) {
  const left = Number(plot.dataset.left);
  const slot = (plot.viewBox.baseVal.width - left) / Number(plot.dataset.steps);
  rect.setAttribute("x", left + Math.min(from, to) * slot);
  rect.setAttribute("width", Math.abs(to - from) * slot);
}

function zoom(plot, from, to) {
  const first = Math.floor(Math.min(from, to));
  const last = Math.max(Math.ceil(Math.max(from, to)), first + 1);
  const isWhole = last - first >= Number(plot.dataset.steps);
  const isFinest = last - first === 1 && Number(plot.dataset.step) <= 60;
  if (isWhole || isFinest) return;
  const url = new URL(location.href);
  url.searchParams.delete("range");
  url.searchParams.set("from", stamp(plot, first));
  url.searchParams.set("to", stamp(plot, last));
  if (plot.dataset.beside) url.searchParams.set("a_from", stamp(plot, first, plot.dataset.beside)); // the same part of both
  location.assign(url);
}

for (const plot of document.querySelectorAll("svg[data-brush]")) {
  plot.classList.add("is-brushed");
  plot.addEventListener("pointerdown", (down) => {
    if (down.button !== 0 || down.pointerType === "touch") return;
    down.preventDefault();
    const from = placeOf(plot, down);
    let to = from;
    const rect = document.createElementNS(NAMESPACE, "rect");
    rect.setAttribute("class", "plot__brush");
    rect.setAttribute("y", 0);
    rect.setAttribute("height", plot.viewBox.baseVal.height);
    plot.append(rect);
    plot.setPointerCapture(down.pointerId);
    const move = (event) => {
      to = placeOf(plot, event);
      draw(plot, rect, from, to);
    };
    const end = (event) => {
      plot.removeEventListener("pointermove", move);
      plot.removeEventListener("pointerup", end);
      plot.removeEventListener("pointercancel", end);
      rect.remove();
      if (event.type === "pointerup") zoom(plot, from, to);
    };
    plot.addEventListener("pointermove", move);
    plot.addEventListener("pointerup", end);
    plot.addEventListener("pointercancel", end);
  });
}
