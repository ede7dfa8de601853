"""People, their organizations and their roles there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from apim.fields import IDField

if TYPE_CHECKING:
    UserManager = BaseUserManager["User"]
else:  # Django's managers are generic for type checkers only
    UserManager = BaseUserManager


def is_admin(user: Viewer) -> bool:
    """True for a platform admin who is not suspended."""
    return user.is_authenticated and user.is_active and user.is_platform_admin


class UserQuerySet(models.QuerySet["User"]):
    """People, as others may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """Everyone for admins; oneself, and the members of organizations one leads."""
        if is_admin(user):
            return self.all()
        led = Membership.objects.filter(organization__in=Membership.objects.leading(user)).values("user_id")
        return self.filter(models.Q(id__in=own_id(user)) | models.Q(id__in=led))

    def editable_by(self, user: Viewer) -> Self:
        """Everyone for admins, else oneself."""
        return self.all() if is_admin(user) else self.filter(id__in=own_id(user))


class UserAccounts(UserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]  # a class made at run time
    """Look-ups by e-mail, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user who logs in with this e-mail address."""
        found: User = self.get(email__iexact=username)
        return found


class User(AbstractBaseUser):
    """A person. Platform admins stand above the organizations."""

    id = IDField("usr")
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=16, blank=True, default="", db_default="")  # empty: as the browser asks
    is_platform_admin = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)  # False = suspended
    session_epoch = models.PositiveIntegerField(default=0)  # counting up ends every session begun before
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserAccounts] = UserAccounts()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),)

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session must carry to stay valid: changes with the password and with the epoch."""
        return salted_hmac(
            "apim.accounts.session", f"{self.session_epoch}:{self.password}", algorithm="sha256"
        ).hexdigest()


Viewer = User | AnonymousUser


def own_id(user: Viewer) -> list[str]:
    """The user's id for an `in` filter; empty for visitors and suspended people."""
    return [user.id] if user.is_authenticated and user.is_active else []


class OrganizationQuerySet(models.QuerySet["Organization"]):
    """Tenants, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """Every organization for admins, else one's own."""
        return (
            self.all() if is_admin(user) else self.filter(id__in=Membership.objects.of(user).values("organization_id"))
        )

    def editable_by(self, user: Viewer) -> Self:
        """Every organization for admins, else those one leads."""
        return self.all() if is_admin(user) else self.filter(id__in=Membership.objects.leading(user))


class Organization(models.Model):
    """A tenant: it owns APIs and plans, or it owns the applications that call them, or both."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    class OnLeak(models.TextChoices):
        REVOKE = "revoke"
        WARN = "warn"

    id = IDField("org")
    name = models.SlugField(max_length=60, unique=True)
    display_name = models.CharField(max_length=120)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    is_default = models.BooleanField(default=False)  # owns what names no owner
    owners_edit_plans = models.BooleanField(default=False)
    # of a key of its own
    on_leak = models.CharField(max_length=16, choices=OnLeak.choices, default=OnLeak.REVOKE, db_default="revoke")
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="organizations")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("is_default",), condition=models.Q(is_default=True), name="one_default_organization"
            ),
        )

    def __str__(self) -> str:
        return self.display_name


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Roles: the root of every permission."""

    def of(self, user: Viewer, *roles: str) -> Self:
        """The user's own memberships, of the given roles when some are given; none for the suspended."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.filter(user=user, role__in=roles or Membership.Role.values)

    def concerned_with(self, team: str) -> Self:
        """Those whose business is what belongs to the team: bound to it or to none; all when it has no team."""
        return self.filter(team__in=("", team)) if team else self.all()

    def leading(self, user: Viewer) -> models.QuerySet[Membership, dict[str, str]]:
        """Ids of the organizations user may change: those owned without being bound to a team."""
        return self.of(user, Membership.Role.OWNER).filter(team="").values("organization_id")

    def visible_to(self, user: Viewer) -> Self:
        """Every membership for admins, else those of one's own organizations."""
        return (
            self.all()
            if is_admin(user)
            else self.filter(organization__in=Membership.objects.of(user).values("organization_id"))
        )

    def editable_by(self, user: Viewer) -> Self:
        """Every membership for admins, else those of the organizations one leads."""
        return self.all() if is_admin(user) else self.filter(organization__in=Membership.objects.leading(user))


class Membership(models.Model):
    """A person's role in an organization.

    Who is bound to a team has to do with what is the team's or the whole organization's: a developer with those
    applications alone, an owner with those applications and those APIs. Shapes: team is the slug of one, "" = all.
    """

    class Role(models.TextChoices):
        DEVELOPER = "developer", _("Developer")
        OWNER = "owner", _("Owner")

    id = IDField("mem")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    team = models.SlugField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "organization"), name="one_membership_each"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.organization} as {self.role}"

    def owns(self, team: str) -> bool:
        """True for an owner of what the organization's team makes: each owner who is not bound to another team."""
        return self.role == self.Role.OWNER and (not team or self.team in {"", team})
