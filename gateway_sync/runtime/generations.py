"""Generations: snapshots on disk, the last three; a gateway starts from them with everything else dead.

A few more are kept for as long as a worker that was told of them, and is slow to start, may still have to read them.

A generation is a manifest file that names content-addressed fragment files. Files are written beside their name, synced
and renamed. What is read is checked: signature over the manifest, digest of each fragment.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from gateway_sync.snapshot import (
    ENVIRONMENT_FRAGMENT,
    READS,
    Environment,
    Manifest,
    decode_fragment,
    digest,
    whole_digest,
)

logger = logging.getLogger(__name__)

KEPT = 3
MOST_KEPT = 16  # while they are young
YOUNG_S = 60.0
QUARANTINE = "quarantine"
TRIAL = ".trial"  # how the names of manifests end that no gateway starts from
SOFTWARE_VERSION = "0.1.0"

Verify = Callable[[Manifest], bool]

_QUARANTINE = msgspec.json.Decoder(tuple[str, dict[str, str]])


class GenerationInvalid(ValueError):
    """A generation is damaged, forged, or of a format this gateway does not speak."""


class Generations:
    """The folder of generations. One writer: the supervisor."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when missing."""
        self._folder = folder
        self._fragments = folder / "fragments"
        self._fragments.mkdir(parents=True, exist_ok=True)
        self._quarantined = self._read_quarantine()

    def digests(self) -> list[str]:
        """The fragments that need not be sent again."""
        return sorted(path.stem for path in self._fragments.glob("*.json"))

    def save(self, manifest: Manifest, fragments: Mapping[str, str]) -> Path:
        """Keep a checked generation and forget the oldest; fragments by digest, those not yet here.

        Errors: OSError on a full disk: the generations before stay whole.
        """
        for name, text in fragments.items():
            self._write(self._fragments / f"{name}.json", text.encode())
        path = self._folder / f"{manifest.revision:020d}.json"
        self._write(path, msgspec.json.encode(manifest))
        self._forget_old()
        return path

    def save_trial(self, manifest: Manifest, fragments: Mapping[str, str]) -> Path:
        """Keep a checked state that one worker tries, beside the generations; the one tried before is forgotten.

        Errors: OSError on a full disk.
        """
        for name, text in fragments.items():
            self._write(self._fragments / f"{name}.json", text.encode())
        path = self._folder / f"{manifest.revision:020d}{TRIAL}"
        self._write(path, msgspec.json.encode(manifest))
        self.forget_trials(except_for=path)
        return path

    def forget_trials(self, except_for: Path | None = None) -> None:
        """Forget what was tried: after a restart, the control plane says whether it still is."""
        for path in self._folder.glob(f"*{TRIAL}"):
            if path != except_for:
                path.unlink(missing_ok=True)

    def newest_first(self) -> list[Path]:
        """The manifests on disk."""
        return sorted(self._folder.glob("*.json"), reverse=True)

    def fragment(self, fragment_digest: str) -> bytes | None:
        """The bytes of a fragment, None when it is not here or damaged; then it is no longer said to be here."""
        path = self._fragments / f"{fragment_digest}.json"
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if digest(content) == fragment_digest:
            return content
        path.unlink(missing_ok=True)
        return None

    def quarantined(self) -> Mapping[str, str]:
        """The digests that this version of the software may not use, with the reason."""
        return self._quarantined

    def quarantine(self, wanted: str, reason: str) -> None:
        """Put a state aside for good; other software may try it again. A full disk makes it last until a restart."""
        self._quarantined = {**self._quarantined, wanted: reason}
        try:
            self._write(self._folder / QUARANTINE, msgspec.json.encode((SOFTWARE_VERSION, self._quarantined)))
        except OSError as error:
            logger.warning("the quarantine could not be written: %s", error)

    def _read_quarantine(self) -> Mapping[str, str]:
        try:
            version, reasons = _QUARANTINE.decode((self._folder / QUARANTINE).read_bytes())
        except (OSError, ValueError):
            return {}
        return reasons if version == SOFTWARE_VERSION else {}

    def _write(self, path: Path, content: bytes) -> None:
        temporary = path.with_suffix(".new")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _forget_old(self) -> None:
        paths = self.newest_first()
        kept = paths[:KEPT] + [path for path in paths[KEPT:MOST_KEPT] if _age_s(path) < YOUNG_S]
        for path in paths:
            if path not in kept:
                path.unlink(missing_ok=True)
        used = {name for path in (*kept, *self._folder.glob(f"*{TRIAL}")) for name in _fragments_of(path)}
        for path in self._fragments.glob("*.json"):
            if path.stem not in used:
                path.unlink(missing_ok=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return YOUNG_S


def _fragments_of(path: Path) -> Iterable[str]:
    """The digests that a manifest names; none when it is damaged."""
    try:
        return manifest_at(path).fragments.values()
    except GenerationInvalid:
        return ()


def manifest_at(path: Path) -> Manifest:
    """The manifest of a generation, unchecked. Errors: GenerationInvalid when there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GenerationInvalid(str(path)) from error


def check_manifest(manifest: Manifest, verify: Verify, environment: str) -> None:
    """Errors: GenerationInvalid, with the reason, when it may not be used."""
    if manifest.format not in READS:
        reason = f"format {manifest.format} is not spoken here"
    elif environment and manifest.environment != environment:
        reason = f"it is for environment {manifest.environment}"
    elif not verify(manifest):
        reason = "the signature is wrong"
    else:
        return
    raise GenerationInvalid(reason)


def check_fragments(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Errors: GenerationInvalid when the contents, by name, are not those that the manifest's digest stands for."""
    found = {name: digest(content) for name, content in contents.items()}
    if found != dict(manifest.fragments) or manifest.digest != whole_digest(
        manifest.environment, found, manifest.format
    ):
        reason = "a fragment is damaged or missing"
        raise GenerationInvalid(reason)


def read_generation(path: Path) -> tuple[Manifest, dict[str, bytes]]:
    """A manifest and its fragments by name, digests checked. Errors: GenerationInvalid."""
    manifest = manifest_at(path)
    folder = Generations(path.parent)
    contents = {name: folder.fragment(wanted) or b"" for name, wanted in manifest.fragments.items()}
    check_fragments(manifest, contents)
    return manifest, contents


def read_environment(path: Path) -> Environment:
    """The environment of a generation. Errors: GenerationInvalid, snapshot.SnapshotInvalid."""
    content = Generations(path.parent).fragment(manifest_at(path).fragments.get(ENVIRONMENT_FRAGMENT, ""))
    if content is None:
        raise GenerationInvalid(str(path))
    return decode_fragment(content, Environment)


def age_of(path: Path | None) -> float | None:
    """Seconds since a generation was taken in here, by the wall clock; None = there is none."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime) if path is not None else None
    except OSError:
        return None
