"""Installed kinds: policy kinds of other packages, found by their entry points, once a process.

Owns: which packages are asked and what is wrong with those that cannot be used. A kind that cannot be loaded is none:
what names it gets a Problem where it is published, and a gateway that lacks it serves nothing of that version.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.metadata import entry_points

from gateway_sync.policies.kinds import Kind, kind_of
from gateway_sync.problems import Problem, Where

GROUP = "apim.policies"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST = 20  # of a name, for it stands in the codes of counts


def load_installed(taken: Collection[str]) -> tuple[tuple[Kind, ...], tuple[Problem, ...]]:
    """The kinds of installed packages by name, and why others are not used. taken are names that are not free."""
    kinds: dict[str, Kind] = {}
    problems: list[Problem] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        where = Where("policy", entry.name)
        try:
            kind = kind_of(entry.load())
        except Exception as error:  # noqa: BLE001 - other people's code: whatever it raises, ours goes on without it
            message = f"The policy kind of {entry.value} cannot be loaded: {type(error).__name__}: {error}."
            problems.append(Problem("policy.E010", message, where, "Mend or uninstall the package."))
            continue
        fault = _fault_of(kind, entry.name, {*taken, *kinds})
        if fault:
            problems.append(Problem("policy.E011", f"The policy kind of {entry.value} is not used: {fault}.", where))
        else:
            kinds[kind.name] = kind
    return tuple(kinds.values()), tuple(problems)


def _fault_of(kind: Kind, entry_name: str, taken: Collection[str]) -> str:
    if kind.name != entry_name:
        return f'its entry point is called "{entry_name}" and its kind "{kind.name}"'
    if not _NAME.fullmatch(kind.name) or len(kind.name) > _LONGEST:
        return f"its name is not in lower case with dashes, or longer than {_LONGEST}"
    if kind.name in taken:
        return "its name is taken"
    return ""
