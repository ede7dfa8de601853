"""Logs: what a gateway's processes write on standard error, as lines for people or as JSON objects for collectors.

`APIM_LOG_FORMAT` says which, with the same names of fields as in the logs of web and Celery.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Final

import msgspec

FORMAT: Final = "APIM_LOG_FORMAT"
_JSON: Final = "json"

logger = logging.getLogger(__name__)


class JSONFormatter(logging.Formatter):
    """A JSON object a line."""

    def __init__(self, process: str) -> None:
        """process names what writes: "gateway", or "worker" and its process id."""
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        told = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _writable(record.getMessage()),
            "request_id": getattr(record, "request_id", ""),
            "process": self._process,
        }
        if record.exc_info:
            told["exception"] = _writable(self.formatException(record.exc_info))
        return msgspec.json.encode(told).decode()


def _writable(text: str) -> str:
    """The text; what no UTF-8 can hold, as of names of files, by its number: else the whole line would be lost."""
    return text.encode("utf-8", "backslashreplace").decode()


def of_request(request_id: bytes | str) -> dict[str, str]:
    """What a line about a request is logged with, as `extra`."""
    return {"request_id": request_id.decode("ascii", "replace") if isinstance(request_id, bytes) else request_id}


def begin(process: str) -> None:
    """Write the log of this process from here on, whatever wrote it before: a forked worker has its supervisor's."""
    handler = logging.StreamHandler()
    if is_json():
        handler.setFormatter(JSONFormatter(process))
    else:
        handler.setFormatter(logging.Formatter(f"%(asctime)s {process} %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def end(sentence: str) -> None:
    """Say why the process ends, to whoever started it."""
    if is_json():
        logger.error("%s", sentence)
    else:
        sys.stderr.write(f"{sentence}\n")


def is_json() -> bool:
    """True when collectors read the log."""
    return os.environ.get(FORMAT, "") == _JSON
