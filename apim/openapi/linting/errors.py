"""Rules about answers, above all those that say no."""

from __future__ import annotations

from collections.abc import Iterator

from apim.openapi.contract import Contract, Operation
from apim.openapi.linting.rules import Verdict
from apim.openapi.linting.security import requirements_of

_PROBLEM = "application/problem+json"
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "TRACE"})


def response(contract: Contract) -> Iterator[Verdict]:
    """Each operation says how it answers.

    OpenAPI demands one response at least; without it nobody knows what a call gives back.
    """
    for operation in contract.operations:
        yield operation.at, "" if operation.responses else f"Write the `responses` of {operation.name}."


def response_success(contract: Contract) -> Iterator[Verdict]:
    """Each operation has an answer for success.

    A status of 2xx or 3xx, or `default`: callers write their code for this one.
    """
    for operation in contract.operations:
        if operation.responses:
            is_there = any(status[:1] in {"1", "2", "3"} or status == "default" for status in operation.responses)
            message = f"Say what {operation.name} answers when all is well: a response 2xx."
            yield (operation.at, "responses"), "" if is_there else message


def response_error(contract: Contract) -> Iterator[Verdict]:
    """Each operation says how it refuses.

    A status of 4xx, or `default`. A caller can only handle the errors that it knows of.
    """
    for operation in contract.operations:
        if operation.responses:
            is_there = any(status.startswith("4") or status == "default" for status in operation.responses)
            message = f"Say how {operation.name} refuses: a response 4xx, or `default`."
            yield (operation.at, "responses"), "" if is_there else message


def response_status(contract: Contract) -> Iterator[Verdict]:
    """Each response stands under a status, a class of them, or `default`.

    Such as `"200"`, `4XX` or `default`: tools pass over anything else.
    """
    for operation in contract.operations:
        for status in operation.responses:
            message = f"`{status}` is no status: write a number such as 200, a class such as 4XX, or `default`."
            yield ((operation.at, "responses"), status), "" if _is_status(status) else message


def error_body(contract: Contract) -> Iterator[Verdict]:
    """Errors have one form, `application/problem+json`.

    RFC 9457. The gateway's own refusals have this form; callers of an API whose errors have it too read all of them by
    the same code.
    """
    for _, status, found in contract.answers:
        if status[:1] in {"4", "5"} or status == "default":
            kinds = [kind.partition(";")[0].strip() for kind, _ in contract.contents(found)]
            if kinds:
                yield found.at, "" if _PROBLEM in kinds else f"Describe this error as `{_PROBLEM}` (RFC 9457)."


def response_unauthorized(contract: Contract) -> Iterator[Verdict]:
    """An operation that asks for credentials says how it refuses without.

    A response 401, 403, 4XX or `default`.
    """
    for operation in contract.operations:
        if operation.responses and any(requirements_of(contract, operation) or ()):
            message = f"{operation.name} asks for credentials: describe its answer 401."
            is_told = _answers(operation, "401", "403")
            yield (operation.at, "responses"), "" if is_told else message


def response_limited(contract: Contract) -> Iterator[Verdict]:
    """Each operation says what comes when a limit is reached.

    A response 429, 4XX or `default`: plans have limits, and the gateway answers so when one of them is reached.
    """
    for operation in contract.operations:
        if operation.responses:
            message = f"Describe the answer 429 of {operation.name}: plans have limits."
            yield (operation.at, "responses"), "" if _answers(operation, "429") else message


def request_body(contract: Contract) -> Iterator[Verdict]:
    """GET, HEAD, DELETE and TRACE have no request body.

    RFC 9110 gives it no meaning, and proxies, caches and clients drop it or refuse the call.
    """
    for operation in contract.operations:
        if operation.method in _BODILESS:
            message = f"Take the body from {operation.name}: use parameters, or POST."
            yield (operation.at, "requestBody"), message if "requestBody" in operation.value else ""


def _answers(operation: Operation, *statuses: str) -> bool:
    return any(status in operation.responses for status in (*statuses, "4XX", "4xx", "default"))


def _is_status(status: str) -> bool:
    if status == "default":
        return True
    is_class = status[1:].upper() == "XX"
    return (
        len(status) == len("200") and status[0] in "12345" and (is_class or (status.isascii() and status.isdecimal()))
    )
