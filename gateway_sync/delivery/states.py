"""The state that is to be published of what was collected: compiled, held where the environment is, and signed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from gateway_sync.compiler import Memory, compile_snapshot, held_back, hold
from gateway_sync.delivery.collect import Collected
from gateway_sync.delivery.gate import loader_of, passed
from gateway_sync.delivery.groups import GroupState, group_states, sign
from gateway_sync.delivery.sandbox import told_of_twin
from gateway_sync.problems import Problem, Where
from gateway_sync.snapshot import Manifest, SnapshotInvalid, manifest_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """Shapes: fragments holds canonical bytes by name, manifest is signed and stands for all of them.

    groups is what each group of gateways is sent instead; {} = all gateways are sent the whole.
    """

    fragments: dict[str, bytes]
    manifest: Manifest
    problems: tuple[Problem, ...]
    groups: dict[str, GroupState]

    def contents(self) -> dict[str, bytes]:
        """Every fragment that some gateway is sent, by digest."""
        parts = [(self.manifest, self.fragments), *((each.manifest, each.fragments) for each in self.groups.values())]
        return {manifest.fragments[name]: content for manifest, held in parts for name, content in held.items()}


def state_of(collected: Collected, memory: Memory | None = None) -> State:
    """What the environment's gateways are to serve. Shapes: memory saves work and changes nothing."""
    fragments, problems = wanted_fragments(collected, memory)
    if collected.pin is not None:
        fragments, held_problems = _held(collected, fragments)
        problems = tuple(sorted({*problems, *held_problems}))
    fragments, refused = passed(collected, fragments)
    problems = tuple(sorted({*problems, *refused}))
    manifest = sign(manifest_of(collected.environment, collected.revision, fragments))
    groups, group_problems = group_states(collected.rows.environment.id, manifest, fragments, collected.grouping)
    told = {one for one in map(told_of_twin, (*problems, *group_problems)) if one is not None}
    return State(fragments, manifest, tuple(sorted(told)), groups)


def wanted_fragments(
    collected: Collected, memory: Memory | None = None
) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    """What the database asks for, whether or not the environment is held."""
    compiled = compile_snapshot(collected.rows, collected.last_good, memory, loader_of(collected))
    return compiled.fragments, compiled.problems


def _held(collected: Collected, fragments: dict[str, bytes]) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    """The fragments of the pin; when they cannot be read, those in force, for the wanted ones were not asked for."""
    pin = collected.pin
    revision = pin.revision if pin is not None else 0
    wanted = {name: content.decode() for name, content in fragments.items()}
    try:
        held = hold(collected.pinned, wanted, collected.blocked)
    except SnapshotInvalid as error:
        logger.error("the state that %s is held at cannot be read: %s", collected.environment, error)  # noqa: TRY400 - what is stored is at fault
        where = Where("environment", collected.rows.environment.id)
        message = f"Publication {revision}, at which the environment is held, can no longer be read: {error}."
        hint = "Release the environment; until then gateways are sent nothing new."
        in_force = {name: text.encode() for name, text in collected.last_good.items()}
        return in_force or fragments, (Problem("environment.E005", message, where, hint),)
    told = held_back(wanted, {name: content.decode() for name, content in held.items()}, revision)
    return held, told
