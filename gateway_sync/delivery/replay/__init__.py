"""Replay: calls that were made, decided once more as if another revision ran, before anybody confirms that it shall.

Owns: which calls, and what is told of them. Must not know: pages; what the documents of the revisions promise.
"""

from __future__ import annotations

from gateway_sync.delivery.replay.judging import Difference, Outcome
from gateway_sync.delivery.replay.reading import CALLS_AT_MOST, Replay, replay, replay_revisions, replay_states

__all__ = ["CALLS_AT_MOST", "Difference", "Outcome", "Replay", "replay", "replay_revisions", "replay_states"]
