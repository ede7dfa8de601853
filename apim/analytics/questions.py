"""Questions: whose calls, and which of them. Pure but for the subscriptions of a product."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django.db.models import Q

from apim.access.models import Subscription


@dataclass(frozen=True, slots=True)
class Question:
    """Which calls are meant. Shapes: None is no condition, "" the explicit group of none.

    version_ids None: every call, those that met no version included; for admins.
    """

    version_ids: Collection[str] | None
    environment_id: str | None = None
    operation: str | None = None
    application_id: str | None = None
    product_id: str | None = None
    plan_id: str | None = None
    status: int | None = None
    code: str | None = None

    @property
    def is_of_versions(self) -> bool:
        """Whether the roll-ups by version alone can answer."""
        finer = (self.operation, self.application_id, self.product_id, self.plan_id, self.status, self.code)
        return all(each is None for each in finer)

    @property
    def is_of_applications(self) -> bool:
        """Whether the months of applications can answer: of all calls, at most those of an environment."""
        return self.version_ids is None and self.is_of_versions

    @property
    def is_of_callers(self) -> bool:
        """Whether the roll-ups by version and caller can answer."""
        finer = (self.operation, self.product_id, self.plan_id, self.status, self.code)
        return all(each is None for each in finer)

    @property
    def has_latency(self) -> bool:
        """Whether latencies are kept by all that is asked for: they are not by subscription, status or code."""
        return all(each is None for each in (self.product_id, self.plan_id, self.status, self.code))

    def of_versions(self) -> dict[str, object]:
        """What roll-ups by version meet, as apim.analytics.statements has it: values by column."""
        return _asked(version_id=self.version_ids, environment_id=self.environment_id)

    def of_callers(self) -> dict[str, object]:
        """What roll-ups by version and caller meet."""
        return {**self.of_versions(), **_asked(application_id=self.application_id)}

    def of_latencies(self) -> dict[str, object]:
        """What latencies by operation and caller meet."""
        return {**self.of_callers(), **_asked(operation=self.operation)}

    def of_calls(self) -> dict[str, object]:
        """What roll-ups by operation and caller meet; a plan is told by apim.analytics.plans."""
        found = {**self.of_latencies(), **_asked(status=self.status, code=self.code)}
        if "" in {
            self.product_id,
            self.plan_id,
        }:  # no subscription has no product: of one beside a plan of none nothing
            found["subscription_id"] = [] if self.product_id or self.plan_id else ""
        elif self.product_id:
            found["subscription_id"] = Subscription.objects.filter(product_id=self.product_id).values("id")
        return found

    def of(self, **changes: object) -> Question:
        """The same question, but for these."""
        return replace(self, **changes)  # type: ignore[arg-type]


def condition(values: Mapping[str, object]) -> Q:
    """What such values by column are to Django."""
    return Q(**{name if isinstance(value, str | int) else f"{name}__in": value for name, value in values.items()})


def _asked(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
