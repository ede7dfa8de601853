"""Traffic: what /metrics says by API and by code, summed from what the Observer sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway_sync.runtime.core.shadows import PREFIX
from gateway_sync.runtime.generations import GenerationInvalid, Generations, manifest_at
from gateway_sync.runtime.observing import Seen
from gateway_sync.runtime.spool_format import FINAL_CODES
from gateway_sync.runtime.stats import BUCKETS
from gateway_sync.usage_wire import UsageCell

SWITCHING = 101
VERSIONS = 100  # with labels of their own; all others are "other"
OTHER = ("other", "other")
UNROUTED = ("", "")
_KNOWN_CODES = frozenset(FINAL_CODES)


class _Version(msgspec.Struct):
    id: str
    name: str


class _API(msgspec.Struct):
    name: str
    versions: list[_Version]


def _names_in(content: bytes | None) -> dict[str, tuple[str, str]]:
    """API and version by the version's id; nothing for a damaged fragment."""
    api = msgspec.json.decode(content, type=_API) if content is not None else _API("", [])
    return {version.id: (api.name, version.name) for version in api.versions}


class Histogram:
    """Counts by powers of two in microseconds, as in stats."""

    def __init__(self) -> None:
        """Empty."""
        self.buckets = [0] * BUCKETS
        self.sum_us = 0

    def add(self, microseconds: int) -> None:
        """One more."""
        self.buckets[min(microseconds.bit_length(), BUCKETS - 1)] += 1
        self.sum_us += microseconds


class Traffic:
    """A Sink.

    Shapes: requests by (API, version, status class), rejections by code, shadows by (API, version, kind of policy, what
    it would have done).
    """

    def __init__(self) -> None:
        """Nothing was seen."""
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.rejections: Counter[str] = Counter()
        self.shadows: Counter[tuple[str, str, str, str]] = Counter()
        self.total, self.upstream, self.gateway = Histogram(), Histogram(), Histogram()
        self.names: dict[str, tuple[str, str]] = {}  # API and version, by its id
        self._read: dict[str, dict[str, tuple[str, str]]] = {}  # names by the digests of APIs
        self._labelled: dict[str, tuple[str, str]] = {}

    def use(self, generation: Path) -> None:
        """Name versions by this snapshot from now on."""
        try:
            manifest, folder = manifest_at(generation), Generations(generation.parent)
            wanted = [digest for name, digest in manifest.fragments.items() if name.startswith("api:")]
            self._read = {digest: self._read.get(digest) or _names_in(folder.fragment(digest)) for digest in wanted}
        except (GenerationInvalid, OSError):
            return
        self.names = {version_id: names for found in self._read.values() for version_id, names in found.items()}
        self._labelled.clear()

    def _labels(self, version_id: str) -> tuple[str, str]:
        labels = self._labelled.get(version_id)
        if labels is None:
            named = self.names.get(version_id, OTHER if version_id else UNROUTED)
            known = {labels[:2] for labels in self.requests}
            labels = named if named in known or len(known) < VERSIONS else OTHER
            self._labelled[version_id] = labels
        return labels

    def take(self, seen: Seen) -> None:
        """One exchange of an identified caller."""
        api, version = self._labels(seen.context.version_id if seen.context else "")
        self.requests[api, version, f"{seen.status // 100}xx"] += 1
        if seen.code:
            self.rejections[FINAL_CODES[seen.code]] += 1
        if seen.status == SWITCHING:  # it lasted for as long as its two ends liked
            return
        self.total.add(seen.duration_us)
        if seen.upstream_us:
            self.upstream.add(seen.upstream_us)
            self.gateway.add(max(0, seen.duration_us - seen.upstream_us))

    def flush(self) -> None:
        """Nothing is kept back."""

    def take_cells(self, _boot: str, cells: Sequence[UsageCell]) -> None:
        """Exchanges without an identity; what a policy in shadow would have done is no exchange."""
        for cell in cells:
            if cell.code in _KNOWN_CODES:
                self.requests[(*self._labels(cell.version_id), f"{cell.status // 100}xx")] += cell.count
                if cell.code:
                    self.rejections[cell.code] += cell.count
            elif cell.code.startswith(PREFIX):
                kind, _, done = cell.code.removeprefix(PREFIX).rpartition("/")
                self.shadows[(*self._labels(cell.version_id), kind, done)] += cell.count
