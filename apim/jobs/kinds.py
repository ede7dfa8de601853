"""The registry: every kind of job, and what does it.

Owns: the declarations; each app makes its own in its `job_kinds`. Must not know: who asks, when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from apim.jobs.work import Work


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job.

    Shapes: do works for some seconds, in transactions of its own. It ends the job by work.finish in the transaction of
    its last write, or returns without: then it is called again, and goes on from work.cursor. A refusal (apim.errors)
    fails the job, and is shown. is_repeatable = who asked may have it done again after it failed or was canceled.
    scope = what a token must have for jobs of the kind, of apim.accounts.scopes.
    """

    name: str
    title: str | _StrPromise
    do: Callable[[Work], None]
    is_repeatable: bool = True
    scope: str = "admin"


_KINDS: Final[dict[str, JobKind]] = {}


def declare(*kinds: JobKind) -> None:
    """Put kinds in the registry; a name belongs to one."""
    for kind in kinds:
        if _KINDS.setdefault(kind.name, kind) is not kind:
            raise ValueError(f"two kinds of job are named {kind.name}")


def job_kinds() -> list[JobKind]:
    """Every kind, by its name."""
    return [_KINDS[name] for name in sorted(_KINDS)]


def job_kind(name: str) -> JobKind | None:
    """The kind of this name; None for one that an earlier release had."""
    return _KINDS.get(name)
