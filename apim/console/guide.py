"""The guided way of a version: from a document to calls that gateways answer, in five steps.

Owns: which steps there are, and which are done. They are read from the version itself, so whoever leaves and comes
back goes on where the version stands, whoever did the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apim.products.models import ProductItem

if TYPE_CHECKING:
    from apim.catalog.models import APIVersion


@dataclass(frozen=True, slots=True)
class Step:
    """A step with its page. Shapes: state is done, current or open; number counts from 1."""

    number: int
    label: str
    url: str
    is_done: bool
    is_current: bool

    @property
    def state(self) -> str:
        """What components/stepper.html calls it."""
        return "current" if self.is_current else "done" if self.is_done else ""


@dataclass(frozen=True, slots=True)
class Guide:
    """The way, and the step that comes next."""

    steps: tuple[Step, ...]

    @property
    def next(self) -> Step | None:
        """The first step that is not done; None at the end."""
        return next((step for step in self.steps if not step.is_done), None)

    @property
    def is_under_way(self) -> bool:
        """True while the version has never been let through to callers: then its page offers to go on."""
        return not self.steps[3].is_done


def guide_of(version: APIVersion, *, current: str = "") -> Guide:
    """The steps of a version; current is the name of the page that shows them. Four queries."""
    names = [version.api.name, version.name]
    is_published = version.deployments.exists()
    offers = ProductItem.objects.filter(version=version, product__archived_at=None)
    has_plan = offers.filter(product__plans__isnull=False, product__plans__archived_at=None).exists()
    rows = (
        ("version-import", _("Import"), version.revisions.exists()),
        ("version-review", _("Review"), version.reviewed_at is not None or is_published),
        ("version-offer", _("Product and plan"), has_plan),
        ("version-publish", _("Publish"), is_published),
        ("version-live", _("On the gateways"), is_published and bool(version.published_at)),
    )
    return Guide(
        tuple(
            Step(number, label, reverse(f"console:{page}", args=names), is_done, page == current)
            for number, (page, label, is_done) in enumerate(rows, start=1)
        )
    )


def first_steps() -> list[tuple[str, str]]:
    """The way for components/stepper.html before there is a version: at its first step."""
    labels = (_("Import"), _("Review"), _("Product and plan"), _("Publish"), _("On the gateways"))
    return [(label, "current" if number == 0 else "") for number, label in enumerate(labels)]
