"""Operations: a method and a path template, and the patterns by which products name them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypedDict

from django.utils.translation import gettext

from apim.errors import DomainError, Invalid, Problems
from apim.listing import enumerated
from gateway_sync.policies.patterns import any_text_between

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
OPERATIONS_AT_MOST = 20_000
_SUMMARY_AT_MOST = 300
_PATH_AT_MOST = 1000
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # PostgreSQL's JSON takes no NUL, no half surrogate
_TEMPLATE_SEGMENT = re.compile(r"\{[^{}/]+\}")
_FORBIDDEN_IN_PATH = re.compile(r"[\s?#\\\x00-\x1f\x7f]")
_PATTERN = re.compile(r"\A(?P<method>[A-Z]+|\*) (?P<path>/\S*)\Z")


class Operation(TypedDict):
    """One entry of Revision.operations."""

    method: str
    path: str
    operation_id: str
    summary: str
    tags: list[str]
    deprecated: bool


def clean_text(value: object, at_most: int = _SUMMARY_AT_MOST) -> str:
    """value as a text that any database takes: without control characters, cut at a length; "" for what is no text."""
    return _UNPRINTABLE.sub("", value)[:at_most] if isinstance(value, str) else ""


def operation_name(operation: Mapping[str, Any]) -> str:
    """How people and products name it: `GET /accounts/{id}`."""
    return f"{operation['method']} {operation['path']}"


def path_fault(path: str) -> str:
    """What is wrong with a path template; "" when nothing is."""
    if not path.startswith("/"):
        return gettext("A path starts with a slash.")
    if len(path) > _PATH_AT_MOST:
        return gettext("A path has at most %(most)s characters.") % {"most": f"{_PATH_AT_MOST:,}"}
    if _FORBIDDEN_IN_PATH.search(_TEMPLATE_SEGMENT.sub("", path)):
        return gettext("A path holds no spaces, control characters, `?`, `#` or backslashes.")
    if set("{}") & set(_TEMPLATE_SEGMENT.sub("", path)):
        return gettext("The braces of a path come in pairs, around a name.")
    if any(segment in {".", ".."} for segment in path.split("/")):
        return gettext("A path has no `.` or `..` segments.")
    return ""


def template_shape(path: str) -> str:
    """path with the names of its parameters left out: two templates of one shape match the same requests."""
    return _TEMPLATE_SEGMENT.sub("{}", path)


def parse_operations(values: Sequence[Mapping[str, Any]]) -> list[Operation]:
    """The operations that a form or a client gave, complete and checked.

    Errors: Problems, one Invalid each, field `operations.<index>.<name>`.
    """
    errors: list[DomainError] = []
    found: list[Operation] = []
    seen: set[tuple[str, str]] = set()
    if len(values) > OPERATIONS_AT_MOST:
        message = gettext("A version has at most %(most)s operations.") % {"most": f"{OPERATIONS_AT_MOST:,}"}
        raise Invalid("catalog.too_many_operations", message, field="operations")
    for index, value in enumerate(values):
        method, path = str(value.get("method", "")).upper(), str(value.get("path", ""))
        key = (method, template_shape(path))
        if method not in METHODS:
            hint = gettext("One of %(names)s.") % {"names": enumerated(METHODS)}
            message = gettext("`%(method)s` is not a method.") % {"method": method}
            errors.append(Invalid("catalog.method", message, field=f"operations.{index}.method", hint=hint))
        elif fault := path_fault(path):
            errors.append(Invalid("catalog.path", fault, field=f"operations.{index}.path"))
        elif key in seen:
            message = gettext("%(method)s %(path)s matches the same requests as an operation above.") % {
                "method": method,
                "path": path,
            }
            errors.append(Invalid("catalog.operation_twice", message, field=f"operations.{index}.path"))
        else:
            seen.add(key)
            found.append(
                Operation(
                    method=method,
                    path=path,
                    operation_id=clean_text(value.get("operation_id")),
                    summary=clean_text(value.get("summary")),
                    tags=[clean_text(tag) for tag in value.get("tags") or ()],
                    deprecated=bool(value.get("deprecated")),
                )
            )
    if errors:
        raise Problems(tuple(errors))
    return found


def pattern_fault(pattern: object) -> str:
    """What is wrong with a product's pattern; "" when nothing is."""
    if not isinstance(pattern, str) or not _PATTERN.match(pattern):
        return gettext(
            "Write a method and a path, such as `GET /accounts*`; `*` stands for any characters, or for any method."
        )
    method = pattern.split(" ", 1)[0]
    return "" if method in {*METHODS, "*"} else gettext("`%(method)s` is not a method.") % {"method": method}


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    method, _, path = pattern.partition(" ")
    start = r"\S+" if method == "*" else re.escape(method)
    return re.compile(rf"\A{start} {any_text_between([re.escape(part) for part in path.split('*')])}\Z")


def matches(pattern: str, operation: Mapping[str, Any]) -> bool:
    """True when a product's pattern names the operation; `*` stands for any run of characters."""
    return _expression(pattern).match(operation_name(operation)) is not None
