"""FrameCredit: how many frames that ask for nothing a caller of HTTP/2 may send."""

from __future__ import annotations

MOST = 200.0  # in advance
A_SECOND = 20.0


class FrameCredit:
    """Resets, pings, settings and empty data cost work and bring nothing: rapid reset (CVE-2023-44487) and its kin."""

    __slots__ = ("_at_s", "_left")

    def __init__(self, now_s: float) -> None:
        """All that may be had in advance."""
        self._left = MOST
        self._at_s = now_s

    def spend(self, now_s: float) -> bool:
        """True when one more such frame is borne."""
        self._left = min(MOST, self._left + (now_s - self._at_s) * A_SECOND) - 1
        self._at_s = now_s
        return self._left >= 0
