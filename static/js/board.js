// Cards of the board dragged to a column that their state leads to. It opens the same page as the card's list of moves.
"use strict";

let dragged = null;

function linkTo(card, state) {
  return card.querySelector(`a[data-to="${state}"]`);
}

for (const card of document.querySelectorAll(".board__card[draggable]")) {
  card.addEventListener("dragstart", (event) => {
    dragged = card;
    event.dataTransfer.setData("text/plain", card.id);
    event.dataTransfer.effectAllowed = "move";
    for (const column of document.querySelectorAll(".board__column")) {
      column.classList.toggle("is-open", linkTo(card, column.dataset.state) !== null);
    }
  });
  card.addEventListener("dragend", () => {
    dragged = null;
    for (const column of document.querySelectorAll(".is-open")) column.classList.remove("is-open");
  });
}

for (const column of document.querySelectorAll(".board__column")) {
  column.addEventListener("dragover", (event) => {
    if (dragged && linkTo(dragged, column.dataset.state)) event.preventDefault();
  });
  column.addEventListener("drop", (event) => {
    const link = dragged && linkTo(dragged, column.dataset.state);
    if (!link) return;
    event.preventDefault();
    location.assign(link.href);
  });
}
