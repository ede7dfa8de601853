"""compression: gzip for answers that the service sent plain, to callers who take it.

RFC 9110 sections 8.4 and 12.5.3. An answer that has a coding, is a part of one, or says `no-transform` stays as it is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import AnswerView, RequestView
from gateway_sync.problems import Problem, Where

KIND = "compression"
TYPES: Final = (
    "text/*",
    "application/json",
    "application/*+json",
    "application/xml",
    "application/javascript",
    "image/svg+xml",
)
_LEAST_BYTES = 1024
_LEVEL = 5
_GZIP_WINDOW = 31  # zlib: the largest window, in gzip's format
_TYPE = re.compile(r"(?:\*|[a-z0-9!#$&^_.-]+)/(?:\*(?:\+[a-z0-9.-]+)?|[a-z0-9!#$&^_.+-]+)")
_USUAL, _USUAL_KEPT = 200, 1024  # characters of what clients accept, and how many such texts are remembered
_PARTIAL = 206
# They tell of the content as the service sent it.
_DIGESTS = ("Content-MD5", "Digest", "Content-Digest", "Repr-Digest")

DESCRIPTION = Description(
    KIND,
    "Compressed answers",
    "Sends answers as gzip to callers whose Accept-Encoding takes it, as they come: event streams are not held back."
    " Strong ETags become weak, and Vary says so. Not for answers that hold a secret beside what the caller sent"
    " (BREACH).",
    (
        Setting("types", "Media types", "words", "The types that are worth it.", "`*` for any part.", ", ".join(TYPES)),
        Setting("least", "From", "size", "Smaller answers are sent as they are.", "Such as 1KiB.", "1KiB"),
        Setting("level", "Level", "number", "From 1, fast, to 9, small.", default="5"),
    ),
    "compression: { least: 2KiB }",
)


@dataclass(frozen=True, slots=True)
class Compression:
    """Units: bytes."""

    types: tuple[str, ...] = TYPES
    least_bytes: int = _LEAST_BYTES
    level: int = _LEVEL

    def on_request(self, request: RequestView) -> None:
        """Remember what the caller takes, before another policy changes what the service is told."""
        request.notes[KIND] = accepts_gzip(request.fields.get("Accept-Encoding"))

    def on_answer(self, request: RequestView, answer: AnswerView) -> None:
        """Compress, where it may be and is worth it."""
        fields = answer.fields
        is_small = 0 <= answer.size < self.least_bytes
        if is_small or answer.status == _PARTIAL or fields.get("Content-Encoding") or fields.get("Content-Range"):
            return
        if "no-transform" in fields.get("Cache-Control").lower() or not self._is_worth(fields.get("Content-Type")):
            return
        vary = fields.get("Vary").lower()
        if "accept-encoding" not in vary and vary.strip() != "*":
            fields.add("Vary", "Accept-Encoding")
        if not answer.has_content or not request.notes.get(KIND):
            return
        etag = fields.get("ETag")
        if etag.startswith('"'):
            fields.set("ETag", f"W/{etag}")
        for name in _DIGESTS:
            fields.remove(name)
        fields.remove("Accept-Ranges")
        fields.set("Content-Encoding", "gzip")
        answer.filter = Gzip(self.level, is_stream=answer.size < 0)

    def _is_worth(self, content_type: str) -> bool:
        media_type = content_type.partition(";")[0].strip().lower()
        return any(_is_of(media_type, pattern) for pattern in self.types)


class Gzip:
    """A gzip stream. What is fed of a stream of unknown length can be read at once on the other side."""

    __slots__ = ("_coder", "_is_stream")

    def __init__(self, level: int, *, is_stream: bool) -> None:
        """Nothing was fed yet."""
        self._coder = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)
        self._is_stream = is_stream

    def feed(self, content: bytes) -> bytes:
        """What can be sent of it so far."""
        coded = self._coder.compress(content)
        return coded + self._coder.flush(zlib.Z_SYNC_FLUSH) if self._is_stream and content else coded

    def finish(self) -> bytes:
        """The end of the stream."""
        return self._coder.flush()


POLICY = Compression


def accepts_gzip(accept_encoding: str) -> bool:
    """True when Accept-Encoding takes gzip (RFC 9110 section 12.5.3); its absence takes none here."""
    return _read_usual(accept_encoding) if len(accept_encoding) <= _USUAL else _read(accept_encoding)


def _read(accept_encoding: str) -> bool:
    weights: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.replace(" ", "").partition("q=")[2]
        weights[name.strip()] = re.fullmatch(r"0(?:\.0{0,3})?", weight) is None
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


_read_usual = lru_cache(_USUAL_KEPT)(_read)


def _is_of(media_type: str, pattern: str) -> bool:
    if "*" not in pattern:
        return media_type == pattern
    first, _, last = pattern.partition("*")
    return media_type.startswith(first) and media_type.endswith(last)


def parse(settings: Mapping[str, object], where: Where) -> tuple[Compression | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = Compression(
        tuple(name.lower() for name in reader.names("types", TYPES)),
        reader.size_bytes("least", _LEAST_BYTES),
        reader.integer("level", _LEVEL, least=1, most=9),
    )
    for name in policy.types:
        if not _TYPE.fullmatch(name):
            reader.refuse("types", f'"{name}" is no media type.', 'Write "application/json" or "text/*".')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Compression) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"types": list(policy.types), "least": policy.least_bytes, "level": policy.level}
