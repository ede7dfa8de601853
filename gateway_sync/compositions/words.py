"""Words: what people read about the settings of a composite operation, in the reference."""

from __future__ import annotations

from gateway_sync.compositions.values import known_names
from gateway_sync.policies.descriptions import Setting

COMPOSITE = (
    Setting("timeout", "Time", "duration", "For all steps together, undoing aside.", "Up to 5m.", "30s"),
    Setting(
        "maxCalls",
        "Calls",
        "number",
        "The most calls of services that one call may cause, undoing and its repeats included.",
        "At least the steps and the compensations; up to 100.",
        "that, and 8 more",
    ),
    Setting(
        "maxBytes",
        "Bytes",
        "size",
        "The most of the request's body, of each document that is sent, and of all answers together.",
        "Up to 8MiB.",
        "64KiB",
    ),
    Setting("steps", "Steps", "list", "The calls; 1 to 20.", is_required=True),
    Setting("answer", "Answer", "mapping", "The one document that the caller gets.", is_required=True),
)

CALL = (
    Setting("call", "Call", "text", "A method and a path; what a placeholder gives is escaped.", is_required=True),
    Setting(
        "service",
        "Service",
        "text",
        "Whose upstream is called: an API and its version, of the same organization; their policies do not act.",
        "Such as `ledger/v1`. The version's own upstream when left out.",
    ),
    Setting("query", "Query", "mapping of names to texts", "Query fields; one whose value is not there is left out."),
    Setting(
        "headers",
        "Headers",
        "mapping of names to texts",
        "Header fields. Nothing of the caller's request goes on by itself.",
        'Such as `{ Accept-Language: "{request.header.accept-language}" }`.',
    ),
    Setting("body", "Body", "any JSON", "The JSON document that is sent; none when left out."),
    Setting("expect", "Expected", "list of words", "Statuses that are a success.", "Such as `[200, 201]`.", "2xx"),
    Setting(
        "timeout",
        "Time",
        "duration",
        "Until the whole answer is there.",
        "10s, or that of the whole when it is less, when left out.",
    ),
)

STEP = (
    Setting(
        "name", "Name", "text", "By which other steps name it.", "Small letters, digits, dashes.", is_required=True
    ),
    Setting(
        "after",
        "After",
        "list of words",
        "The steps that have ended before this one begins; steps that wait for the same run side by side.",
        "The step before when left out; `[]` = it begins at once.",
    ),
    Setting("when", "When", "list of conditions", "Unless all hold, the step is skipped."),
    *CALL,
    Setting("require", "Required", "list of conditions", "What must hold of its answer, else the step has failed."),
    Setting(
        "onFailure",
        "On failure",
        "text or mapping",
        "`fail`: the call fails, and what took effect is undone. `skip`: it goes on without the step's values."
        " `{ default: … }`: it goes on with this as the step's body. `{ fail: { status: 409, detail: … } }`: it fails,"
        " and the caller is told so.",
        default="fail",
    ),
    Setting(
        "compensate",
        "Compensation",
        "mapping",
        "The one call that undoes the step: the settings of a call, and `attempts`, how often it is tried.",
        "3 attempts when left out.",
    ),
)

ANSWER = (
    Setting("status", "Status", "number", "The status.", default="200"),
    Setting("headers", "Headers", "mapping of names to texts", "Header fields."),
    Setting("body", "Body", "any JSON", "The JSON document; none when left out."),
)

PLACEHOLDERS = known_names()
