"""People, organizations and who may act for whom."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
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
        return self.filter(models.Q(id__in=_own_id(user)) | models.Q(id__in=led))

    def editable_by(self, user: Viewer) -> Self:
        """Everyone for admins, else oneself."""
        return self.all() if is_admin(user) else self.filter(id__in=_own_id(user))


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


def _own_id(user: Viewer) -> list[str]:
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
    """A person's role in an organization. An owner with a team changes that team's APIs only."""

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


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Offers of a role."""

    def visible_to(self, user: Viewer) -> Self:
        """Every invitation for admins, else those of the organizations one leads."""
        return self.all() if is_admin(user) else self.filter(organization__in=Membership.objects.leading(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees an invitation may withdraw it."""
        return self.visible_to(user)

    def open(self, now: datetime) -> Self:
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, expires_at__gt=now)


class Invitation(models.Model):
    """An offer of a role, sent by e-mail; the link carries a secret of which only the hash is kept."""

    id = IDField("inv")
    email = models.EmailField()
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Membership.Role.choices)
    team = models.SlugField(max_length=60, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.email} to {self.organization}"

    @property
    def has_expired(self) -> bool:
        """True when its link is good no more."""
        return self.expires_at <= timezone.now()


class APITokenQuerySet(models.QuerySet["APIToken"]):
    """Tokens of the management API."""

    def visible_to(self, user: Viewer) -> Self:
        """Every token for admins, else one's own."""
        return self.all() if is_admin(user) else self.filter(user__in=_own_id(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees a token may revoke it."""
        return self.visible_to(user)


class APIToken(models.Model):
    """A scoped bearer token of the management API; only its hash is kept."""

    id = IDField("tok")
    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=24)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)  # of accounts.scopes.SCOPES
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = APITokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class LogIn(models.Model):
    """One time that somebody logged in, or failed to with the right address; shown to that person alone."""

    id = IDField("lin")
    user = models.ForeignKey(User, models.CASCADE, related_name="log_ins")
    at = models.DateTimeField(auto_now_add=True)
    is_success = models.BooleanField(default=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=200, blank=True)  # what the browser calls itself
    session_key = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("user", "-id"), name="log_in_of_user"),)

    def __str__(self) -> str:
        return f"{self.user} at {self.at:%Y-%m-%d %H:%M}"


class Installation(models.Model):
    """The one row about this installation itself."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    base_url = models.URLField(blank=True)
    set_up_at = models.DateTimeField(null=True, blank=True)
    set_up_token_hash = models.CharField(max_length=64, blank=True)  # of the one-time link

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_installation"),)

    def __str__(self) -> str:
        return self.base_url or "this installation"
