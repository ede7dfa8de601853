"""Releases: a revision let through to callers, once nobody who calls is broken, or somebody answers for it.

Owns: the verdict on a publication and its waiver. Must not know: pages, HTTP; how documents are compared.
"""

from __future__ import annotations

from apim.releases.services import release_version, release_within, roll_back_version
from apim.releases.verdicts import EVIDENCE_SPAN, Verdict, verdict_on

__all__ = [
    "EVIDENCE_SPAN",
    "Verdict",
    "release_version",
    "release_within",
    "roll_back_version",
    "verdict_on",
]
