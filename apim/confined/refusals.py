"""Refusals: what people are told of a text that was given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.utils.translation import gettext

from apim.confined.calling import OutOfBounds, confine
from apim.errors import Conflict, DomainError, Invalid

Parameters = ParamSpec("Parameters")
Told = TypeVar("Told")


def read_confined(
    function: Callable[Parameters, Told], field: str, *arguments: Parameters.args, **named: Parameters.kwargs
) -> Told:
    """What a function of strangers' texts says, from a reader of its own.

    Errors: Invalid confined.time, confined.memory or confined.fault; Conflict confined.turn; its own.
    """
    try:
        return confine(function, *arguments, **named)
    except OutOfBounds as error:
        raise refusal_of(error, field) from error


def refusal_of(error: OutOfBounds, field: str) -> DomainError:
    """The error for who sent the text. Shapes: field = where it stood."""
    bounds = error.bounds
    if error.bound == "turn":
        text = gettext("Too many documents are being read just now.")
        return Conflict("confined.turn", text, hint=gettext("Send it again in a moment."), field=field)
    if error.bound == "time":
        text = gettext("Reading this takes more than %(seconds)s seconds of a processor.") % {"seconds": bounds.cpu_s}
    elif error.bound == "memory":
        text = gettext("Reading this takes more than %(megabytes)s MB of memory.") % {
            "megabytes": f"{bounds.memory_bytes >> 20:,}"
        }
    else:
        text = gettext("Reading this ended its reader.")
    hint = gettext("Split it into several documents, and write repeated parts once, under `components`.")
    return Invalid(f"confined.{error.bound}", text, hint=hint, field=field)
