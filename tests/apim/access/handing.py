"""Offering an application, taking it, and what a gateway makes of that."""

from __future__ import annotations

from django.utils import timezone

from apim.access.models import Application, ApplicationTransfer, Credential
from apim.access.services import accept_transfer, offer_application
from apim.accounts.models import User
from apim.accounts.services import actor_of
from apim.gateways.models import AccessRecord
from gateway_sync.runtime.core.access import Record, find_verdict
from tests.factories.accounts import TESTER


def offered(shop: Application, to: str = "globex") -> ApplicationTransfer:
    """An offer of the application that is open."""
    return offer_application(application=shop, to=to, by=TESTER)


def take(transfer: ApplicationTransfer, user: User, *, overlap_s: int | None = None, agreed: str = "") -> Application:
    """The application, which belongs to the organization of who took it."""
    organization = user.memberships.get().organization
    return accept_transfer(
        transfer=transfer, organization=organization, user=user, by=actor_of(user), agreed=agreed, overlap_s=overlap_s
    ).application


class Gateway:
    """What a gateway knows of access, and whom it lets pass by which subscription."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Record] = {}
        self.seq = 0
        self.read()

    def changes(self) -> list[AccessRecord]:
        """What it has not read yet, in the order in which it comes."""
        return list(AccessRecord.objects.filter(seq__gt=self.seq).order_by("seq", "id"))

    def apply(self, change: AccessRecord) -> None:
        """Take one change in."""
        self.seq = max(self.seq, change.seq)
        if change.body is None:
            self.known.pop((change.kind, change.key), None)
        else:
            self.known[change.kind, change.key] = change.body

    def read(self) -> None:
        """Take all in."""
        for change in self.changes():
            self.apply(change)

    def find(self, kind: str, key: str) -> Record | None:
        """See Records."""
        return self.known.get((kind, key))

    def subscriptions_of(self, application: str) -> list[tuple[str, Record]]:
        """See Records."""
        return [
            (key, body)
            for (kind, key), body in sorted(self.known.items())
            if kind == "subscription" and application in body["applications"]
        ]

    def call(self, credential: Credential, product: str) -> tuple[str, str, str]:
        """(code, organization, subscription) of a call now."""
        verdict = find_verdict(self, credential.key_hash, [(product, 0)], int(timezone.now().timestamp()))
        return verdict.code, verdict.identity.organization, verdict.subscription
