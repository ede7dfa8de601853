"""What is left to do after the first start: each point found out from how things stand now."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.models import User
from apim.accounts.services import installation
from apim.billing.connection import is_connected
from apim.catalog.models import Deployment
from apim.gateways.models import Gateway
from apim.notifications.models import MailServer
from apim.usage.models import UsageRollup

_LOCAL = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the way. Shapes: text says how it stands; url and verb lead to the mend; an optional one may stay."""

    title: str
    text: str
    is_met: bool
    url: str = ""
    verb: str = ""
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Checklist:
    """The points, in the order of the way."""

    points: tuple[Point, ...]

    @property
    def met(self) -> int:
        """How many are met."""
        return sum(point.is_met for point in self.points)

    @property
    def is_done(self) -> bool:
        """True when only optional points are open."""
        return all(point.is_met or point.is_optional for point in self.points)


def checklist() -> Checklist:
    """How far this installation is. A fixed number of queries; nobody outside is asked."""
    return Checklist((_admin(), _address(), _mail(), _gateway(), _api(), _call(), _billing()))


def _admin() -> Point:
    count = User.objects.filter(is_platform_admin=True, is_active=True).count()
    text = gettext("Only one: a second admin can let you in again.") if count < 2 else gettext("More than one.")  # noqa: PLR2004 - the second
    return Point(gettext("Admin"), text, count > 0, reverse("console:admin-invite"), gettext("Invite somebody"))


def _address() -> Point:
    url = installation().base_url or settings.BASE_URL
    parts = urlsplit(url)
    is_met = parts.scheme == "https" or parts.hostname in _LOCAL
    hint = gettext("Set APIM_BASE_URL to an https:// address: passwords cross the network.")
    return Point(gettext("Address of this site"), url if is_met else hint, is_met)


def _mail() -> Point:
    is_met = MailServer.objects.exists()
    text = gettext("Mails leave.") if is_met else gettext("Invitations and codes wait in the mailbox page.")
    url = reverse("console:admin-mail-server")
    return Point(gettext("Mail"), text, is_met, url, gettext("Add a mail server"), is_optional=True)


def _gateway() -> Point:
    is_met = Gateway.objects.exclude(seen_at=None).exists()
    text = gettext("A gateway has reported.") if is_met else gettext("None has reported yet: start one.")
    return Point(gettext("Gateway"), text, is_met, reverse("console:admin-gateways"), gettext("Look at gateways"))


def _api() -> Point:
    is_met = Deployment.objects.exists()
    text = gettext("One is published.") if is_met else gettext("Import a document, or let the demo make one.")
    return Point(gettext("First API"), text, is_met, reverse("console:api-new"), gettext("Import an API"))


def _call() -> Point:
    is_met = UsageRollup.objects.filter(period="day", status__gte=200, status__lt=300).exists()
    text = gettext("It was answered with 2xx.") if is_met else gettext("No call was answered with 2xx yet.")
    return Point(gettext("First call"), text, is_met, reverse("console:apis"), gettext("Choose an API and test it"))


def _billing() -> Point:
    is_met = is_connected()
    text = gettext("Stripe is connected.") if is_met else gettext("Only needed to take money.")
    url = reverse("console:admin-billing-connect")
    return Point(gettext("Payments"), text, is_met, url, gettext("Connect Stripe"), is_optional=True)
