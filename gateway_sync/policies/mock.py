"""mock: answers as the version's document says the service would, without the service.

The control plane rendered the answers, from the document's examples or from its schemas. A caller may prefer one
(RFC 7240): `Prefer: code=404`, `Prefer: example=empty`, as common mock servers understand it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway_sync.policies.contracts import AnswerContract
from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.views import Answer, RequestView, RouteFacts
from gateway_sync.problems import Problem, Where

KIND = "mock"
_PREFERENCE = re.compile(r"\b(code|example)\s*=\s*\"?([A-Za-z0-9._~-]+)\"?", re.IGNORECASE)
_BODILESS = (204, 205, 304)

DESCRIPTION = Description(
    KIND,
    "Mock answers",
    "Answers in the service's place with the examples of the version's OpenAPI document, or with values made from its"
    " schemas. The first answer of 2xx is given, unless the caller prefers another one.",
    (
        Setting(
            "prefer",
            "Callers may choose",
            "flag",
            "Whether `Prefer: code=404` and `Prefer: example=<name>` choose an answer.",
            default="true",
        ),
    ),
    "mock: { prefer: true }",
    contract="answers",
)


@dataclass(frozen=True, slots=True)
class Mock:
    """Whether callers may choose."""

    prefer: bool = True


POLICY = Mock


@dataclass(frozen=True, slots=True)
class BoundMock:
    """The answers of one route. Shapes: at least one; in the order of the document."""

    policy: Mock
    answers: tuple[AnswerContract, ...]

    def on_request(self, request: RequestView) -> Answer:
        """The answer."""
        wanted = dict(_PREFERENCE.findall(request.fields.get("Prefer").lower())) if self.policy.prefer else {}
        answers, applied = self._preferred(wanted)
        chosen = _acceptable(answers, request.fields.get("Accept"))
        fields = [("Content-Type", chosen.media_type)] if chosen.body and chosen.media_type else []
        if applied:
            fields.append(("Preference-Applied", ", ".join(applied)))
        if self.policy.prefer:
            fields.append(("Vary", "Prefer, Accept"))
        body = b"" if chosen.status in _BODILESS else chosen.body.encode()
        return Answer(chosen.status, tuple(fields), body)

    def _preferred(self, wanted: Mapping[str, str]) -> tuple[Sequence[AnswerContract], list[str]]:
        """The answers with the status to give, and which preferences were met."""
        applied = []
        answers: Sequence[AnswerContract] = self.answers
        if code := wanted.get("code"):
            found = [each for each in answers if str(each.status) == code]
            if found:
                answers = found
                applied.append(f"code={code}")
        if name := wanted.get("example"):
            found = [each for each in answers if each.example.lower() == name]
            if found:
                answers = found
                applied.append(f"example={name}")
        if not applied:
            successes = [each.status for each in answers if 200 <= each.status < 300]  # noqa: PLR2004 - 2xx
            status = min(successes, default=answers[0].status)
            answers = [each for each in answers if each.status == status]
        return answers, applied


def _acceptable(answers: Sequence[AnswerContract], accept: str) -> AnswerContract:
    """The first answer of a type that the caller names in Accept; the first of all when there is none."""
    types = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((each for each in answers if each.media_type.partition(";")[0].lower() in types), answers[0])


def bind(policy: Mock, route: RouteFacts) -> BoundMock | None:
    """The answers of one route; an operation without any is answered by the service."""
    answers = route.contract.answers if route.contract is not None else ()
    return BoundMock(policy, answers) if answers else None


def parse(settings: Mapping[str, object], where: Where) -> tuple[Mock | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = Mock(reader.flag("prefer", default=True))
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Mock) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"prefer": policy.prefer}
