"""A file that keeps the server's objects over a restart."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.stripe_server.state import State

_EVERY_S = 0.5
_KEPT = ("objects", "idempotency", "settings", "offset", "sent")


@dataclass(slots=True)
class Saved:
    """Writes the file a moment after a change."""

    state: State
    path: Path
    is_due: bool = False

    def save(self) -> None:
        """Replace the file, whole."""
        with self.state.lock:
            self.is_due = False
            modes = {
                str(live): {name: getattr(mode, name) for name in _KEPT} for live, mode in self.state.modes.items()
            }
            text = json.dumps(modes)
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)  # noqa: PTH105 -- atomic, and named so


def attach(state: State, path: Path) -> None:
    """Take up what the file holds, and keep it current from now on."""
    if path.exists():
        for live, kept in json.loads(path.read_text()).items():
            for name, value in kept.items():
                setattr(state.modes[live == "True"], name, value)
    state.saved = Saved(state, path)
    threading.Thread(target=_write, args=(state.saved,), daemon=True).start()


def _write(saved: Saved) -> None:
    pause = threading.Event()
    while not pause.wait(_EVERY_S):
        if saved.is_due:
            saved.save()
