"""PageTrust: which pages of access records are believed.

Owns: what the signature of a page decides. A page that came by the push channel must be signed: whoever can write there
is not the control plane yet. An answer that is signed must be signed well; one that is not came from a control plane of
the release before, which signs none, over the connection that the gateway opened itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gateway_sync.runtime.access_state import AccessPage, AccessTaken
from gateway_sync.runtime.credentials import Credentials

FORGED: Final = "access.E002"
TOLD_S: Final = 3600.0


class PageTrust:
    """What one gateway believes."""

    def __init__(
        self,
        credentials: Credentials,
        tell: Callable[[str, str], None],
        problems: dict[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """tell is given the code and the words of a problem; problems are those that are told."""
        self._credentials = credentials
        self._tell = tell
        self._problems = problems
        self._clock = clock
        self._forged_at = 0.0
        self._is_signing = False  # the control plane signs, as its last answer with records showed

    def judge(self, page: AccessPage, environment: str, *, is_pushed: bool) -> AccessTaken | None:
        """None when the page may be taken; else what becomes of it: nothing, or a question to the control plane."""
        if FORGED in self._problems and self._clock() - self._forged_at > TOLD_S:
            del self._problems[FORGED]
        if page.signature:
            content = page.signed_content(self._credentials.environment or environment)
            if not self._credentials.vouches(content, page.signature):
                return self._refused(is_pushed=is_pushed)
            self._is_signing = self._is_signing or not is_pushed
            return None
        if is_pushed:
            return self._refused(is_pushed=True) if self._is_signing else AccessTaken(is_incomplete=True)
        if page.is_full or page.upto > page.after:
            self._is_signing = False
        return None

    def _refused(self, *, is_pushed: bool) -> AccessTaken:
        self._forged_at = self._clock()
        if is_pushed:
            self._tell(
                FORGED,
                "Access records that were pushed are not signed by the control plane, and were not taken: somebody else"
                " can write to the push channel in Redis.",
            )
            return AccessTaken()
        self._tell(FORGED, "Access records that were answered are not signed by the control plane, and were not taken.")
        return AccessTaken(is_refused=True)
