"""Compositions: the composite operations under way in one worker: how many there may be, and what is told of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import Refusal
from gateway_sync.runtime.composed_call import ComposedCall, caller_of
from gateway_sync.runtime.composition_journal import OVER, CompositionJournal
from gateway_sync.runtime.logs import of_request
from gateway_sync.runtime.stats import (
    COMPOSITES,
    COMPOSITES_INTERRUPTED,
    COMPOSITES_NOT_UNDONE,
    COMPOSITES_REFUSED,
    COMPOSITES_UNDONE,
    UPSTREAM_ERRORS,
)

if TYPE_CHECKING:
    from gateway_sync.compositions import Composite
    from gateway_sync.runtime.core.composed_outcomes import Outcome
    from gateway_sync.runtime.core.index import VersionEntry
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.serving import Serving

logger = logging.getLogger(__name__)

_OF_CALLERS: Final = ("invalid-request", "client-closed")  # no service failed


class Compositions:
    """The composite operations under way in one worker."""

    def __init__(self, serving: Serving, journal: CompositionJournal) -> None:
        """None is under way; what earlier workers of the slot left unfinished is told."""
        self._serving = serving
        self._journal = journal
        self._is_complaining = False
        self.under_way: set[ComposedCall] = set()
        for left in journal.take_interrupted():
            serving.stats[COMPOSITES_INTERRUPTED] += 1
            logger.error("a composite operation was interrupted by the end of its worker; nobody undoes it: %s", left)

    def takes(self, exchange: Exchange, version: VersionEntry) -> bool:
        """True when the admitted request is one of a composite operation, which is served or refused then."""
        route = exchange.admission.route
        composite = version.composites.get(route.id) if route is not None else None
        if composite is not None:
            self._begin(exchange, version, composite)
        return composite is not None

    def _begin(self, exchange: Exchange, version: VersionEntry, composite: Composite) -> None:
        """Serve it, unless as many as there may be are under way, in all or of one caller.

        Who leaves frees no place before all is undone: without a share, calling and leaving would take the places of
        everybody, whatever the caller's other limits.
        """
        serving, most = self._serving, self._serving.bounds.composites
        own = sum(call.caller == caller_of(exchange) for call in self.under_way)
        if len(self.under_way) >= most or own >= (most + 1) // 2:
            serving.stats[COMPOSITES_REFUSED] += 1
            detail = "Too many composite operations are under way."
            exchange.refuse(Refusal("overloaded", detail, (b"Retry-After: 1",)))
            return
        serving.stats[COMPOSITES] += 1
        call = ComposedCall(exchange, version, composite, self)
        self.under_way.add(call)
        exchange.attempts = call
        call.start()

    def close(self) -> None:
        """The worker ends."""
        self._journal.close()

    def note(self, event: str, call: ComposedCall, step: str = "") -> None:
        """Write down what happens, so that it is known should this process be killed. Errors: none."""
        self._write(lambda: self._journal.note(event, call.request_id, call.operation, step))

    def _close(self, call: ComposedCall) -> None:
        self.note(OVER, call)
        self.under_way.discard(call)
        if not self.under_way:
            self._write(self._journal.clear)

    def _write(self, act: Callable[[], None]) -> None:
        """Write to the journal. A full disk must keep nobody from undoing, nor keep the place of what is over."""
        try:
            act()
        except OSError as error:
            if not self._is_complaining:
                logger.error("composite operations cannot be written down: %s", error)  # noqa: TRY400 - the disk, no bug
            self._is_complaining = True
        else:
            self._is_complaining = False

    def abandon(self, call: ComposedCall) -> None:
        """A bug ended the composition: its place is free, and what took effect stays."""
        self._close(call)
        self._serving.stats[COMPOSITES_NOT_UNDONE] += 1
        logger.error(
            "%s of request %s failed by a fault here and is not undone",
            call.operation,
            call.request_id,
            extra=of_request(call.request_id),
        )

    def end(self, call: ComposedCall, outcome: Outcome) -> None:
        """A composition is over."""
        self._close(call)
        if outcome.failure is None:
            return
        stats = self._serving.stats
        stats[UPSTREAM_ERRORS] += outcome.failure.code not in _OF_CALLERS
        words = "; ".join(record.words for record in outcome.records)
        if outcome.not_undone:
            stats[COMPOSITES_NOT_UNDONE] += 1
            logger.error(
                "%s of request %s failed and is not undone: %s",
                call.operation,
                call.request_id,
                words,
                extra=of_request(call.request_id),
            )
        elif outcome.undone:
            stats[COMPOSITES_UNDONE] += 1
            logger.warning(
                "%s of request %s failed and was undone: %s",
                call.operation,
                call.request_id,
                words,
                extra=of_request(call.request_id),
            )
