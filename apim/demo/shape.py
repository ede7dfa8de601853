"""The shape of the made traffic: who calls what, how often at which hour, and how it ends. Pure, but for its dice.

One description drives both the real calls and the made history, so that the charts show no seam between them. The same
minute always gives the same calls: a history that is made twice is the same history.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

QUOTA_AN_HOUR = 30  # what the application over its quota may call; it calls _STEADY_A_MINUTE times 60
SHOP, MOBILE, REPORTS, PARTNER = "web-shop", "mobile-app", "month-end", "nightly-sync"
BANK, TRADING = "bank", "trading"
_STEADY_A_MINUTE = 2.0
_REVOKED_A_MINUTE = 0.3
_NIGHT, _DAY = 3.0, 22.0  # calls a minute of the others at night, and what a busy day adds
_OPENS, _CLOSES = 5, 22  # hours in UTC between which it is day
_WEEKEND = 0.55
_SATURDAY = 5
_USUAL_FAILURES, _USUAL_SLOW = 0.006, 0.02
_INCIDENT_SHARE = 0.35
_MS = 1000


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an application does. Shapes: path is below the version's address; body None sends none."""

    application: str
    api: str
    operation: str
    path: str
    weight: float
    usual_ms: float
    answer: int = HTTPStatus.OK
    body: dict[str, str] | None = None
    response_bytes: int = 420

    @property
    def method(self) -> str:
        """Such as GET."""
        return self.operation.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Call:
    """One call to send, or one that the history tells of.

    Shapes: fault is the status that the service is told to answer with, 0 = none; delay_ms what it is told to wait.
    """

    action: Action
    fault: int = 0
    delay_ms: int = 0


def _transfer(payer: str, payee: str, amount: str) -> dict[str, str]:
    return {"from": payer, "to": payee, "amount": amount, "text": "Demo"}


_ACCOUNT, _ENTRIES = "GET /accounts/{id}", "GET /accounts/{id}/transactions"
ACTIONS: tuple[Action, ...] = (
    Action(SHOP, BANK, "GET /accounts", "/accounts?limit=5", 5, 6, response_bytes=1100),
    Action(SHOP, BANK, _ACCOUNT, "/accounts/acc-1", 8, 4),
    Action(SHOP, BANK, _ENTRIES, "/accounts/acc-1/transactions?limit=10", 4, 9, response_bytes=1900),
    Action(SHOP, BANK, "POST /transfers", "/transfers", 1, 24, HTTPStatus.CREATED, _transfer("acc-1", "acc-2", "0.01")),
    Action(SHOP, BANK, "POST /transfers", "/transfers", 1, 24, HTTPStatus.CREATED, _transfer("acc-2", "acc-1", "0.01")),
    Action(SHOP, BANK, _ACCOUNT, "/accounts/acc-99", 0.4, 4, HTTPStatus.NOT_FOUND, response_bytes=80),
    Action(MOBILE, BANK, _ACCOUNT, "/accounts/acc-3", 9, 4),
    Action(MOBILE, BANK, _ENTRIES, "/accounts/acc-3/transactions?limit=20", 7, 10, response_bytes=2600),
    Action(MOBILE, TRADING, "GET /quotes/{symbol}", "/quotes/ACME", 6, 5, response_bytes=150),
    Action(MOBILE, TRADING, "GET /instruments", "/instruments", 2, 7, response_bytes=640),
    Action(REPORTS, BANK, _ENTRIES, "/accounts/acc-2/transactions?limit=100", 1, 12, response_bytes=5200),
    Action(PARTNER, BANK, "GET /accounts", "/accounts", 1, 1),
)
_BUSY = tuple(action for action in ACTIONS if action.application in {SHOP, MOBILE})
_WEIGHTS = tuple(action.weight for action in _BUSY)
_REPORT = next(action for action in ACTIONS if action.application == REPORTS)
_SYNC = next(action for action in ACTIONS if action.application == PARTNER)


