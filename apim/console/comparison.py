"""What differs between two revisions, for people. Pure: it reads two rows and says what changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from apim.console.setting_names import kind_title, named_settings
from apim.listing import clauses, enumerated, labelled

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
        named = ({"title": title, "names": _listed(names)} for title, names in parts if names)
        return tuple(gettext("%(title)s: %(names)s.") % each for each in named)


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
        parts.append(labelled(gettext("tags"), enumerated(_sequence(operation["tags"]))))
    if operation.get("deprecated"):
        parts.append(gettext("deprecated"))
    return clauses(part for part in parts if part)


def _upstream_facts(revision: Revision) -> dict[str, str]:
    upstream = revision.upstream or {}
    facts = {
        gettext("target %(url)s") % {"url": each["url"]}: _target_fact(each) for each in upstream.get("targets", [])
    }
    if upstream.get("timeout_s"):
        facts[gettext("Time-out of the service")] = gettext("%(seconds)s s") % {"seconds": upstream["timeout_s"]}
    groups = {name: group for name, group in upstream.items() if name not in {"targets", "timeout_s"}}
    facts |= {kind_title(kind): _settings_fact(kind, group) for kind, group in groups.items()}
    if revision.base_path:
        facts[gettext("Path in front of all operations")] = revision.base_path
    return facts


def _target_fact(target: Mapping[str, object]) -> str:
    words = (
        gettext("share %(weight)s") % {"weight": target.get("weight", 100)},
        gettext("priority %(priority)s") % {"priority": target["priority"]} if target.get("priority") else "",
        gettext("arm %(arm)s") % {"arm": target["arm"]} if target.get("arm") else "",
    )
    return enumerated(filter(None, words))


def _settings_fact(kind: str, settings: Settings) -> str:
    return named_settings(kind, dict(sorted(settings.items()))) or gettext("on")


def _policy_facts(revision: Revision) -> dict[str, str]:
    """By kind, and by its number from the second of a kind on."""
    facts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for kind, settings in (item for policy in revision.policies for item in policy.items()):
        counts[kind] += 1
        name = kind_title(kind) if counts[kind] == 1 else f"{kind_title(kind)} {counts[kind]}"
        facts[name] = _settings_fact(kind, settings)
    return facts


def _composite_facts(revision: Revision) -> dict[str, str]:
    """A fact for each step, so that a change of one is seen as such."""
    facts: dict[str, str] = {}
    for operation, settings in (revision.composites or {}).items():
        own = {name: value for name, value in settings.items() if name not in {"steps", "answer"}}
        facts[operation] = _settings_fact("", own)
        for step in settings.get("steps", []):
            rest = {name: value for name, value in step.items() if name != "name"}
            name = gettext("%(operation)s, step %(step)s") % {"operation": operation, "step": step.get("name")}
            facts[name] = json.dumps(rest, sort_keys=True, ensure_ascii=False)
        name = gettext("%(operation)s, answer") % {"operation": operation}
        facts[name] = json.dumps(settings.get("answer"), sort_keys=True, ensure_ascii=False)
    return facts


def _settings_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names = dict.fromkeys((*after, *before))
    return tuple(
        Change(name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    )


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else (value,)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    shown = enumerated(names[:_LISTED])
    return gettext("%(names)s and %(count)s more") % {"names": shown, "count": more} if more > 0 else shown
