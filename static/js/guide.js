// A copy button on each block of code of a guide.
"use strict";

const template = document.getElementById("copy-code");
for (const [index, block] of document.querySelectorAll(".prose pre").entries()) {
  block.id ||= `code-${index + 1}`;
  block.tabIndex = 0; // wide ones scroll, also by keyboard
  const frame = document.createElement("div");
  frame.className = "code-with-copy";
  block.replaceWith(frame);
  frame.append(template.content.cloneNode(true), block);
  frame.querySelector("[data-copy]").dataset.copy = block.id;
}
