"""Teams: who within an organization looks after which of its APIs and applications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from apim.accounts.models.people import Membership, Organization, Viewer, is_admin
from apim.fields import IDField

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """Every team for admins, else those of one's organizations."""
        if is_admin(user):
            return self.all()
        return self.filter(organization__in=Membership.objects.of(user).values("organization_id"))

    def editable_by(self, user: Viewer) -> Self:
        """Every team for admins, else those of the organizations one leads."""
        return self.all() if is_admin(user) else self.filter(organization__in=Membership.objects.leading(user))

    def choices(self, *, whole: StrOrPromise, current: str = "") -> list[tuple[str, StrOrPromise]]:
        """Each team by its slug for a form, after the whole organization; the current one though it has no row."""
        found: dict[str, StrOrPromise] = dict(self.values_list("name", "display_name"))
        kept = {current: current} if current and current not in found else {}
        return [("", whole), *(found | kept).items()]


class Team(models.Model):
    """A part of an organization. APIs, applications, members and invitations name it by its slug, which stays."""

    id = IDField("team")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    name = models.SlugField(max_length=60)  # the slug
    display_name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("organization", "name"), name="team_name_once"),)

    def __str__(self) -> str:
        return self.display_name


def team_shown() -> Coalesce:
    """Of a row with an organization and a team: what people call the team, its slug where that is no row. For annotate.

    Shapes: "" without a team.
    """
    mine = Team.objects.filter(organization=OuterRef("organization_id"), name=OuterRef("team"))
    return Coalesce(Subquery(mine.values("display_name")[:1]), F("team"), output_field=models.CharField())
