"""Descriptions: what people read about a kind of policy, in the console and in docs/reference/policies.md.

Owns: the shapes. The words stand beside the code that they describe, as DESCRIPTION of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as documents write it.

    Shapes: type is text, lines, flag, number, rate, size, duration, fields, networks, methods or words; fields is a
    mapping of names to texts, the last three are lists; default as documents write it, "" = none; writing = how a
    value is written; choices () = any.
    """

    name: str
    label: str
    type: str
    meaning: str
    writing: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A kind in words.

    Shapes: example is one YAML mapping, as it stands in `policies`; is_of_environment = no version can have it;
    accumulates = all that are written act, in every scope, else only the narrowest; has_operations and has_shadow =
    a policy of the kind may be limited to operations, may be tried in shadow.
    """

    kind: str
    title: str
    summary: str
    settings: tuple[Setting, ...]
    example: str
    refusal: str = ""  # the code of the gateway's answer to a call that the policy stops
    is_of_environment: bool = False
    accumulates: bool = False
    has_operations: bool = True
    has_shadow: bool = True
    contract: str = ""  # what a policy of the kind needs of the version's document: "requests" or "answers"
