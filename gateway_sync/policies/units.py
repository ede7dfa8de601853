"""Numbers as people write them: "5s", "1MiB", "10/s". Total functions: None for what is not such a number."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)?")
_SIZE = re.compile(r"(\d{1,15})(B|KB|MB|GB|KiB|MiB|GiB)?")
_RATE = re.compile(r"(\d{1,9})/(\d{0,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_duration_ms(text: str) -> int | None:
    """Milliseconds of "250ms", "5s", "10m", "1h", "2d"; a bare number counts seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    number, unit = int(match[1]), match[2] or "s"
    return number if unit == "ms" else number * _SECONDS[unit] * 1000


def parse_size_bytes(text: str) -> int | None:
    """Bytes of "512", "64KiB", "1MiB", "10MB"."""
    match = _SIZE.fullmatch(text.strip())
    return None if match is None else int(match[1]) * _BYTES[match[2] or "B"]


def parse_rate(text: str) -> tuple[int, int] | None:
    """(requests, per_s) of "10/s", "100/m", "5/10s"."""
    match = _RATE.fullmatch(text.strip().replace(" ", ""))
    if match is None:
        return None
    requests, per_s = int(match[1]), int(match[2] or "1") * _SECONDS[match[3]]
    return (requests, per_s) if requests > 0 and per_s > 0 else None


def format_rate(requests: int, per_s: int) -> str:
    """The shortest text that parse_rate reads back."""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if per_s % seconds == 0:
            count = per_s // seconds
            return f"{requests}/{'' if count == 1 else count}{unit}"
    return f"{requests}/{'' if per_s == 1 else per_s}s"
