"""Bringing items from one environment to another, all in one transaction, and taking that back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.comparisons import Comparisons, compared_ahead
from apim.catalog.issuers import delete_issuer, save_issuer
from apim.catalog.models import APIVersion, Deployment
from apim.errors import Conflict, Invalid, NotFound, Problems
from apim.gateways.hosts import delete_host, save_host
from apim.gateways.models import Environment, Host, Issuer
from apim.gateways.services import touch, update_environment
from apim.listing import labelled
from apim.platform.models import Promotion
from apim.platform.promotion.changes import Change, Plan, plan_promotion
from apim.platform.promotion.states import items_of
from apim.products.models import Ceiling
from apim.products.services import set_ceiling
from apim.releases import release_within

State = Mapping[str, Any] | None


def _unheard(*_: object) -> None:
    """Nobody listens."""


def promote(
    *,
    source: Environment,
    target: Environment,
    by: Actor,
    reason: str,
    items: Collection[str] | None = None,
    digest: str = "",
    waiver: str = "",
    moved: Callable[[int, int], None] = _unheard,
    kept: Callable[[Promotion], None] = _unheard,
) -> Promotion:
    """What was brought over: the chosen items (ids of changes), or all that can go.

    Shapes: waiver = why it is right that callers break, as apim.releases has it; "" = they must not. moved hears of how
    many items how many are set, and kept of the promotion, both within the transaction: what they raise undoes it.
    Errors: Invalid platform.same_environment, platform.no_reason, platform.nothing_chosen; NotFound
    platform.no_change; Conflict platform.cannot_go, platform.outdated when digest is another plan's; those of the
    services that hold the rules of each kind.
    """
    if source.pk == target.pk:
        raise Invalid("platform.same_environment", gettext("An environment is not promoted to itself."), field="to")
    if not reason.strip():
        raise Invalid("platform.no_reason", gettext("Say why; it is kept in the audit log."), field="reason")

    def act(comparisons: Comparisons) -> Promotion:
        _lock(source, target)
        plan = plan_promotion(source, target)
        if digest and digest != plan.digest:
            raise Conflict(
                "platform.outdated",
                gettext("One of the environments has changed since you looked."),
                hint=gettext("Look at the changes again."),
            )
        chosen = [_told(change) for change in _chosen(plan, items)]
        _Hand(comparisons, target, by, waiver).apply(chosen, moved)
        promotion = _keep(source, target, chosen, by=by, reason=reason)
        if comparisons.is_complete:  # else all of it is done again
            kept(promotion)
        return promotion

    return compared_ahead(act)


def undo_promotion(*, promotion: Promotion, by: Actor, reason: str) -> Promotion:
    """The promotion that gives the target back what it had.

    Errors: Conflict platform.undone, platform.moved_on when somebody changed an item since.
    """
    source, target = promotion.source, promotion.target

    def act(comparisons: Comparisons) -> Promotion:
        _lock(source, target)
        if Promotion.objects.filter(undoes=promotion).exists():
            raise Conflict("platform.undone", gettext("This was taken back already."))
        there = items_of(target)
        for item in promotion.items:
            held = there.get((item["kind"], item["key"]))
            if held is None or dict(held.state) != item["after"]:
                text = gettext("%(item)s has changed since; taking this back would undo that as well.")
                hint = gettext("Change it by hand.")
                raise Conflict("platform.moved_on", text % {"item": item["label"]}, hint=hint)
        back = [item | {"before": item["after"], "after": item["before"]} for item in reversed(promotion.items)]
        _Hand(comparisons, target, by, reason).apply(back)
        return _keep(source, target, back, by=by, reason=reason, undoes=promotion)

    return compared_ahead(act)


def _lock(*environments: Environment) -> None:
    """One order for all, so that nobody waits for each other."""
    ids = sorted(environment.pk for environment in environments)
    rows = Environment.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    fresh = {row.pk: row for row in rows}
    for environment in environments:
        environment.policies = fresh[environment.pk].policies


def _chosen(plan: Plan, items: Collection[str] | None) -> list[Change]:
    if items is None:
        chosen = plan.possible
    else:
        known = {change.id: change for change in plan.changes}
        if unknown := sorted(set(items) - known.keys()):
            text = gettext("%(item)s is no change between these environments.")
            raise NotFound("platform.no_change", text % {"item": unknown[0]}, field="items")
        chosen = [change for change in plan.changes if change.id in set(items)]
    if refused := [change for change in chosen if change.refusal]:
        raise Problems(
            tuple(
                Conflict("platform.cannot_go", labelled(change.item.label, change.refusal), field="items")
                for change in refused
            )
        )
    if not chosen:
        raise Invalid("platform.nothing_chosen", gettext("Nothing is chosen that can go."), field="items")
    return chosen


def _told(change: Change) -> dict[str, Any]:
    item = change.item
    before = dict(change.before) if change.before is not None else None
    return {"kind": item.kind, "key": item.key, "label": item.label, "before": before, "after": dict(item.state)}


def _keep(
    source: Environment,
    target: Environment,
    items: list[dict[str, Any]],
    *,
    by: Actor,
    reason: str,
    undoes: Promotion | None = None,
) -> Promotion:
    promotion = Promotion.objects.create(
        source=source, target=target, items=items, reason=reason.strip()[:500], made_by=by.label, undoes=undoes
    )
    record(
        by=by,
        action="environment.promote" if undoes is None else "environment.promotion_undone",
        target=target,
        after={"from": source.name, "items": [f"{item['kind']}:{item['key']}" for item in items]},
        reason=reason.strip(),
    )
    return promotion


@dataclass(frozen=True, slots=True)
class _Hand:
    """Sets items of an environment, each by the service that holds its rules. Shapes: after None = it has none then."""

    comparisons: Comparisons
    target: Environment
    by: Actor
    waiver: str

    def apply(self, items: list[dict[str, Any]], moved: Callable[[int, int], None] = _unheard) -> None:
        """Set all of them; what belongs to the environment's own row goes at once."""
        changes: dict[str, Any] = {}
        policies = {kind: settings for policy in self.target.policies for kind, settings in policy.items()}
        for number, item in enumerate(items):
            moved(number, len(items))
            kind, key, after = item["kind"], item["key"], item["after"]
            if kind == "policy":
                policies.pop(key, None)
                if after is not None:
                    policies[key] = after["settings"]
                changes["policies"] = [{name: settings} for name, settings in policies.items()]
            elif kind == "limits":
                changes |= after
            else:
                self._set(kind, key, after)
        if changes:
            update_environment(environment=self.target, changes=changes, by=self.by)

    def _set(self, kind: str, key: str, after: State) -> None:
        if kind == "version":
            self._set_version(key, after)
        elif kind == "ceiling":
            set_ceiling(by=self.by, environment=self.target, **(after or dict.fromkeys(Ceiling.LIMITS)))
        elif kind == "issuer":
            self._set_issuer(key, after)
        elif kind == "host" and after is not None:
            save_host(environment=self.target, name=key, by=self.by, changes=after)
        elif kind == "host":
            delete_host(host=Host.objects.get(environment=self.target, name=key), by=self.by)

    def _set_version(self, key: str, after: State) -> None:
        api, _, name = key.partition("/")
        version = APIVersion.objects.select_related("api").get(api__name=api, name=name)
        if after is not None:
            release_within(
                self.comparisons,
                version=version,
                by=self.by,
                revision=version.revisions.get(number=after["revision"]),
                environment=self.target,
                waiver=self.waiver,
            )
            return
        deployment = Deployment.objects.get(environment=self.target, version=version)
        record(
            by=self.by,
            action="revision.withdraw",
            target=deployment,
            before=state_of(deployment),  # charts tell by it what ended where: the row is gone
            organization_id=version.api.organization_id,
        )
        deployment.delete()
        touch([self.target.pk])

    def _set_issuer(self, key: str, after: State) -> None:
        if after is None:
            delete_issuer(issuer=Issuer.objects.get(environment=self.target, name=key), by=self.by)
            return
        organizations = list(Organization.objects.filter(name__in=after["organizations"]))
        changes = {**after, "organizations": organizations}
        save_issuer(environment=self.target, name=key, by=self.by, changes=changes)
