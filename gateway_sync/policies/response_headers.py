"""response-headers: fields that the caller gets beside those of the service, or does not get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.field_edits import FieldEdits, dump_edits, read_edits
from gateway_sync.policies.placeholders import LISTED
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import AnswerView, RequestView
from gateway_sync.problems import Problem, Where

KIND = "response-headers"

DESCRIPTION = Description(
    KIND,
    "Headers that the caller gets",
    "Sets, adds and removes header fields of answers: the service's, and those that other policies give in its place."
    " Refusals of the gateway stay as they are. What frames the message, fields of the hop and those that the gateway"
    " writes itself cannot be touched.",
    (
        Setting(
            "set",
            "Set",
            "fields",
            "Fields that replace what the service sent under these names; one whose value comes out empty is removed.",
            f"Placeholders: {LISTED}.",
        ),
        Setting("add", "Add", "fields", "Fields beside what the service sent.", "The same placeholders."),
        Setting("remove", "Remove", "words", "Names of fields that the caller does not get."),
    ),
    "response-headers: { set: { Cache-Control: no-store }, remove: [X-Debug] }",
    accumulates=True,
)


@dataclass(frozen=True)
class ResponseHeaders(FieldEdits):
    """The edits."""

    @property
    def is_answer_alike(self) -> bool:
        """True when equal answers become equal answers, whoever asked."""
        return self.is_fixed

    def on_answer(self, request: RequestView, answer: AnswerView) -> None:
        """Change the fields."""
        self.edit(answer.fields, request)


POLICY = ResponseHeaders


def parse(settings: Mapping[str, object], where: Where) -> tuple[ResponseHeaders | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = ResponseHeaders(*read_edits(reader, is_answer=True))
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: ResponseHeaders) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return dump_edits(policy)
