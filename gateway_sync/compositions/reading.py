"""Reading: from what owners write to a Composite, with a Problem for each fault.

Codes: composite.E001 unknown setting, .E002 wrong value, .E003 missing, .E004 unknown placeholder; checks.py has the
rest. A Problem's field is `<operation>.steps.<number>.<setting>` below the field that is given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from gateway_sync.compositions.checks import check_composite
from gateway_sync.compositions.declaration import (
    DEFAULT,
    FAIL,
    OPERATORS,
    SKIP,
    Answer,
    Call,
    Compensation,
    Composite,
    Condition,
    OnFailure,
    Step,
)
from gateway_sync.compositions.values import Template, Text, known_names, read_template, read_text
from gateway_sync.policies.settings import SettingsReader, nearest_hint
from gateway_sync.policies.views import fault_of_field
from gateway_sync.problems import Problem, Where

MOST_STEPS: Final = 20
MOST_CALLS: Final = 100
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_TIMEOUT_MS: Final = 300_000
MOST_ATTEMPTS: Final = 10
MOST_DEPTH: Final = 32
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_CALL = re.compile(r"([A-Z]+) (/\S*)")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}/[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_OWN_FIELDS = ("idempotency-key", "x-apim-")
_STATUS = re.compile(r"[1-5](\d\d|xx)")


class Reader(SettingsReader):
    """Reads the parts that composites have beyond what policies have."""

    def __init__(self, settings: Mapping[str, object], where: Where) -> None:
        """Nothing is read yet."""
        super().__init__("composite", settings, where)
        self._within: list[Problem] = []
        self.where = where

    def faults(self) -> tuple[Problem, ...]:
        """All faults, those of the parts within included."""
        return (*self.problems(), *self._within)

    def part(self, field: str, value: object) -> Reader:
        """A reader of a mapping within; what is none is noted and read as an empty one."""
        if not isinstance(value, Mapping):
            self.refuse(field, f'"{field}" must be a mapping.')
        return Reader(value if isinstance(value, Mapping) else {}, self.below(field))

    def below(self, field: str) -> Where:
        """Where a field of this mapping is."""
        return Where(self.where.kind, self.where.id, ".".join(part for part in (self.where.field, field) if part))

    def close(self, part: Reader) -> None:
        """Take over the faults of a part."""
        self._within += part.faults()

    def note(self, problems: tuple[Problem, ...]) -> None:
        """Take over other faults of a part."""
        self._within += problems

    def raw(self, field: str) -> object:
        """The value as it is."""
        return self._take(field)

    def filled_text(self, field: str, source: str) -> Text:
        """A text with placeholders."""
        text, unknown = read_text(source)
        self._refuse_unknown(field, unknown)
        return text

    def template(self, field: str, source: object) -> Template:
        """A JSON value with placeholders."""
        if fault := _fault_of_json(source, MOST_DEPTH):
            self.refuse(field, f'"{field}" {fault}.')
            return Template(None, None)
        template, unknown = read_template(source)
        self._refuse_unknown(field, unknown)
        return template

    def _refuse_unknown(self, field: str, unknown: tuple[str, ...]) -> None:
        for name in unknown:
            if name in {"{", "}"}:
                self.refuse(field, "Its braces do not pair up.", "A placeholder is written {request.body.amount}.", 4)
            else:
                self.refuse(field, f'"{{{name}}}" names nothing.', nearest_hint(name, known_names()), 4)

    def texts(self, field: str, *, is_header: bool, is_answer: bool = False) -> tuple[tuple[str, Text], ...]:
        """Names with texts."""
        found = []
        for name, source in self.pairs(field):
            is_own = not is_answer and name.lower().startswith(_OWN_FIELDS)
            fault = (
                f'"{name}" is written by the gateway itself.' if is_own else fault_of_field(name, is_answer=is_answer)
            )
            if is_header and fault:
                self.refuse(f"{field}.{name}", fault)
            found.append((name, self.filled_text(f"{field}.{name}", source)))
        return tuple(found)

    def conditions(self, field: str) -> tuple[Condition, ...]:
        """A list of conditions; all must hold."""
        value = self.raw(field)
        listed = [value] if isinstance(value, Mapping) else value
        if listed is None:
            return ()
        if not isinstance(listed, list | tuple):
            self.refuse(field, f'"{field}" must be a list of conditions.')
            return ()
        return tuple(self._condition(f"{field}.{number}", one) for number, one in enumerate(listed))

    def _condition(self, field: str, value: object) -> Condition:
        part = self.part(field, value)
        given = [name for name in OPERATORS if part.raw(name) is not None]
        part.require("value")
        left = part.template("value", part.raw("value"))
        if len(given) != 1:
            part.refuse("", "A condition has one comparison.", f"Known: {', '.join(OPERATORS)}.")
        operator = given[0] if given else "exists"
        other = part.template(operator, part.raw(operator))
        if operator == "exists" and given and not isinstance(other.source, bool):
            part.refuse(operator, '"exists" must be true or false.')
        self.close(part)
        return Condition(left, operator, other)


def read_composite(
    operation: str, settings: object, where: Where, parameters: tuple[str, ...] | None = None
) -> tuple[Composite, tuple[Problem, ...]]:
    """The composite, and what is wrong with it; with an error it must not be run.

    Shapes: operation is `POST /transfers`; parameters are those of its path, when they are known not to be its own.
    """
    outer = Reader({}, where)
    reader = outer.part(operation, settings)
    timeout_ms = _between(reader, "timeout", reader.duration_ms("timeout", 30_000), MOST_TIMEOUT_MS)
    max_bytes = reader.size_bytes("maxBytes", 65_536)
    if not 0 < max_bytes <= MOST_BYTES:
        reader.refuse("maxBytes", f'"maxBytes" must be from 1 to {MOST_BYTES}.')
    steps = _steps(reader, timeout_ms)
    least = len(steps) + sum(step.compensate is not None for step in steps)
    max_calls = reader.integer("maxCalls", min(MOST_CALLS, least + 8), least=1, most=MOST_CALLS)
    reader.require("answer")
    answer = _answer(reader)
    composite = Composite(operation, timeout_ms, max_calls, max_bytes, steps, answer)
    names = parameters if parameters is not None else tuple(re.findall(r"\{([^{}/]+)\}", operation))
    if not any(problem.is_error for problem in reader.faults()):
        reader.note(check_composite(composite, reader.where, names))
    outer.close(reader)
    return composite, tuple(sorted(set(outer.faults())))


def _between(reader: Reader, field: str, value: int, most: int) -> int:
    if not 0 < value <= most:
        reader.refuse(field, f'"{field}" must be from 1 ms to {most // 1000} s.')
    return value


def _steps(reader: Reader, timeout_ms: int) -> tuple[Step, ...]:
    listed = reader.raw("steps")
    if not isinstance(listed, list | tuple) or not 0 < len(listed) <= MOST_STEPS:
        reader.refuse("steps", f'"steps" must be a list of 1 to {MOST_STEPS} steps.', number=3 if not listed else 2)
        return ()
    steps: list[Step] = []
    for number, value in enumerate(listed):
        part = reader.part(f"steps.{number}", value)
        name = part.text("name")
        part.require("name")
        if name and not _NAME.fullmatch(name):
            part.refuse("name", f'"{name}" cannot name a step.', "Use small letters, digits and dashes.")
        before = (steps[-1].name,) if steps else ()
        steps.append(
            Step(
                name,
                read_call(part, timeout_ms),
                part.names("after", before),
                part.conditions("when"),
                part.conditions("require"),
                _on_failure(part),
                _compensation(part, timeout_ms),
            )
        )
        reader.close(part)
    return tuple(steps)


def read_call(reader: Reader, timeout_ms: int) -> Call:
    """The call of a step or of a compensation."""
    written = reader.text("call")
    reader.require("call")
    match = _CALL.fullmatch(written)
    if written and (match is None or match[1] not in METHODS):
        hint = "Write POST /accounts/{request.body.from}/withdrawals; the query has a setting of its own."
        reader.refuse("call", f'"{written}" is no call: a method and a path.', hint)
    if "?" in written or "#" in written:
        reader.refuse("call", "The path of a call holds no ? and no #.", "Put the query into `query`.")
    service = reader.text("service")
    if service and not _SERVICE.fullmatch(service):
        reader.refuse("service", f'"{service}" is no service.', "Write the API and its version: ledger/v1.")
    body = reader.raw("body")
    method, path = (match[1], match[2]) if match is not None else ("GET", "/")
    if body is not None and method in {"GET", "HEAD"}:
        reader.refuse("body", f"A {method} has no body.", "Use `query`.")
    return Call(
        method,
        reader.filled_text("call", path),
        service,
        reader.texts("query", is_header=False),
        reader.texts("headers", is_header=True),
        reader.template("body", body) if body is not None else None,
        _statuses(reader),
        _between(reader, "timeout", reader.duration_ms("timeout", min(10_000, timeout_ms)), MOST_TIMEOUT_MS),
    )


def _statuses(reader: Reader) -> tuple[str, ...]:
    value = reader.raw("expect")
    listed = ["2xx"] if value is None else value if isinstance(value, list | tuple) else [value]
    texts = tuple(str(one) for one in listed)
    for text in texts or ("",):
        if not _STATUS.fullmatch(text):
            reader.refuse("expect", f'"{text}" is no status.', 'Write [200, 201] or ["2xx"].')
    return texts


def _on_failure(reader: Reader) -> OnFailure:
    value = reader.raw("onFailure")
    if value is None or value == FAIL:
        return OnFailure()
    if value == SKIP:
        return OnFailure(SKIP)
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in {DEFAULT, FAIL}:
        hint = 'Write fail, skip, { default: … } or { fail: { status: 409, detail: "…" } }.'
        reader.refuse("onFailure", '"onFailure" says what a failure of the step means.', hint)
        return OnFailure()
    if DEFAULT in value:
        if fault := _fault_of_json(value[DEFAULT], MOST_DEPTH):
            reader.refuse("onFailure.default", f'"default" {fault}.')
        return OnFailure(DEFAULT, value[DEFAULT])
    part = reader.part("onFailure.fail", value[FAIL])
    status, detail = part.integer("status", 0, least=0, most=599), part.text("detail")
    if 0 < status < 400:  # noqa: PLR2004
        part.refuse("status", f"{status} does not tell of a failure.", "Write a status from 400 to 599.")
    reader.close(part)
    return OnFailure(FAIL, None, status, detail)


def _compensation(reader: Reader, timeout_ms: int) -> Compensation | None:
    value = reader.raw("compensate")
    if value is None:
        return None
    part = reader.part("compensate", value)
    attempts = part.integer("attempts", 3, least=1, most=MOST_ATTEMPTS)
    call = read_call(part, timeout_ms)
    reader.close(part)
    return Compensation(call, attempts)


def _answer(reader: Reader) -> Answer:
    part = reader.part("answer", reader.raw("answer") or {})
    status = part.integer("status", 200, least=200, most=599)
    headers = part.texts("headers", is_header=True, is_answer=True)
    body = part.raw("body")
    template = part.template("body", body) if body is not None else None
    reader.close(part)
    return Answer(status, headers, template)


def _fault_of_json(value: object, depth: int) -> str:
    """Why a value is no JSON that can be sent; "" when it is."""
    if depth == 0:
        return "is nested too deeply"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            return "has a name that is no text"
        return next((fault for part in value.values() if (fault := _fault_of_json(part, depth - 1))), "")
    if isinstance(value, list | tuple):
        return next((fault for part in value if (fault := _fault_of_json(part, depth - 1))), "")
    if isinstance(value, float):
        return "" if math.isfinite(value) else "is no number"
    return "" if value is None or isinstance(value, str | int | bool) else "is no JSON"
