"""fault: delays calls or answers them with an error, to see how callers take it.

A policy has no chance of its own: which calls are meant follows from the request's id, which never comes twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import Answer, RequestView, fault_of_field
from gateway_sync.problems import Problem, Where

KIND = "fault"
LONGEST_MS = 60_000

DESCRIPTION = Description(
    KIND,
    "Fault injection",
    "Delays a share of the calls, or answers them with an error instead of asking the service, to see how callers take"
    " it.",
    (
        Setting("share", "Share", "number", "Percent of the calls that are meant.", default="100"),
        Setting("header", "Header", "text", "Only calls with this header are meant.", "Such as X-Try-Fault."),
        Setting("delay", "Delay", "duration", "How long such a call is held before it goes on.", "At most 60s."),
        Setting("abort", "Status", "number", "The status of the error that such a call gets, from 400 to 599."),
    ),
    "fault: { share: 5, delay: 2s }",
    accumulates=True,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Shapes: header "" = all calls; delay_ms 0 = none; abort 0 = none. Units: share in percent."""

    share: int = 100
    header: str = ""
    delay_ms: int = 0
    abort: int = 0

    def on_request(self, request: RequestView) -> Answer | None:
        """An error, after the delay where there is one; None when the call goes on."""
        if (self.header and not request.fields.get(self.header)) or not self._means(request.request_id):
            return None
        request.delay_ms += self.delay_ms
        if not self.abort:
            return None
        body = b'{"type":"about:blank","title":"Injected fault","status":%d}' % self.abort
        return Answer(self.abort, (("Content-Type", "application/problem+json"),), body)

    def _means(self, request_id: str) -> bool:
        if self.share == 100:  # noqa: PLR2004 - percent
            return True
        draw = int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=4, person=KIND.encode()).digest())
        return draw % 100 < self.share


POLICY = Fault


def parse(settings: Mapping[str, object], where: Where) -> tuple[Fault | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = Fault(
        reader.integer("share", 100, least=1, most=100),
        reader.text("header"),
        reader.duration_ms("delay", 0),
        reader.integer("abort", 0, most=599),
    )
    if policy.header and (fault := fault_of_field(policy.header)):
        reader.refuse("header", fault)
    if policy.delay_ms > LONGEST_MS:
        reader.refuse("delay", "A call is held for 60 seconds at most.")
    if 0 < policy.abort < 400:  # noqa: PLR2004 - named in the message
        reader.refuse("abort", f"{policy.abort} is no error.", "Write a status from 400 to 599.")
    if not policy.delay_ms and not policy.abort:
        reader.refuse("", "Neither a delay nor an error is given.", 'Write "delay: 2s" or "abort: 503".', 3)
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Fault) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "share": policy.share,
        "header": policy.header,
        "delay": f"{policy.delay_ms}ms",
        "abort": policy.abort,
    }
