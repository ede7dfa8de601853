"""retries: a call that failed is sent again, where nobody can notice that it was sent twice."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "retries"
# RFC 9110 section 9.2.2: a request that may be sent twice without another effect.
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
ERRORS = ("reset", "timeout")

DESCRIPTION = Description(
    KIND,
    "Retries",
    "A call that failed is sent again, to another target where there is one. Never after the answer has begun; a call"
    " that may have an effect twice (POST, PATCH) only when no byte of it was sent.",
    (
        Setting("attempts", "Times", "number", "How often a call is sent again at most.", default="1"),
        Setting(
            "methods", "Methods", "methods", "Methods that may be sent again.", default=", ".join(IDEMPOTENT)
        ),
        Setting(
            "statuses", "Statuses", "words", "Statuses that count as failed.", "Such as 503 and 504.", "502, 503, 504"
        ),
        Setting(
            "errors",
            "Errors",
            "words",
            "Failures besides a connection that could not be made.",
            "reset: the connection broke or the answer was invalid; timeout: perTry was over.",
            "reset, timeout",
        ),
        Setting(
            "perTry", "Timeout of one try", "duration", "How long one try may take until its answer begins.",
            "The version's timeout when left out.",
        ),
        Setting(
            "backoff",
            "Backoff",
            "duration",
            "The pause before the first retry, doubled before each further one; up to half of it is left to chance.",
            "Such as 25ms.",
            "25ms",
        ),
        Setting(
            "budget",
            "Budget",
            "number",
            "Retries are at most so many percent of the calls, besides one a second for each worker.",
            default="20",
        ),
        Setting(
            "body", "Body kept", "size", "A call with a larger body is not sent again.", "Such as 64KiB.", "64KiB"
        ),
    ),
    'retries: { attempts: 2, statuses: ["502", "503"], perTry: 2s }',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retries:
    """Shapes: attempts beyond the first; per_try_ms 0 = none. Units: budget in percent."""

    attempts: int = 1
    methods: tuple[str, ...] = IDEMPOTENT
    statuses: tuple[int, ...] = (502, 503, 504)
    errors: tuple[str, ...] = ERRORS
    per_try_ms: int = 0
    backoff_ms: int = 25
    budget: int = 20
    max_body_bytes: int = 65_536


def read(reader: SettingsReader) -> Retries:
    """The settings; what is wrong is noted in the reader."""
    methods = reader.names("methods", IDEMPOTENT)
    if unsafe := sorted(set(methods) - set(IDEMPOTENT)):
        reader.refuse("methods", f'"{unsafe[0]}" may have its effect twice.', f"Possible: {', '.join(IDEMPOTENT)}.")
    statuses = reader.names("statuses", ("502", "503", "504"))
    if wrong := [status for status in statuses if not _is_failure(status)]:
        reader.refuse("statuses", f'"{wrong[0]}" is not a status of a failure.', "Write statuses from 400 to 599.")
        statuses = ()
    errors = reader.names("errors", ERRORS)
    if unknown := sorted(set(errors) - set(ERRORS)):
        reader.refuse("errors", f'"{unknown[0]}" is not possible for "errors".', f"Known: {', '.join(ERRORS)}.")
    return Retries(
        reader.integer("attempts", 1, least=1, most=10),
        methods,
        tuple(int(status) for status in statuses),
        errors,
        reader.duration_ms("perTry", 0),
        reader.duration_ms("backoff", 25),
        reader.integer("budget", 20, least=1, most=100),
        reader.size_bytes("body", 65_536),
    )


def _is_failure(status: str) -> bool:
    return len(status) == 3 and status.isascii() and status.isdigit() and status[0] in "45"  # noqa: PLR2004


def dump(value: Retries) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {
        "attempts": value.attempts,
        "methods": list(value.methods),
        "statuses": [str(status) for status in value.statuses],
        "errors": list(value.errors),
        "perTry": f"{value.per_try_ms}ms",
        "backoff": f"{value.backoff_ms}ms",
        "budget": value.budget,
        "body": value.max_body_bytes,
    }
