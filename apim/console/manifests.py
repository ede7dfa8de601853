"""What differs between two published states. Pure: it compares digests by fragment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

from apim.gateways.sandbox import is_twin, original_id
from gateway_sync.snapshot import api_fragment

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_NAMES = {"environment": gettext_lazy("Environment settings"), "products": gettext_lazy("Products and plans")}


@dataclass(frozen=True, slots=True)
class FragmentChange:
    """One part that differs. Shapes: act is added, changed or removed; api_id is "" for parts that are no API."""

    act: str
    name: str | _StrPromise
    api_id: str
    is_sandbox: bool = False


def compare_manifests(before: Mapping[str, object], after: Mapping[str, object]) -> list[FragmentChange]:
    """The parts that differ; a first publication adds all of its parts."""
    old, new = _fragments(before), _fragments(after)
    return [
        FragmentChange(
            _act(old.get(name), new.get(name)), _NAMES.get(name, name), original_id(_api_id(name)), is_twin(name)
        )
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _fragments(manifest: Mapping[str, object]) -> Mapping[str, object]:
    fragments = manifest.get("fragments", {})
    return fragments if isinstance(fragments, Mapping) else {}


def _act(before: object, after: object) -> str:
    if before is None:
        return "added"
    return "changed" if after is not None else "removed"


def _api_id(name: str) -> str:
    prefix = api_fragment("")
    return name.removeprefix(prefix) if name.startswith(prefix) else ""
