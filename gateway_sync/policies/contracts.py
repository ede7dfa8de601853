"""Contracts: what an API's document says of operations, as far as policies need it. No references, no document.

Owns: the shapes, rendered by the control plane when a version is published. Schemas are JSON Schema 2020-12 as text:
texts keep numbers as they were written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ParameterContract:
    """One input beside the body.

    Shapes: location is path, query or header; type is what its text is read as before it is checked: string, integer,
    number, boolean, array:<one of these>, or "" for what is not checked.
    """

    name: str
    location: str
    is_required: bool
    type: str
    schema: str
    is_exploded: bool = True


@dataclass(frozen=True, slots=True)
class AnswerContract:
    """One answer as the service might give it. Shapes: example is the name of one of several, "" when it has none."""

    status: int
    media_type: str = ""
    body: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class OperationContract:
    """Shapes: bodies are pairs of media type and schema, "" = any body; answers are in the order of the document."""

    parameters: tuple[ParameterContract, ...] = ()
    is_body_required: bool = False
    bodies: tuple[tuple[str, str], ...] = ()
    answers: tuple[AnswerContract, ...] = ()

    def only(self, *, requests: bool, answers: bool) -> OperationContract:
        """The part about requests, about answers, or both."""
        kept = self if requests else replace(self, parameters=(), is_body_required=False, bodies=())
        return kept if answers else replace(kept, answers=())


@dataclass(frozen=True, slots=True)
class Contract:
    """The contract of a version.

    Shapes: operations are pairs of a route's id and what is said of it; definitions are pairs of a name and a schema,
    which schemas name as `#/$defs/<name>`.
    """

    operations: tuple[tuple[str, OperationContract], ...] = ()
    definitions: tuple[tuple[str, str], ...] = ()
