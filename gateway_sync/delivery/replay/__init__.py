"""Replay: calls that were made, decided once more as if another revision ran, before anybody confirms that it shall.

Owns: which calls, and what is told of them. Must not know: pages; what the documents of the revisions promise.
"""

from __future__ import annotations

from gateway_sync.delivery.replay.applying import Applying
from gateway_sync.delivery.replay.finding import CALLS_AT_MOST
from gateway_sync.delivery.replay.judging import Difference, Outcome
from gateway_sync.delivery.replay.reading import Replay, replay, replay_revisions, replay_states

__all__ = [
    "CALLS_AT_MOST",
    "Applying",
    "Difference",
    "Outcome",
    "Replay",
    "replay",
    "replay_revisions",
    "replay_states",
]
