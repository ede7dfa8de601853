"""A Python as the base install makes it: what only the extras or the tools of developers bring cannot be imported."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

NAME = "apim"
_REFUSING = """
import sys
from importlib.abc import MetaPathFinder

REFUSED = {refused!r}


class NotInstalled(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {{name!r}} in the base install", name=name)
        return None


sys.meta_path.insert(0, NotInstalled())
"""


def python_path(folder: Path) -> str:
    """What PYTHONPATH must be for processes that are to have no more than the base install."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_REFUSING.format(refused=refused()))
    return str(folder)


def refused() -> frozenset[str]:
    """The modules that are installed here, and not by the base install."""
    brought = _with_what_they_need(NAME)
    owners = importlib.metadata.packages_distributions()
    return frozenset(module for module, names in owners.items() if not brought & {_plain(name) for name in names})


def _with_what_they_need(name: str) -> set[str]:
    found, next_ones = set[str](), [_plain(name)]
    while next_ones:
        name = next_ones.pop()
        if name in found:
            continue
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        found.add(name)
        next_ones += [_plain(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in needed if not _is_extra(each, name)]
    return found


def _is_extra(requirement: str, name: str) -> bool:
    """True for what comes only with an extra, unless the base install asks for that one: redis[hiredis]."""
    found = re.search(r"extra\s*==\s*['\"]([\w-]+)", requirement)
    return found is not None and (name, found[1]) != ("redis", "hiredis")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