def busy_calls_a_minute(at: datetime) -> float:
    """How often the shop and the mobile app call: a hill from early morning to late evening, lower at weekends."""
    local = at.astimezone(UTC)
    hour = local.hour + local.minute / 60
    hill = math.sin(math.pi * (hour - _OPENS) / (_CLOSES - _OPENS)) if _OPENS <= hour <= _CLOSES else 0.0
    return (_NIGHT + _DAY * max(hill, 0.0)) * (_WEEKEND if local.weekday() >= _SATURDAY else 1.0)


def incident_at(at: datetime) -> str:
    """What goes wrong at this time: "failing", "slow" or "" for nothing. Not the same hour each day."""
    local = at.astimezone(UTC)
    day = local.toordinal()
    minute = local.hour * 60 + local.minute
    failing_from, slow_from = 9 * 60 + day * 97 % 480, 8 * 60 + day * 61 % 540
    if day % 3 == 0 and failing_from <= minute < failing_from + 18:
        return "failing"
    return "slow" if day % 4 == 1 and slow_from <= minute < slow_from + 25 else ""


def calls_between(since: datetime, seconds: float) -> list[Call]:
    """The calls of a stretch of up to a minute, by the dice of its beginning."""
    dice = random.Random(f"{since.timestamp():.0f}")  # noqa: S311 - traffic, no secrets
    share = seconds / 60
    calls = [_busy_call(dice, since) for _ in range(_times(dice, busy_calls_a_minute(since) * share))]
    calls += [Call(_REPORT)] * _times(dice, _STEADY_A_MINUTE * share)
    calls += [Call(_SYNC)] * _times(dice, _REVOKED_A_MINUTE * share)
    return calls


@dataclass(frozen=True, slots=True)
class Told:
    """A call of the history, as roll-ups know it. Shapes: code is the gateway's own, "" for the service's answers."""

    action: Action
    status: int
    code: str
    duration_us: int


def history_of(minute: datetime) -> Iterator[Told]:
    """How the calls of a whole minute went."""
    dice = random.Random(f"history {minute.timestamp():.0f}")  # noqa: S311 - traffic, no secrets
    for call in calls_between(minute, 60):
        if call.action is _SYNC:
            yield Told(call.action, HTTPStatus.UNAUTHORIZED, "unauthenticated", round(dice.uniform(150, 400)))
        elif call.action is _REPORT and minute.minute * _STEADY_A_MINUTE >= QUOTA_AN_HOUR:
            yield Told(call.action, HTTPStatus.TOO_MANY_REQUESTS, "quota-exceeded", round(dice.uniform(200, 500)))
        else:
            took_ms = call.action.usual_ms * dice.lognormvariate(0, 0.35) + call.delay_ms
            yield Told(call.action, call.fault or call.action.answer, "", round(took_ms * _MS))


def minutes_between(since: datetime, until: datetime) -> Iterator[datetime]:
    """Each minute that begins in [since, until)."""
    while since < until:
        yield since
        since += timedelta(minutes=1)


def _busy_call(dice: random.Random, at: datetime) -> Call:
    action = dice.choices(_BUSY, _WEIGHTS)[0]
    trouble, luck = incident_at(at), dice.random()
    if action.body is not None:  # the gateway makes a transfer of several calls, and does not pass faults on to them
        return Call(action)
    is_hit = action.api == BANK and luck < _INCIDENT_SHARE
    if luck < _USUAL_FAILURES or (trouble == "failing" and is_hit):
        return Call(action, fault=HTTPStatus.SERVICE_UNAVAILABLE)
    if luck < _USUAL_FAILURES + _USUAL_SLOW or (trouble == "slow" and is_hit):
        return Call(action, delay_ms=dice.randint(700, 1600))
    return Call(action)


def _times(dice: random.Random, expected: float) -> int:
    """A whole number that is `expected` on average."""
    noisy = expected * dice.uniform(0.8, 1.2)
    return int(noisy + dice.random())
