"""OnTrial: the state that one worker of a gateway tries, while the others serve the one in force.

Owns: which one it is, and that one which did badly here is not taken again. It ends with the supervisor: after a
restart all workers serve the state in force, until the control plane offers the trial anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway_sync.runtime.generations import (
    GenerationInvalid,
    Generations,
    Verify,
    check_fragments,
    check_manifest,
)
from gateway_sync.snapshot import (
    Manifest,
    Snapshot,
    SnapshotInvalid,
    TrialOffer,
    accept,
    accept_sizes,
    api_fragment,
    decode,
    digest,
)

logger = logging.getLogger(__name__)

REFUSED, POISONOUS, WORSE = "trial.E001", "trial.E002", "trial.E003"

Contents = Callable[[Manifest, Mapping[str, str]], "dict[str, bytes] | None"]


class OnTrial:
    """What is tried here, or was refused here."""

    def __init__(self, generations: Generations, verify: Verify, environment: str) -> None:
        """Nothing is on trial; what was before a restart is forgotten."""
        self._generations = generations
        self._verify = verify
        self._environment = environment
        self.manifest: Manifest | None = None
        self.path: Path | None = None
        self.changed: frozenset[str] | None = None  # versions that it may do otherwise by; None = all
        self.problem: dict[str, object] = {}  # what a refused one did, for the report
        self._refused = ""  # its digest
        generations.forget_trials()

    @property
    def known(self) -> str:
        """The digest of what is tried or was refused: it need not be offered again."""
        return self.manifest.digest if self.manifest is not None else self._refused

    def take(
        self, offer: TrialOffer, in_force: Manifest | None, fragments: Mapping[str, str], contents_of: Contents
    ) -> bool:
        """True when something else is on trial now than before. Errors: OSError on a full disk."""
        wanted = offer.digest
        if not wanted or in_force is None or wanted == in_force.digest:
            return self._end()
        if wanted == self.known or offer.manifest is None:
            return False
        return self._begin(offer.manifest, in_force, fragments, contents_of)

    def _begin(
        self, manifest: Manifest, in_force: Manifest, fragments: Mapping[str, str], contents_of: Contents
    ) -> bool:
        had_one = self._end()
        if manifest.digest in self._generations.quarantined():
            self._note(manifest, POISONOUS, "it is in quarantine here")
            return had_one
        if manifest.revision <= in_force.revision:
            return had_one  # it came late: newer ones are in force
        try:
            check_manifest(manifest, self._verify, self._environment)
            contents = contents_of(manifest, fragments)
            if contents is None:
                return had_one  # the next answer brings what is missing
            check_fragments(manifest, contents)
            accept_sizes({name: len(content) for name, content in contents.items()})
            changed = _changed(in_force, manifest, accept(decode(contents)))
        except (GenerationInvalid, SnapshotInvalid) as error:
            self._note(manifest, REFUSED, str(error))
            return had_one
        sent = {key: text for key, text in fragments.items() if digest(text.encode()) == key}
        self.path = self._generations.save_trial(manifest, sent)
        self.manifest, self.changed = manifest, changed
        return True

    def _end(self) -> bool:
        """True when something was on trial. Its file stays: a worker that was told of it may still have to read it."""
        was_on = self.manifest is not None
        self.manifest, self.path, self.problem, self._refused = None, None, {}, ""
        return was_on

    def refuse(self, code: str, reason: str) -> None:
        """End the trial here, and say why; what ended workers is put in quarantine."""
        manifest = self.manifest
        if manifest is None:
            return
        if code == POISONOUS:
            self._generations.quarantine(manifest.digest, reason)
        self._end()
        self._note(manifest, code, reason)

    def _note(self, manifest: Manifest, code: str, reason: str) -> None:
        self._refused = manifest.digest
        message = f"Revision {manifest.revision} was refused on trial: {reason}."
        self.problem = {"code": code, "message": message, "revision": manifest.revision}
        logger.error("%s", message)


def _changed(in_force: Manifest, manifest: Manifest, snapshot: Snapshot) -> frozenset[str] | None:
    """The ids of versions whose APIs differ from those in force; None when something differs that all depend on."""
    before, after = in_force.fragments, manifest.fragments
    apis = {api_fragment(api.id): [version.id for version in api.versions] for api in snapshot.apis}
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if any(not name.startswith(api_fragment("")) for name in differing):
        return None
    return frozenset(version for name in differing for version in apis.get(name, ()))
