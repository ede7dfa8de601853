"""The real calls: every few seconds a handful of them, with the demo's keys, through the gateway.

One worker sends at a time: the row says when the next may begin, and who moves that time on is the one. A tick is
bounded, so a stopped demo is silent within seconds, and a killed worker costs one tick.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

import httpx
from django.db.models import F
from django.utils import timezone

from apim.demo.customers import VERSION, keys_of
from apim.demo.models import Demo, DemoRefusal
from apim.demo.shape import PARTNER, Call, calls_between
from apim.gateways.models import Environment
from apim.usage.periods import start_of
from apim.usage.upserts import add_up

logger = logging.getLogger(__name__)

TICK_S = 5
_AT_MOST_S = 4.0
_TIMEOUT_S = 3.0
_AT_MOST = 10  # calls of a tick
_KEY_HEADER = "X-API-Key"


def send_due(now: datetime | None = None) -> int:
    """The calls sent by this tick; 0 when the demo is off, or another worker has this tick."""
    now = now or timezone.now()
    due = Demo.objects.filter(is_on=True, next_tick_at__lte=now)
    if not due.update(next_tick_at=now + timedelta(seconds=TICK_S - 1)):
        return 0
    demo = Demo.objects.first()
    environment = Environment.objects.filter(id=demo.environment_id).first() if demo else None
    if demo is None or environment is None:
        return 0
    calls = calls_between(now, TICK_S)[:_AT_MOST]
    if not calls:
        return 0
    sent, error = _send(environment.base_url, keys_of(demo), calls)
    Demo.objects.update(sent=F("sent") + sent, error=error[:255], **({"last_sent_at": timezone.now()} if sent else {}))
    return sent


def _send(base_url: str, keys: dict[str, str], calls: list[Call]) -> tuple[int, str]:
    """How many calls were answered, and why the rest were not."""
    ends_at, sent = time.monotonic() + _AT_MOST_S, 0
    with httpx.Client(base_url=base_url, timeout=_TIMEOUT_S, trust_env=False) as client:
        for call in calls:
            if time.monotonic() >= ends_at or not Demo.objects.filter(is_on=True).exists():
                break
            try:
                _request(client, keys, call)
            except httpx.TimeoutException:  # slow is what some of them are meant to be
                logger.info("the demo gave up waiting for %s", call.action.operation)
            except httpx.HTTPError as error:
                logger.warning("the demo cannot call the gateway at %s: %s", base_url, error)
                return sent, "\n".join((f"The gateway at {base_url} cannot be reached.", str(error)))
            sent += 1
            if call.action.application == PARTNER:
                add_up(DemoRefusal, ("at",), ("calls",), {(start_of("minute", timezone.now()),): (1,)})
    return sent, ""


def _request(client: httpx.Client, keys: dict[str, str], call: Call) -> None:
    action = call.action
    headers = {_KEY_HEADER: keys[action.application], "User-Agent": f"apim-demo {action.application}"}
    if call.fault:
        headers["X-Demo-Status"] = str(call.fault)
    if call.delay_ms:
        headers["X-Demo-Delay-Ms"] = str(call.delay_ms)
    client.request(action.method, f"/{action.api}/{VERSION}{action.path}", headers=headers, json=action.body)
