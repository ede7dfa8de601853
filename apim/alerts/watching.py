"""Judging every rule each minute, and telling of a firing once.

A run judges the last minutes anew, for records that gateways tell of late; what it finds is matched with the firings
that are known. A firing and the mails about it are written in one transaction under the rule's lock: a worker that is
killed leaves both or neither, and a second worker finds what the first one wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apim.alerts.judging import CLEAR_MINUTES, LOOKBACK, MINUTE, OK, Episode, Minute, Standing, Verdict, judge, walk
from apim.alerts.models import AlertRule, Firing
from apim.alerts.reading import read_minutes
from apim.alerts.telling import tell
from apim.usage.periods import start_of

SETTLES = MINUTE  # gateways tell of a call within seconds; a minute that ended just now waits for the next run
LATE = timedelta(minutes=10)
RESOLVED_FOR = timedelta(minutes=30)
_LONGEST_GAP = timedelta(hours=6)  # after a longer pause of the clockwork, what lies before is not judged any more
_SETTLED_FIELDS = ("state", "state_since", "value", "watched_until")


def watch(now: datetime) -> int:
    """How many firings began. A fixed number of queries for all rules, and some more for each that changes."""
    until = start_of("minute", now - SETTLES)
    rules = list(AlertRule.objects.evaluated().select_related("api__organization", "version", "environment"))
    due = [rule for rule in rules if rule.watched_until is None or rule.watched_until < until]
    if not due:
        return 0
    begins = {rule.pk: _begin(rule, until) for rule in due}
    since = min(begins.values()) - LOOKBACK
    series = read_minutes(due, since, until)
    known = _known_firings(due, min(begins.values()))
    quiet: list[AlertRule] = []
    fired = 0
    for rule in due:
        verdicts = _verdicts(rule, series[rule.pk], skip=round((begins[rule.pk] - since) / MINUTE))
        standing, episodes = walk(
            verdicts,
            begins_at=begins[rule.pk],
            hold=rule.settings["hold"],
            standing=_standing_at(begins[rule.pk], known[rule.pk]),
        )
        _note(rule, standing, verdicts, until)
        if episodes or any(firing.resolved_at is None for firing in known[rule.pk]):
            fired += _settle(rule, episodes, until, now)
        else:
            if rule.state == AlertRule.State.OK and _is_just_over(known[rule.pk], until):
                rule.state = AlertRule.State.RESOLVED
            quiet.append(rule)
    AlertRule.objects.bulk_update(quiet, _SETTLED_FIELDS, batch_size=500)
    return fired


def _begin(rule: AlertRule, until: datetime) -> datetime:
    """Where judging begins: some minutes before the last run's end, and never before the rule was made."""
    made = start_of("minute", rule.created_at)
    last = min(rule.watched_until or made, until)
    again: timedelta = max(LATE, MINUTE * (int(rule.settings["hold"]) + CLEAR_MINUTES + 1))
    return min(max(last - again, until - _LONGEST_GAP, made), until)


def _verdicts(rule: AlertRule, minutes: Sequence[Minute], *, skip: int) -> list[Verdict]:
    return judge(rule.kind, rule.settings, minutes)[skip:]


def _known_firings(rules: Iterable[AlertRule], since: datetime) -> dict[str, list[Firing]]:
    known: dict[str, list[Firing]] = defaultdict(list)
    for firing in Firing.objects.filter(rule__in=rules).exclude(resolved_at__lt=since - RESOLVED_FOR):
        known[firing.rule_id].append(firing)
    return known


def _standing_at(at: datetime, firings: Iterable[Firing]) -> Standing:
    for firing in firings:
        if firing.started_at <= at and (firing.resolved_at is None or firing.resolved_at > at):
            return Standing(AlertRule.State.FIRING, firing.started_at, 0, firing.worst, firing.detail)
    return OK


def _note(rule: AlertRule, standing: Standing, verdicts: Sequence[Verdict], until: datetime) -> None:
    if rule.state != standing.state:
        is_still_over = rule.state == AlertRule.State.RESOLVED and standing.state == AlertRule.State.OK
        if not is_still_over:
            rule.state_since = standing.since or until
        rule.state = standing.state
    rule.value = verdicts[-1].value if verdicts else None
    rule.watched_until = until


def _is_just_over(firings: Iterable[Firing], until: datetime) -> bool:
    return any(firing.resolved_at and until - firing.resolved_at < RESOLVED_FOR for firing in firings)


@transaction.atomic
def _settle(rule: AlertRule, episodes: Sequence[Episode], until: datetime, now: datetime) -> int:
    """How many firings are new. Under the rule's lock; firings are read anew there, another worker may be ahead."""
    locked = AlertRule.objects.select_for_update(of=("self",)).filter(pk=rule.pk).first()
    if locked is None or not locked.is_enabled:
        return 0
    known = list(Firing.objects.filter(rule=rule).order_by("-started_at")[: len(episodes) + 20])
    fired, seen = 0, set()
    for episode in episodes:
        match = next((firing for firing in known if episode.overlaps(firing.started_at, firing.resolved_at)), None)
        if match is not None:
            seen.add(match.pk)
            _update(match, episode)
            continue
        firing = Firing.objects.create(
            rule=rule,
            started_at=episode.start,
            resolved_at=episode.end,
            worst=episode.worst,
            detail=episode.detail,
            was_snoozed=locked.is_snoozed(now),
        )
        fired += 1
        if not firing.was_snoozed:
            tell(rule, firing)
    for firing in known:
        if firing.resolved_at is None and firing.pk not in seen and firing.started_at < until:
            firing.resolved_at = until  # what came late shows that it was none
            firing.save(update_fields=["resolved_at"])
    if rule.state == AlertRule.State.OK:
        rule.state, rule.state_since = AlertRule.State.RESOLVED, until
    rule.save(update_fields=_SETTLED_FIELDS)
    return fired


def _update(firing: Firing, episode: Episode) -> None:
    changed = []
    if firing.resolved_at is None and episode.end is not None:
        firing.resolved_at = episode.end
        changed.append("resolved_at")
    if episode.worst > firing.worst:
        firing.worst, firing.detail = episode.worst, episode.detail
        changed += ["worst", "detail"]
    if changed:
        firing.save(update_fields=changed)
