"""What differs between two revisions, for people. Pure: it reads two rows and says what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

if TYPE_CHECKING:
    from apim.catalog.models import Revision

Operation = Mapping[str, object]
Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing before and after; "" where it is absent."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences, in the order of the later revision."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Change, ...]
    upstream: tuple[Change, ...]
    policies: tuple[Change, ...]
    composites: tuple[Change, ...]
    is_document_changed: bool

    @property
    def is_empty(self) -> bool:
        """True when nothing that callers could notice differs."""
        parts = (self.added, self.removed, self.changed, self.upstream, self.policies, self.composites)
        return not any(parts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The differences in words, one sentence each kind."""
        parts = (
            (gettext("Operations added"), self.added),
            (gettext("Operations removed"), self.removed),
            (gettext("Operations changed"), tuple(change.name for change in self.changed)),
            (gettext("Upstream changed"), tuple(change.name for change in self.upstream)),
            (gettext("Policies changed"), tuple(change.name for change in self.policies)),
            (gettext("Composites changed"), tuple(change.name for change in self.composites)),
        )
        return tuple(f"{title}: {_listed(names)}." for title, names in parts if names)


_LISTED = 5


def compare_revisions(before: Revision, after: Revision) -> Comparison:
    """What changes for callers when `after` runs instead of `before`."""
    old, new = _by_name(before), _by_name(after)
    return Comparison(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(
            Change(name, _described(old[name]), _described(new[name]))
            for name in new
            if name in old and _described(old[name]) != _described(new[name])
        ),
        upstream=_settings_changes(_upstream_facts(before), _upstream_facts(after)),
        policies=_settings_changes(_policy_facts(before), _policy_facts(after)),
        composites=_settings_changes(_composite_facts(before), _composite_facts(after)),
        is_document_changed=before.document != after.document,
    )


def _by_name(revision: Revision) -> dict[str, Operation]:
    if revision.passthrough:
        prefix = str(revision.passthrough.get("prefix", "/")).rstrip("/")
        return {f"{method} {prefix}/*": {} for method in revision.passthrough.get("methods", [])}
    return {f"{each['method']} {each['path']}": each for each in revision.operations}


def _described(operation: Operation) -> str:
    parts = [str(operation.get("summary") or "")]
    if operation.get("tags"):
        parts.append("tags: " + ", ".join(map(str, _sequence(operation["tags"]))))
    if operation.get("deprecated"):
        parts.append("deprecated")
    return "; ".join(part for part in parts if part)


def _upstream_facts(revision: Revision) -> dict[str, str]:
    upstream = revision.upstream or {}
    facts = {f"target {each['url']}": _target_fact(each) for each in upstream.get("targets", [])}
    if upstream.get("timeout_s"):
        facts["timeout"] = f"{upstream['timeout_s']} s"
    groups = {name: group for name, group in upstream.items() if name not in {"targets", "timeout_s"}}
    facts |= {kind: _settings_fact(group) for kind, group in groups.items()}
    if revision.base_path:
        facts["base path"] = revision.base_path
    return facts


def _target_fact(target: Mapping[str, object]) -> str:
    more = [f"{name} {target[name]}" for name in ("priority", "arm") if target.get(name)]
    return ", ".join([f"share {target.get('weight', 100)}", *more])


def _settings_fact(settings: Settings) -> str:
    return ", ".join(f"{name}: {_shown(value)}" for name, value in sorted(settings.items())) or "on"


def _policy_facts(revision: Revision) -> dict[str, str]:
    """By kind, and by its number from the second of a kind on."""
    facts: dict[str, str] = {}
    for kind, settings in (item for policy in revision.policies for item in policy.items()):
        count = sum(name.partition(" ")[0] == kind for name in facts)
        facts[f"{kind} {count + 1}" if count else kind] = _settings_fact(settings)
    return facts


def _composite_facts(revision: Revision) -> dict[str, str]:
    """A fact for each step, so that a change of one is seen as such."""
    facts: dict[str, str] = {}
    for operation, settings in (revision.composites or {}).items():
        own = {name: value for name, value in settings.items() if name not in {"steps", "answer"}}
        facts[operation] = _settings_fact(own)
        for step in settings.get("steps", []):
            rest = {name: value for name, value in step.items() if name != "name"}
            facts[f"{operation}, step {step.get('name')}"] = json.dumps(rest, sort_keys=True, ensure_ascii=False)
        facts[f"{operation}, answer"] = json.dumps(settings.get("answer"), sort_keys=True, ensure_ascii=False)
    return facts


def _settings_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names = dict.fromkeys((*after, *before))
    return tuple(
        Change(name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={text}" for name, text in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else (value,)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    shown = ", ".join(names[:_LISTED])
    return gettext("%(names)s and %(count)s more") % {"names": shown, "count": more} if more > 0 else shown
