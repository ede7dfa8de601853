"""Any history of publishing, going back, revoking, pushing, pulling, losing, repeating, restarting (R3, R4; H25, H27).

A control plane and two gateways, which know each other by messages alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateway_sync.runtime.generations import read_generation
from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.updates import Update
from gateway_sync.snapshot import Manifest, change_between
from tests.wire.gateways import Home, Record, make_snapshot, make_version

GATEWAYS = st.integers(0, 1)
CONTENTS = st.integers(1, 4)  # few, so that publications go back to what was published before
KEYS = tuple(f"{number:064x}" for number in range(3))
PIECE = 7  # bytes that a power cut takes from the end of a log


class Plane:
    """What was published and what was changed, in order."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.published: list[tuple[Manifest, dict[str, str]]] = []
        self.log: list[Record] = [("organization", "org_1", {"state": "active"})]
        self.messages: list[Update] = []

    def publish(self, content: int) -> None:
        """Of a content that may have been published before: then this goes back to it, as a higher revision."""
        manifest, fragments = self.home.sign(make_snapshot([make_version(9101, timeout_ms=1000 * content)]))
        upto = len(self.log)
        self.messages.append(Update("default", self.home.page(upto, upto), manifest, fragments))
        if self.published:
            base = self.published[-1][0]
            change = change_between(base.fragments, manifest.fragments)
            sent = {wanted: fragments[wanted] for wanted in change.changed.values()}
            told = replace(manifest, fragments={})
            self.messages.append(Update("default", self.home.page(upto, upto), told, sent, base.digest, change))
        self.published.append((manifest, fragments))

    def change(self, key: str, body: Mapping[str, object] | None) -> None:
        """Of an access record; None removes it."""
        self.log.append(("credential", key, body))
        upto = len(self.log)
        self.messages.append(Update("default", self.home.page(upto - 1, upto, records=self.log[-1:])))

    def answer(self, asked: bytes) -> Update:
        """What is told to who asks."""
        ask = json.loads(asked)
        after = ask["access_seq"]
        page = self.home.page(after, len(self.log), records=self.log[after:], is_full=after == 0)
        manifest, fragments = self.published[-1] if self.published else (None, {})
        if manifest is None or manifest.digest == ask["digest"]:
            return Update("default", page)
        return Update(
            "default", page, manifest, {key: text for key, text in fragments.items() if key not in ask["have"]}
        )

    def records_at(self, seq: int) -> dict[str, object]:
        """The credentials after so many changes."""
        found = {key: body for _, key, body in self.log[1:seq]}  # the last one of each
        return {key: body for key, body in found.items() if body is not None}


class Follower:
    """A gateway, by what it keeps on disk."""

    def __init__(self, home: Home, folder: Path) -> None:
        self._home, self._folder = home, folder
        self.quarantined: set[str] = set()
        self.revision = self.seq = 0
        self.start()

    def start(self) -> None:
        """As after a kill: what is on disk is all there is."""
        self.keeper = Keeper(self._folder, self._home.credentials())

    def cut(self) -> None:
        """The end of the log never came to the disk; what was in force may be asked for again."""
        path = self.keeper.access_file
        log = path.with_suffix(".log") if path else None
        if log is not None and log.exists():
            log.write_bytes(log.read_bytes()[:-PIECE])
        self.seq = 0
        self.start()

    def die_of_it(self) -> None:
        """Two workers end by the state in force."""
        manifest = self.keeper.manifest
        if manifest is not None and self.keeper.quarantine(manifest.digest, "it ended 2 workers"):
            self.quarantined.add(manifest.digest)
            self.revision = 0


class History(RuleBasedStateMachine):
    """What was published is in force whole, in order, at last everywhere; and so are the changes of access."""

    def __init__(self) -> None:
        super().__init__()
        self._place = TemporaryDirectory(prefix="histories-")
        home = Home(Path(self._place.name))
        self.plane = Plane(home)
        self.followers = [Follower(home, Path(self._place.name) / str(number)) for number in range(2)]

    @rule(content=CONTENTS)
    def publish(self, content: int) -> None:
        self.plane.publish(content)

    @rule(key=st.sampled_from(KEYS), version=st.none() | st.integers(1, 3))
    def change(self, key: str, version: int | None) -> None:
        self.plane.change(key, None if version is None else {"id": f"crd_{version}"})

    @rule(number=GATEWAYS, place=st.integers(0, 30))
    def push(self, number: int, place: int) -> None:
        """Any message of all that there were: late, again, or before others that are lost."""
        if self.plane.messages:
            message = self.plane.messages[-1 - place % len(self.plane.messages)]
            self.followers[number].keeper.take(message, is_pushed=True)

    @rule(number=GATEWAYS)
    def pull(self, number: int) -> None:
        keeper = self.followers[number].keeper
        keeper.take(self.plane.answer(keeper.ask(0)), is_pushed=False)

    @rule(number=GATEWAYS)
    def pull_what_is_late(self, number: int) -> None:
        """Something is pushed while the answer is on its way."""
        keeper = self.followers[number].keeper
        answer = self.plane.answer(keeper.ask(0))
        if self.plane.messages:
            keeper.take(self.plane.messages[-1], is_pushed=True)
        keeper.take(answer, is_pushed=False)

    @rule(number=GATEWAYS, is_cut=st.booleans())
    def restart(self, number: int, is_cut: bool) -> None:
        follower = self.followers[number]
        if is_cut:
            follower.cut()
        else:
            follower.start()

    @rule(number=GATEWAYS)
    def die_of_it(self, number: int) -> None:
        self.followers[number].die_of_it()

    @invariant()
    def what_is_in_force_was_published_whole_and_goes_on(self) -> None:
        known = {manifest.revision: (manifest, fragments) for manifest, fragments in self.plane.published}
        for follower in self.followers:
            keeper = follower.keeper
            if keeper.manifest is not None and keeper.generation is not None:
                manifest, fragments = known[keeper.manifest.revision]
                _, contents = read_generation(keeper.generation)
                assert {content.decode() for content in contents.values()} == set(fragments.values())
                assert manifest.digest not in follower.quarantined
                assert manifest.revision >= follower.revision
                follower.revision = manifest.revision
            assert keeper.access.seq >= follower.seq
            follower.seq = keeper.access.seq
            found = {key: keeper.access.find("credential", key) for key in KEYS}
            expected = self.plane.records_at(keeper.access.seq)
            assert {key: body for key, body in found.items() if body is not None} == expected

    def teardown(self) -> None:
        """In the end each asks until it knows all."""
        for follower in self.followers:
            for _ in range(3):
                follower.keeper.take(self.plane.answer(follower.keeper.ask(0)), is_pushed=False)
            assert follower.keeper.access.seq == len(self.plane.log)
            newest = self.plane.published[-1][0].digest if self.plane.published else ""
            in_force = follower.keeper.manifest.digest if follower.keeper.manifest else ""
            assert in_force == newest or newest in follower.quarantined
        self.what_is_in_force_was_published_whole_and_goes_on()
        self._place.cleanup()


@pytest.mark.parametrize("examples", [5, pytest.param(500, marks=pytest.mark.slow)])
def test_what_was_published_is_in_force_whole_and_in_order_whatever_happens(examples: int) -> None:
    run_state_machine_as_test(History, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None))
