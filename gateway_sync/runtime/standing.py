"""Standing: what the control plane orders of this gateway, told as the answer to each report.

Owns: whether it drains, which a restart must not forget, and the change of its credential. What it is not told, or
cannot read, changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown
from gateway_sync.runtime.credentials import Doors, KeptDoors
from gateway_sync.wire_values import read_body

logger = logging.getLogger(__name__)

_DRAINING: Final = "draining"


class Orders(msgspec.Struct, frozen=True):
    """The answer to a report. Shapes: None = not said, by a control plane of an earlier release."""

    is_draining: bool | None = None
    is_rotating: bool = False


_ORDERS = msgspec.json.Decoder(Orders)
_TOKEN = msgspec.json.Decoder(dict[str, str])


class Standing:
    """How this gateway stands with its control plane."""

    def __init__(self, home: Path, control: ControlPlane, doors: Callable[[], Doors]) -> None:
        """Reads whether it was draining when it ended. Credentials that no file holds are never changed."""
        self._mark = home / _DRAINING
        self._control = control
        self._doors = doors if isinstance(doors, KeptDoors) else None
        self.is_draining = self._mark.exists()

    async def hear(self, answer: bytes) -> None:
        """Do what the answer to a report orders."""
        try:
            orders = read_body(_ORDERS.decode, answer)
        except ValueError as error:
            logger.warning("the answer to a report could not be read: %s", error)
            return
        if orders.is_draining is not None and orders.is_draining != self.is_draining:
            self._drain(is_draining=orders.is_draining)
        if orders.is_rotating and self._doors is not None:
            await asyncio.to_thread(self._rotate, self._doors)

    def _drain(self, *, is_draining: bool) -> None:
        logger.info("draining: not ready for new callers" if is_draining else "ready for callers again")
        self.is_draining = is_draining
        try:
            if is_draining:
                self._mark.touch()
            else:
                self._mark.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("that this gateway drains could not be kept: %s", error)

    def _rotate(self, doors: KeptDoors) -> None:
        """Fetch another token and use it; the one before works until then, so whatever fails is tried again."""
        try:
            token = read_body(_TOKEN.decode, self._control.post("credential", b"{}")).get("token", "")
            if token:
                doors.use(token)
                logger.info("this gateway's credential was changed")
        except (ControlPlaneDown, OSError, ValueError) as error:
            logger.warning("the credential could not be changed: %s", error)
