"""Upstreams as rows: the JSON of a revision, or of a sandbox, read without trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway_sync import rows
from gateway_sync.delivery.json_fields import mapping, mappings, text, whole


def upstream_row(upstream: Mapping[str, Any], arm_weights: object) -> rows.UpstreamRow:
    """Where calls go, as the compiler reads it; what is missing is left for the compiler to tell."""
    targets = tuple(
        rows.TargetRow(
            url=text(target.get("url")),
            weight=whole(target.get("weight", 100)),
            priority=whole(target.get("priority", 0)),
            arm=text(target.get("arm", "")),
        )
        for target in mappings(upstream.get("targets"))
    )
    timeout_s = upstream.get("timeout_s", 30)
    return rows.UpstreamRow(
        targets,
        float(timeout_s) if isinstance(timeout_s, int | float) else 0.0,
        {name: value for name, value in upstream.items() if name not in {"targets", "timeout_s"}},
        {name: whole(weight) for name, weight in mapping(arm_weights).items()},
    )
