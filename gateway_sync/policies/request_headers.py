"""request-headers: fields that the service gets beside those of the caller, or does not get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.field_edits import FieldEdits, dump_edits, read_edits
from gateway_sync.policies.placeholders import LISTED
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import RequestView
from gateway_sync.problems import Problem, Where

KIND = "request-headers"

DESCRIPTION = Description(
    KIND,
    "Headers that the service gets",
    "Sets, adds and removes header fields of the request. Host, what frames the message, fields of the hop and those"
    " that the gateway writes itself (Forwarded, X-Forwarded-*, Via, X-Request-Id, traceparent) cannot be touched. A"
    " policy of a narrower scope acts after a wider one.",
    (
        Setting(
            "set",
            "Set",
            "fields",
            "Fields that replace what the caller sent under these names; one whose value comes out empty is removed.",
            f"Placeholders: {LISTED}.",
        ),
        Setting("add", "Add", "fields", "Fields beside what the caller sent.", "The same placeholders."),
        Setting("remove", "Remove", "words", "Names of fields that the service does not get."),
    ),
    'request-headers: { set: { X-Application: "{application.id}" }, remove: [Cookie] }',
    accumulates=True,
)


@dataclass(frozen=True)
class RequestHeaders(FieldEdits):
    """The edits."""

    @property
    def is_request_alike(self) -> bool:
        """True when equal fields of one caller become equal fields."""
        return self.is_of_caller

    def on_request(self, request: RequestView) -> None:
        """Change the fields."""
        self.edit(request.fields, request)


POLICY = RequestHeaders


def parse(settings: Mapping[str, object], where: Where) -> tuple[RequestHeaders | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = RequestHeaders(*read_edits(reader, is_answer=False))
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: RequestHeaders) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return dump_edits(policy)
