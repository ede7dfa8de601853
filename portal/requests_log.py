"""Exchanges as the log shows them: with the names of what their ids stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apim.access.models import Application, Credential, Subscription
from apim.catalog.models import APIVersion
from apim.listing import enumerated
from portal.explanations import Explanation, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apim.usage.models import UsageRecord

_ID = re.compile(r"[a-z]{3}_[0-9a-z]{20}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange as lists show it. Shapes: a version that is gone is None."""

    record: UsageRecord
    version: APIVersion | None

    @property
    def called(self) -> str:
        """The operation, or the path when none was met."""
        return self.record.operation or self.record.path


@dataclass(frozen=True, slots=True)
class Line(Entry):
    """One exchange with all that is known of it. Shapes: what is gone of application, credential and others is None."""

    application: Application | None
    credential: Credential | None
    subscription: Subscription | None

    @property
    def explanation(self) -> Explanation | None:
        """What the answer means."""
        return explain(self.record.status, self.record.code)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """How the gateway decided, step by step."""
        names = {
            self.record.credential_id: self.credential and f"{self.credential.prefix}…",
            self.record.application_id: self.application and self.application.display_name,
            self.record.subscription_id: self.subscription and str(self.subscription.product),
            self.record.plan_version_id: self._plan,
        }
        return [
            (str(step), enumerated(str(names.get(word) or word) for word in _words(str(outcome))))
            for step, outcome in self.record.trace or ()
        ]

    @property
    def _plan(self) -> str:
        # A subscription may have changed its plan since; then the id is all there is to say.
        is_same = self.subscription and self.subscription.plan_version_id == self.record.plan_version_id
        if not self.subscription or not is_same:
            return ""
        return _("plan %(plan)s") % {"plan": self.subscription.plan_version.plan}

    @property
    def shares(self) -> list[tuple[str, int]]:
        """The parts of the duration with their colours."""
        return [("fill-1", self.record.upstream_us), ("fill-6", self.gateway_us)]

    @property
    def gateway_us(self) -> int:
        """The part of the duration that the upstream did not take."""
        return max(self.record.duration_us - self.record.upstream_us, 0)


def _words(outcome: str) -> list[str]:
    """An outcome that lists ids ("sub_1 plv_2") word by word; any other as it is."""
    words = outcome.split()
    return words if words and all(_ID.fullmatch(word) for word in words) else [outcome]


def listed(records: Sequence[UsageRecord]) -> list[Entry]:
    """These exchanges with the names of what they called. One query whatever their number."""
    versions = APIVersion.objects.select_related("api").in_bulk({each.version_id for each in records})
    return [Entry(each, versions.get(each.version_id)) for each in records]


def named(record: UsageRecord) -> Line:
    """The exchange with all that its ids stand for. Four queries."""
    return Line(
        record,
        APIVersion.objects.select_related("api").filter(id=record.version_id).first(),
        Application.objects.filter(id=record.application_id).first(),
        Credential.objects.filter(id=record.credential_id).first(),
        Subscription.objects.filter(id=record.subscription_id).with_names().first(),
    )
