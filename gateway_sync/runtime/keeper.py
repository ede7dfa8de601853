"""Keeper: the state of a gateway on disk, and what an update from the control plane changes in it.

Owns: checking updates before anything is believed, and the order of revisions, which never go back. Must not know:
where updates come from, workers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway_sync.runtime.access_state import AccessState, AccessTaken, Change
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.credentials import Credentials
from gateway_sync.runtime.generations import (
    GenerationInvalid,
    Generations,
    check_fragments,
    check_manifest,
    read_generation,
)
from gateway_sync.runtime.on_trial import OnTrial
from gateway_sync.runtime.page_trust import PageTrust
from gateway_sync.runtime.updates import Update, whole_manifest
from gateway_sync.runtime.vouching import Vouching
from gateway_sync.snapshot import (
    READS,
    Manifest,
    SnapshotInvalid,
    accept,
    accept_sizes,
    api_fragment,
    decode,
    digest,
)

logger = logging.getLogger(__name__)

REFUSED, POISONOUS, OLDER, ACCESS_REFUSED, DISK = (
    "generation.E001", "generation.E002", "generation.E003", "access.E001", "disk.E001",
)  # fmt: skip
DRIFTED = "access.E003"
_RESTORED = (
    "If its database was restored from a backup, run `manage.py resume_after_restore` there; until then this gateway"
    " goes on with what it has."
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What an update changed: a generation and access changes to apply.

    Shapes: is_incomplete = something is missing and must be pulled; is_refused = something was not believed, and
    asking at once would bring the same again.
    """

    generation: Path | None = None
    changes: tuple[Change, ...] = ()
    upto: int = 0
    access_file: Path | None = None
    is_incomplete: bool = False
    is_refused: bool = False
    is_trial_changed: bool = False
    is_vouched: bool = False

    @property
    def is_nothing(self) -> bool:
        """True when the update changed nothing and was whole."""
        is_state = self.generation is not None or self.is_trial_changed
        return not is_state and not self.upto and not self.is_incomplete


