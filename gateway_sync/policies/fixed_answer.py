"""fixed-answer: answers with the same words each time instead of asking the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.field_edits import check_value
from gateway_sync.policies.placeholders import LISTED, Text
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import Answer, RequestView, fault_of_field
from gateway_sync.problems import Problem, Where

KIND = "fixed-answer"
_LEAST, _MOST = 200, 599
_BODILESS = (204, 205, 304)
_LARGEST = 65_536

DESCRIPTION = Description(
    KIND,
    "Fixed answer",
    "Answers by itself, for a service that is closed, moved or not built yet. The service is not asked.",
    (
        Setting("status", "Status", "number", "The status of the answer, from 200 to 599.", is_required=True),
        Setting("headers", "Headers", "fields", "Header fields of the answer.", f"Placeholders: {LISTED}."),
        Setting("contentType", "Type", "text", "The media type of the body.", default="application/json"),
        Setting("body", "Body", "lines", "The body, as it is sent.", "At most 64 KiB."),
    ),
    'fixed-answer: { status: 503, headers: { Retry-After: 3600 }, body: \'{"detail": "Closed until Monday"}\' }',
)


@dataclass(frozen=True)
class FixedAnswer:
    """Shapes: headers are pairs of name and text with placeholders."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    body: str = ""

    @cached_property
    def _headers(self) -> tuple[tuple[str, Text], ...]:
        return tuple((name, Text(text)) for name, text in self.headers)

    @cached_property
    def _content(self) -> bytes:
        return self.body.encode()

    def on_request(self, request: RequestView) -> Answer:
        """The answer."""
        fields = [(name, text.render(request)) for name, text in self._headers]
        if self._content:
            fields.append(("Content-Type", self.content_type))
        return Answer(self.status, tuple(fields), self._content)


POLICY = FixedAnswer


def parse(settings: Mapping[str, object], where: Where) -> tuple[FixedAnswer | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("status")
    policy = FixedAnswer(
        reader.integer("status", _LEAST, least=_LEAST, most=_MOST),
        reader.pairs("headers"),
        reader.text("contentType", "application/json"),
        reader.text("body"),
    )
    for name, text in policy.headers:
        check_value(reader, "headers", name, text)
        if fault := fault_of_field(name, is_answer=True):
            reader.refuse("headers", fault)
        elif name.lower() in {"content-type", "content-encoding"}:
            reader.refuse("headers", f'"{name}" is not set here.', 'Use "contentType".')
    check_value(reader, "contentType", "Content-Type", policy.content_type)
    if policy.body and policy.status in _BODILESS:
        reader.refuse("body", f"An answer of {policy.status} has no body.")
    if len(policy.body.encode(errors="replace")) > _LARGEST:
        reader.refuse("body", '"body" is larger than 64 KiB.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: FixedAnswer) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "status": policy.status,
        "headers": dict(policy.headers),
        "contentType": policy.content_type,
        "body": policy.body,
    }
