// A slider beside each weight of a canary. The number stays what is sent; the slider follows it and moves it.
"use strict";

const MOST = 100;

for (const place of document.querySelectorAll("[data-weight]")) {
  const number = place.querySelector("input[type=number]");
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = Math.max(MOST, Number(number.value));
  slider.value = number.value;
  slider.setAttribute("aria-label", place.querySelector("label").textContent.trim());
  number.after(slider);
  slider.addEventListener("input", () => {
    number.value = slider.value;
  });
  number.addEventListener("input", () => {
    slider.max = Math.max(Number(slider.max), Number(number.value));
    slider.value = number.value;
  });
}