class Keeper:
    """The state of one gateway; one supervisor at a time."""

    def __init__(self, home: Path, credentials: Credentials) -> None:
        """Reads what is on disk; a damaged part is passed over, an older whole one used, or asked for again."""
        self._credentials = credentials
        self._generations = Generations(home / "snapshots")
        self.problems: dict[str, str] = {}  # code -> message
        self.manifest: Manifest | None = None
        self.generation: Path | None = None
        self._choose()
        self.trial = OnTrial(self._generations, credentials.verify, credentials.environment)
        self._records = AccessState(home / "access")
        self.vouching = Vouching(home)
        self._trust = PageTrust(credentials, self._refuse, self.problems)
        self._asked_revision = 0
        self._sound: frozenset[str] = frozenset()  # fragments of the state that was checked last

    def _choose(self, except_for: str = "") -> None:
        """Use the newest generation that may be used."""
        self.manifest, self.generation = None, None
        for path in self._generations.newest_first():
            try:
                manifest, contents = read_generation(path)
                check_manifest(manifest, self._credentials.verify, self._credentials.environment)
                accept_sizes({name: len(content) for name, content in contents.items()})
                accept(decode(contents))
            except (GenerationInvalid, SnapshotInvalid) as error:
                self._refuse(REFUSED, f"snapshot {path.name} on disk is passed over: {error}")
                continue
            if manifest.digest == except_for or manifest.digest in self._generations.quarantined():
                continue
            self.manifest, self.generation = manifest, path
            return

    def _refuse(self, code: str, message: str) -> None:
        if self.problems.get(code) != message:
            logger.error("%s", message)
        self.problems[code] = message

    @property
    def access(self) -> AccessTable:
        """The access records in force."""
        return self._records.table

    @property
    def access_file(self) -> Path | None:
        """The file under the access records in force."""
        return self._records.file

    def ask(self, wait_s: float) -> bytes:
        """The body of a sync request."""
        manifest = self.manifest
        self._asked_revision = manifest.revision if manifest else 0
        return msgspec.json.encode(
            {
                "format": min(READS),  # what control planes look at that know no formats
                "formats": READS,
                "revision": self._asked_revision,
                "digest": manifest.digest if manifest else "",
                "access_seq": self._records.ask_after(),
                "have": self._generations.digests(),
                "wait_s": wait_s,
                "takes_changes": True,
                "takes_trials": True,
                "trial": self.trial.known,
            }
        )

    def take(self, update: Update, *, is_pushed: bool) -> Taken:
        """Check an update and keep what it brings. Errors: OSError on a full disk; the state before stays whole."""
        generation, is_incomplete, is_refused = self._take_manifest(update, is_pushed=is_pushed)
        # Trials are never pushed: who can write to the channel must neither end one nor have one refused here.
        trial = None if is_pushed else update.trial
        is_trial_changed = trial is not None and self.trial.take(trial, self.manifest, update.fragments, self._contents)
        access = self._take_access(update, is_pushed=is_pushed)
        if access.refusal:
            self._refuse(ACCESS_REFUSED, f"The control plane's answer was refused: {access.refusal}. {_RESTORED}")
        elif not is_pushed:
            self.problems.pop(ACCESS_REFUSED, None)
        self._note_disk()
        if access.is_vouched:
            self.vouching.note(is_on_disk=not self._records.is_behind)
        taken = _taken(generation, access, is_incomplete=is_incomplete, is_refused=is_refused)
        return replace(taken, is_trial_changed=is_trial_changed, is_vouched=access.is_vouched)

    def _take_access(self, update: Update, *, is_pushed: bool) -> AccessTaken:
        """What a page of access records brings, if it is believed; then all are compared. Errors: OSError."""
        judged = self._trust.judge(update.access, update.environment, is_pushed=is_pushed)
        if judged is not None:
            return judged
        taken = self._records.take(update.access, is_pushed=is_pushed)
        if update.access_check is not None and not is_pushed and not taken.refusal:
            is_same = self._records.compare(update.access_check)
            if is_same:
                self.problems.pop(DRIFTED, None)
            elif is_same is False:
                self._refuse(
                    DRIFTED, "The access records here are not those of the control plane; all are asked for anew."
                )
                return taken
        # A push bears no time: whoever can write to the channel could keep it back and hand it out when it suits them.
        return replace(taken, is_vouched=not is_pushed and not taken.refusal and not taken.is_incomplete)

    def catch_up(self) -> Path | None:
        """Try again to write what a full disk did not take; the new access file when it worked."""
        path = self._records.catch_up()
        self._note_disk()
        return path

    def _note_disk(self) -> None:
        if self._records.is_behind:
            self._refuse(DISK, "The newest access changes are in force but cannot be written to disk.")
        else:
            self.problems.pop(DISK, None)

    def _take_manifest(self, update: Update, *, is_pushed: bool) -> tuple[Path | None, bool, bool]:
        """(path of a new generation, whether fragments are missing, whether it was refused)."""
        manifest, known = update.manifest, self.manifest
        if manifest is None or (known and manifest.digest == known.digest):
            if not is_pushed:
                self.problems.pop(OLDER, None)
            return None, False, False
        # Each group has a state of a revision, and no signature says whose: what was pushed gives way to an answer.
        if known and manifest.revision < known.revision + is_pushed:
            return None, False, self._refuse_older(manifest, known, is_pushed=is_pushed)
        if manifest.digest in self._generations.quarantined():
            return None, False, True
        try:
            check_manifest(manifest, self._credentials.verify, self._credentials.environment)
            manifest = whole_manifest(manifest, update, known)
            contents = self._contents(manifest, update.fragments)
            if contents is None:
                return None, is_pushed, self._refuse_partial(manifest, is_pushed=is_pushed)
            check_fragments(manifest, contents)
            self._check_shapes(manifest, contents)
        except (GenerationInvalid, SnapshotInvalid) as error:
            self._refuse(REFUSED, f"Revision {manifest.revision} was refused: {error}.")
            return None, False, True
        sent = {key: text for key, text in update.fragments.items() if digest(text.encode()) == key}
        self.generation = self._generations.save(manifest, sent)
        self.manifest = manifest
        for code in (REFUSED, POISONOUS, OLDER):
            self.problems.pop(code, None)
        return self.generation, False, False

    def _check_shapes(self, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
        """Errors: SnapshotInvalid; APIs that were checked before in this process are not looked at again."""
        is_api = api_fragment("")
        accept_sizes({name: len(content) for name, content in contents.items()})
        fresh = {
            name: content
            for name, content in contents.items()
            if not name.startswith(is_api) or manifest.fragments[name] not in self._sound
        }
        accept(decode(fresh))
        self._sound = frozenset(manifest.fragments.values())

    def _contents(self, manifest: Manifest, sent: Mapping[str, str]) -> dict[str, bytes] | None:
        """The fragments by name, of those sent or from the disk; None when one is in neither."""
        contents: dict[str, bytes] = {}
        for name, wanted in manifest.fragments.items():
            text = sent.get(wanted)
            content = text.encode() if text is not None else self._generations.fragment(wanted)
            if content is None:
                return None
            contents[name] = content
        return contents or None

    def _refuse_older(self, manifest: Manifest, known: Manifest, *, is_pushed: bool) -> bool:
        """An older state that came late is passed over in silence; an answer of now that is older is told."""
        if is_pushed or manifest.revision > self._asked_revision:
            return False
        self._refuse(
            OLDER,
            f"The control plane offers revision {manifest.revision}, older than {known.revision}, which is in force"
            f" here. {_RESTORED}",
        )
        return True

    def _refuse_partial(self, manifest: Manifest, *, is_pushed: bool) -> bool:
        if not is_pushed:
            self._refuse(REFUSED, f"Revision {manifest.revision} was refused: a fragment was not sent.")
        return not is_pushed

    def quarantine(self, wanted: str, reason: str) -> bool:
        """Never use the state with this digest again, and go back to the newest good one before it.

        False when there is no other: then it stays, for serving what it can is better than nothing.
        """
        manifest, path = self.manifest, self.generation
        if manifest is None or path is None or manifest.digest != wanted:
            return False
        self._choose(except_for=wanted)
        if self.manifest is None:
            self.manifest, self.generation = manifest, path
            return False
        self._generations.quarantine(wanted, reason)
        path.unlink(missing_ok=True)  # else a series of bad states would push the good one out of those kept
        self._refuse(
            POISONOUS,
            f"Revision {manifest.revision} was put in quarantine: {reason}. Revision {self.manifest.revision} serves.",
        )
        return True


def _taken(generation: Path | None, access: AccessTaken, *, is_incomplete: bool, is_refused: bool) -> Taken:
    return Taken(
        generation,
        access.changes,
        access.upto,
        access.file,
        is_incomplete or access.is_incomplete,
        is_refused or bool(access.refusal) or access.is_refused,
    )
