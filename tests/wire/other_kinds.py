"""Policy kinds of other packages, where installed ones would be."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, kind: str, module: str) -> None:
    """Put a policy kind where an installed package would be."""
    (site / f"{kind}-1.dist-info").mkdir(parents=True)
    (site / f"{kind}_kind.py").write_text(module)
    (site / f"{kind}-1.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {kind}\nVersion: 1\n")
    (site / f"{kind}-1.dist-info/entry_points.txt").write_text(f"[apim.policies]\n{kind} = {kind}_kind\n")
