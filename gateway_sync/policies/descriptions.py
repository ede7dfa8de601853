"""Descriptions: what people read about a kind of policy, in the console and in docs/reference/policies.md.

Owns: the shapes. The words stand beside the code that they describe, as DESCRIPTION of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as documents write it.

    Shapes: type is text, flag, number, rate, size, duration, networks, methods or words, the last three being lists;
    default as documents write it, "" = none; writing = how a value is written; choices () = any.
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

    Shapes: example is one YAML mapping, as it stands in `policies`; is_of_environment = no version can have it.
    """

    kind: str
    title: str
    summary: str
    settings: tuple[Setting, ...]
    example: str
    refusal: str = ""  # the code of the gateway's answer to a call that the policy stops
    is_of_environment: bool = False
