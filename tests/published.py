"""Published OpenAPI documents, which script/test fetches from npm (script/tooling/documents.py) and nobody commits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apim.up.options import ROOT

FOLDER = Path(os.environ.get("APIM_REAL_DOCUMENTS") or ROOT / ".venv" / "published-documents")


def published_text(name: str) -> str:
    """The text of a published document; the test is skipped, with the reason, when it was not fetched."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} was not fetched: script/test does, with npm")
    return path.read_text(encoding="utf-8")
