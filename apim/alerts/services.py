"""Making, changing, snoozing and deleting alert rules, and previewing them. Every write is audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from apim.alerts.judging import LOOKBACK, MINUTE, Episode, Verdict, judge, walk
from apim.alerts.models import AlertRule
from apim.alerts.reading import read_minutes
from apim.alerts.templates import GATEWAY_LAG, TEMPLATES, checked_settings
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import API
from apim.errors import Conflict, Invalid
from apim.usage.periods import start_of
from apim.validation import require_known

PREVIEW = timedelta(days=7)
MOST_RULES = 50  # of an API
MOST_RECIPIENTS = 10
_CHANGEABLE = {"name", "version", "environment", "settings", "recipients", "is_enabled"}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would have done. Shapes: verdicts of each minute from since on; episodes as the rule would fire."""

    since: datetime
    verdicts: Sequence[Verdict]
    episodes: Sequence[Episode]


@transaction.atomic
def create_rule(*, api: API | None, kind: str, by: Actor, **values: Any) -> AlertRule:
    """A new rule, watched from the next minute on; one about gateways has no API.

    Errors: Conflict alerts.too_many, those of checked_settings, Invalid alerts.recipients.
    """
    if api is not None:
        API.objects.select_for_update(no_key=True).get(pk=api.pk)
    if AlertRule.objects.filter(api=api).count() >= MOST_RULES:
        raise Conflict(
            "alerts.too_many",
            _("%(api)s has %(most)d rules, which is the most.") % {"api": api or _("gateways"), "most": MOST_RULES},
            hint=_("Delete one that nobody looks at."),
        )
    rule = draft_rule(api=api, kind=kind, **values)
    rule.created_by = by.label
    rule.save(force_insert=True)
    record(by=by, action="alert_rule.create", target=rule, after=state_of(rule), organization_id=organization_of(rule))
    return rule


def draft_rule(*, api: API | None, kind: str, **values: Any) -> AlertRule:
    """A rule that is not kept, for a preview; checked like one that is.

    Errors: those of create_rule but alerts.too_many.
    """
    if (api is None) != (kind == GATEWAY_LAG):
        message = _("Gateways belong to no API.") if kind == GATEWAY_LAG else _("Say which API it is about.")
        raise Invalid("alerts.api", message, field="api")
    rule = AlertRule(api=api, kind=kind)
    _fill(rule, {"settings": {}, "name": "", **values})
    return rule


@transaction.atomic
def update_rule(*, rule: AlertRule, changes: Mapping[str, Any], by: Actor) -> AlertRule:
    """The rule as told; with other settings it is judged from now on, as if it were new."""
    rule = AlertRule.objects.select_for_update(of=("self",)).select_related("api").get(pk=rule.pk)
    before = state_of(rule)
    _fill(rule, changes)
    if rule.settings != before["settings"] or not rule.is_enabled:
        now = timezone.now()
        rule.firings.open().update(resolved_at=now)
        rule.state, rule.state_since = AlertRule.State.OK, now
        rule.watched_until = start_of("minute", now)
    rule.save()
    _audit("alert_rule.update", rule, by, before)
    return rule


@transaction.atomic
def snooze_rule(*, rule: AlertRule, until: datetime | None, by: Actor) -> AlertRule:
    """The rule, about which nobody is told until then; None wakes it."""
    rule = AlertRule.objects.select_for_update(of=("self",)).select_related("api").get(pk=rule.pk)
    before = state_of(rule)
    rule.snoozed_until = until
    rule.save(update_fields=["snoozed_until", "updated_at"])
    _audit("alert_rule.snooze", rule, by, before)
    return rule


@transaction.atomic
def delete_rule(*, rule: AlertRule, by: Actor) -> None:
    """Delete the rule and the list of its firings."""
    record(by=by, action="alert_rule.delete", target=rule, before=state_of(rule), organization_id=organization_of(rule))
    rule.delete()


def preview(rule: AlertRule, now: datetime) -> Preview:
    """What the rule, saved or not, would have done in the last seven days, by the evaluator that watches."""
    until = start_of("minute", now)
    since = until - PREVIEW
    rule.pk = rule.pk or "preview"
    minutes = read_minutes([rule], since - LOOKBACK, until)[rule.pk]
    verdicts = judge(rule.kind, rule.settings, minutes)[LOOKBACK // MINUTE :]
    _, episodes = walk(verdicts, begins_at=since, hold=rule.settings["hold"])
    return Preview(since, verdicts, episodes)


def organization_of(rule: AlertRule) -> str:
    """Whose business the rule is; "" = the installation's."""
    return rule.api.organization_id if rule.api is not None else ""


def _fill(rule: AlertRule, changes: Mapping[str, Any]) -> None:
    require_known(changes, _CHANGEABLE, prefix="alerts", noun=gettext("An alert rule"))
    for name, value in changes.items():
        setattr(rule, name, value)
    if "settings" in changes:
        rule.settings = checked_settings(rule.kind, changes["settings"])
    rule.name = rule.name.strip() or str(_(TEMPLATES[rule.kind].title))
    if rule.version is not None and rule.version.api_id != rule.api_id:
        raise Invalid("alerts.version", _("This version belongs to another API."), field="version")
    if len(rule.recipients) > MOST_RECIPIENTS:
        message = _("At most %(most)d people can be told.") % {"most": MOST_RECIPIENTS}
        raise Invalid("alerts.recipients", message, field="recipients")
    for address in rule.recipients:
        try:
            validate_email(address)
        except ValidationError as error:
            message = _("%(address)s is no e-mail address.") % {"address": address}
            raise Invalid("alerts.recipients", message, field="recipients") from error


def _audit(action: str, rule: AlertRule, by: Actor, before: dict[str, Any]) -> None:
    record(
        by=by, action=action, target=rule, before=before, after=state_of(rule), organization_id=organization_of(rule)
    )
