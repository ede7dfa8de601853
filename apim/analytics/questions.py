"""Questions: whose calls, and which of them. Pure but for the subscriptions of a product or plan."""

from __future__ import annotations

from collections.abc import Collection
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

    def of_versions(self) -> Q:
        """What roll-ups by version meet."""
        condition = Q()
        if self.version_ids is not None:
            condition &= Q(version_id__in=list(self.version_ids))
        if self.environment_id is not None:
            condition &= Q(environment_id=self.environment_id)
        return condition

    def of_callers(self) -> Q:
        """What roll-ups by version and caller meet."""
        condition = self.of_versions()
        if self.application_id is not None:
            condition &= Q(application_id=self.application_id)
        return condition

    def of_latencies(self) -> Q:
        """What latencies by operation and caller meet."""
        condition = self.of_callers()
        if self.operation is not None:
            condition &= Q(operation=self.operation)
        return condition

    def condition(self) -> Q:
        """What roll-ups by operation and caller meet."""
        condition = self.of_latencies()
        for name, identifier in (("product_id", self.product_id), ("plan_version__plan_id", self.plan_id)):
            if identifier:
                condition &= Q(subscription_id__in=Subscription.objects.filter(**{name: identifier}).values("id"))
            elif identifier is not None:
                condition &= Q(subscription_id="")
        if self.status is not None:
            condition &= Q(status=self.status)
        if self.code is not None:
            condition &= Q(code=self.code)
        return condition

    def of(self, **changes: object) -> Question:
        """The same question, but for these."""
        return replace(self, **changes)  # type: ignore[arg-type]
