"""AccessLog: exchanges as JSON lines, written by the supervisor from what the workers noted in their spools.

No key, query or header is in it, for none is in the spool: the path is canonical, a credential is told by its id.
Exchanges without an identity come as counts of a minute, so that a flood of 401 does not fill a disk.
"""

from __future__ import annotations

import logging
import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway_sync.runtime.observing import Seen, admission_of
from gateway_sync.runtime.spool_format import FINAL_CODES, request_id_of
from gateway_sync.usage_wire import UsageCell

logger = logging.getLogger(__name__)

STANDARD_OUTPUT = "-"
KEPT = 5  # files beside the one that is written
_SERVER_ERROR = 500
_ENCODE = msgspec.json.Encoder().encode


class LogOptions(msgspec.Struct, frozen=True):
    """Shapes: path "" = no log, "-" = standard output; share of the exchanges, 0 to 1: those with 5xx are all told."""

    path: str = ""
    share: float = 1.0
    most_bytes: int = 100 * 2**20


class AccessLog:
    """A Sink of the Observer. Lines are kept until `flush`; what cannot be written then is lost, and that is said."""

    def __init__(self, options: LogOptions) -> None:
        """Nothing is opened before there is something to write."""
        self._path = None if options.path == STANDARD_OUTPUT else Path(options.path)
        self._threshold = round(options.share * 2**32)
        self._most_bytes = options.most_bytes
        self._lines: list[bytes] = []
        self._is_failing = False

    def take(self, seen: Seen) -> None:
        """One exchange of an identified caller."""
        request_id = request_id_of(seen.boot, seen.number)
        if seen.status < _SERVER_ERROR and zlib.crc32(request_id.encode()) >= self._threshold:
            return
        at_us, client_request_id, path = admission_of(seen.admission)
        line: dict[str, object] = {"time": _time_of(at_us / 1e6), "request_id": request_id}
        if client_request_id:
            line["client_request_id"] = client_request_id
        line |= {"path": path, "status": seen.status}
        if seen.code:
            line["code"] = FINAL_CODES[seen.code]
        line |= {
            "duration_ms": seen.duration_us / 1000,
            "upstream_ms": seen.upstream_us / 1000,
            "request_bytes": seen.request_bytes,
            "response_bytes": seen.response_bytes,
        }
        if seen.context is not None:
            line |= msgspec.structs.asdict(seen.context)
        self._lines.append(_ENCODE(line))

    def take_cells(self, _boot: str, cells: Sequence[UsageCell]) -> None:
        """Exchanges without an identity, summed for a minute; what policies in shadow would have done, too."""
        for cell in cells:
            line = {
                "time": _time_of(cell.minute),
                "count": cell.count,
                "status": cell.status,
                "code": cell.code,
                "version_id": cell.version_id,
                "operation": cell.route,
            }
            self._lines.append(_ENCODE(line))

    def flush(self) -> None:
        """Write what was taken."""
        if not self._lines:
            return
        content = b"\n".join([*self._lines, b""])
        self._lines.clear()
        try:
            if self._path is None:
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
            else:
                self._write(self._path, content)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                logger.warning("the access log is not written: %s", error)
            self._is_failing = True

    def _write(self, path: Path, content: bytes) -> None:
        with path.open("ab") as file:
            file.write(content)
            is_full = file.tell() >= self._most_bytes
        if is_full:
            for number in range(KEPT - 1, 0, -1):
                older = path.with_name(f"{path.name}.{number}")
                if older.exists():
                    older.replace(path.with_name(f"{path.name}.{number + 1}"))
            path.replace(path.with_name(f"{path.name}.1"))


def _time_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
