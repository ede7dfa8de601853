"""Who is told: the people whose applications called, or may call, and those who follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from apim.access.models import Application, Subscription
from apim.accounts.models import User
from apim.announcements.models import Announcement
from apim.catalog.models import API
from apim.notifications.models import MailChoices
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of

Kind = Announcement.Kind


@dataclass(frozen=True, slots=True)
class Audience:
    """How far an announcement reaches; mailed are those of people who want such mails."""

    applications: int
    organizations: int
    people: int
    mailed: int


def applications_of(announcement: Announcement) -> QuerySet[Application]:
    """The applications whose people are told: those that called in the time asked for, or all that are subscribed."""
    if not announcement.days:
        of_version = Q(product__items__version__api=announcement.api_id)
        if announcement.version_id:
            of_version = Q(product__items__version=announcement.version_id)
        live = Subscription.objects.filter(of_version, lifecycle__in=Subscription.LIVE)
        return Application.objects.filter(pk__in=live.values("applications"))
    now = timezone.now()
    versions = [announcement.version_id] if announcement.version_id else announcement.api.versions.values("pk")
    since = start_of("day", now - timedelta(days=announcement.days))
    called = UsageRollup.objects.between("day", since, now).filter(version_id__in=versions).completed()
    if announcement.operation:
        called = called.filter(operation=announcement.operation)
    return Application.objects.filter(pk__in=called.values("application_id"))


def users_of(announcement: Announcement) -> QuerySet[User]:
    """The people told: active members of the applications' organizations; of news about versions, followers too."""
    organizations = applications_of(announcement).values("organization_id")
    told = Q(memberships__organization__in=organizations)
    if announcement.kind != Kind.NOTE:
        told |= _followers(announcement.api)
    users: QuerySet[User] = User.objects.filter(told, is_active=True)
    return users.distinct()


def _followers(api: API) -> Q:
    """Those who follow and may still see the API."""
    follows = Q(follows__api=api)
    if api.visibility == API.Visibility.INTERNAL:
        return follows & (Q(memberships__organization=api.organization_id) | Q(is_platform_admin=True))
    return follows


def unwilling(announcement: Announcement) -> set[str]:
    """The ids of people who do not want this by mail. Who calls what ends is mailed whatever they chose."""
    choice = {"announcements": False} if announcement.kind == Kind.NOTE else {"news": False}
    refused = MailChoices.objects.filter(**choice)
    if announcement.kind == Kind.DEPRECATION:
        callers = applications_of(announcement).values("organization_id")
        refused = refused.exclude(user__memberships__organization__in=callers)
    return set(refused.values_list("user_id", flat=True))


def audience_of(announcement: Announcement) -> Audience:
    """How many would be told now."""
    applications = applications_of(announcement)
    users = users_of(announcement)
    people = users.count()
    return Audience(
        applications=applications.count(),
        organizations=applications.order_by().values("organization_id").distinct().count(),
        people=people,
        mailed=people - users.filter(pk__in=unwilling(announcement)).count(),
    )
