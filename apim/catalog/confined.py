"""Documents that strangers sent, read and judged in confined processes: none of them may cost this one its life.

What was read within the bounds once and is kept, pages read again by themselves.
"""

from __future__ import annotations

from apim.catalog.faults import DocumentProblem
from apim.catalog.openapi import Document, parse_document, unusable
from apim.catalog.operation_lines import OperationLines, read_with_lines
from apim.confined.calling import OutOfBounds, confine
from apim.confined.refusals import read_confined, refusal_of
from apim.openapi.linting import Report, lint, unreadable


def parse_confined(text: str) -> Document:
    """As parse_document. Errors: Invalid confined.time, confined.memory or confined.fault; Conflict confined.turn."""
    return read_confined(parse_document, "document", text)


def preview_confined(text: str) -> tuple[Document, OperationLines]:
    """As read_with_lines; total: a text that was given up is a document that cannot be used."""
    try:
        return confine(read_with_lines, text)
    except OutOfBounds as error:
        told = refusal_of(error, "document")
        problem = DocumentProblem("", 0, told.message, "error", told.hint)
        return unusable("", problem), OperationLines((), 0)


def lint_confined(text: str) -> Report:
    """As lint; total: a text that was given up is a finding."""
    try:
        return confine(lint, text)
    except OutOfBounds as error:
        told = refusal_of(error, "document")
        return unreadable(f"{told.message} {told.hint}", 1)
