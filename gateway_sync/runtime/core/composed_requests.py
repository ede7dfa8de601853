"""Composed requests: the request of one step, written from its call and the values so far; and documents back.

What cannot be written raises ValueMissing: the step fails before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import quote

import msgspec

from gateway_sync.compositions.declaration import Answer, Call
from gateway_sync.compositions.values import MISSING, Text, ValueMissing, Values
from gateway_sync.policies.views import is_field_value
from gateway_sync.runtime.core.paths import canonical_path

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_DOTS: Final = (".", "..")


class StepRequest:
    """What a service is asked. Shapes: path is canonical; query begins with ? or is empty; lines are field lines.

    Units: timeout_ms until the whole answer is there.
    """

    __slots__ = ("body", "lines", "method", "path", "query", "service", "timeout_ms", "written_path")

    def __init__(self, call: Call, path: bytes, query: bytes, lines: list[bytes], body: bytes | None) -> None:
        """body None = none."""
        self.method = call.method.encode()
        self.service = call.service
        self.written_path = call.path.source
        self.timeout_ms = call.timeout_ms
        self.path = path
        self.query = query
        self.lines = lines
        self.body = body


def write_request(call: Call, values: Values, key: str, most_bytes: int, undoes: str = "") -> StepRequest:
    """The request of a call.

    Shapes: key is the idempotency key; undoes is that of the call that this one undoes, "" = it undoes none.
    Errors: ValueMissing.
    """
    filled = call.path.fill(values, _segment)
    path = canonical_path(filled.encode())
    if path is None or any(part in _DOTS for part in filled.split("/")):
        raise ValueMissing("the path cannot be sent")
    pairs = [(name, text.fill(values, str)) for name, text in call.query if not _is_left_out(text, values)]
    query = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in pairs)
    lines = field_lines(call.headers, values)
    body = None if call.body is None else write_body(call.body.fill(values), most_bytes)
    if body is not None and not any(name.lower() == "content-type" for name, _ in call.headers):
        lines.append(b"Content-Type: application/json")
    lines.append(b"Idempotency-Key: " + key.encode())
    if undoes:
        lines.append(b"X-Apim-Undoes: " + undoes.encode())
    return StepRequest(call, path, b"?" + query.encode() if query else b"", lines, body)


def _segment(value: str) -> str:
    if not value:
        raise ValueMissing("a part of the path is empty")
    return quote(value, safe="")


def _is_left_out(text: Text, values: Values) -> bool:
    if len(text.parts) != 1 or not any(True for _ in text.references):
        return False
    value = text.value(values)
    return value is None or value is MISSING


def field_lines(fields: Iterable[tuple[str, Text]], values: Values) -> list[bytes]:
    """The lines; a field that is nothing but a value that is not there is left out. Errors: ValueMissing."""
    lines = []
    for name, text in fields:
        if _is_left_out(text, values):
            continue
        value = text.fill(values, str).strip(" \t")
        if not is_field_value(value):
            raise ValueMissing(f"the header {name} cannot be sent")
        lines.append(f"{name}: {value}".encode("latin-1"))
    return lines


def write_body(value: object, most_bytes: int) -> bytes | None:
    """A value as JSON, None for none. Errors: ValueMissing when it is larger than a composite may send."""
    if value is MISSING:
        return None
    try:
        body = _ENCODER.encode(value)
    except RecursionError as error:  # what was read just within the bound is a part of something deeper here
        raise ValueMissing("a document is nested too deeply") from error
    if len(body) > most_bytes:
        raise ValueMissing(f"a document has more than {most_bytes} bytes")
    return body


def write_answer(answer: Answer, values: Values, most_bytes: int) -> tuple[list[bytes], bytes]:
    """The fields and the body of the caller's answer. Errors: ValueMissing."""
    body = None if answer.body is None else write_body(answer.body.fill(values), most_bytes)
    lines = field_lines(answer.headers, values)
    if body is not None and not any(name.lower() == "content-type" for name, _ in answer.headers):
        lines.append(b"Content-Type: application/json")
    return lines, body or b""


def read_body(body: bytes) -> object:
    """The document of a request or an answer; MISSING when it is no JSON. Numbers keep each of their digits."""
    try:
        return _DECODER.decode(body) if body else MISSING
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
        return MISSING


def read_fields(lines: Iterable[bytes]) -> Mapping[str, str]:
    """Field values by lower-case name; several of one name are joined (RFC 9110 section 5.3)."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        key, text = name.strip().lower(), value.strip(" \t")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
