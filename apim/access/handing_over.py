"""Mails, notices and webhooks about applications that go from one organization to another.

Owns: who is told what. Must not know: how mail leaves. Called in the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from apim.access.models import ApplicationTransfer
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, Organization, User
from apim.notifications.notices import tell
from apim.notifications.posting import post
from apim.ui.language import filled
from apim.webhooks.outbox import News, emit

_KIND = "transfer"
_State = ApplicationTransfer.State


def announce_offer(transfer: ApplicationTransfer) -> None:
    """Tell whoever the offer is for: by mail to the address, whoever reads it, or to those who speak for the name."""
    people = _addressed(transfer)
    addresses = [transfer.email] if transfer.email else [each.email for each in people]
    path = f"/my/transfers/{transfer.pk}"
    title = filled(gettext_lazy("%(organization)s offers you the application %(application)s"), _words(transfer))
    _mail(addresses, "access.transfer_offered", transfer, path=path)
    _notice(people, f"transfer.offer:{transfer.pk}", title, text=transfer.note, path=path)
    _emit("application.offered", transfer, {transfer.source_id, transfer.recipient_id})


def announce_move(transfer: ApplicationTransfer, organization: Organization, *, team: str) -> None:
    """Tell both sides that the application has moved. Shapes: team is whose it was in the organization left."""
    words = _words(transfer) | {"recipient": organization}
    title = filled(gettext_lazy("%(application)s belongs to %(recipient)s now"), words)
    mine, theirs = _members(transfer.source, team), _members(organization)
    addresses = [each.email for each in mine]
    _mail(addresses, "access.transfer_accepted", transfer, path="/my/apps", recipient=organization)
    _notice(mine, f"transfer.gone:{transfer.pk}", title, path="/my/apps")
    path = f"/my/apps/{transfer.application_id}"
    others = [each for each in theirs if each.pk not in {person.pk for person in mine}]
    _notice(others, f"transfer.here:{transfer.pk}", title, path=path)
    _emit("application.transferred", transfer, {transfer.source_id, organization.pk}, to=organization.name)


def announce_end(transfer: ApplicationTransfer) -> None:
    """Tell who waits that nothing has moved: the offering side, or the other one when the offer was taken back."""
    titles = {
        _State.REFUSED: gettext_lazy("Your offer of %(application)s was refused"),
        _State.EXPIRED: gettext_lazy("Your offer of %(application)s was not answered in time"),
        _State.WITHDRAWN: gettext_lazy("The offer of %(application)s was taken back"),
    }
    title = filled(titles[_State(transfer.state)], _words(transfer))
    if transfer.state == _State.WITHDRAWN:
        _notice(_addressed(transfer), f"transfer.over:{transfer.pk}", title, path="/my")
        return
    people, path = _members(transfer.source, transfer.application.team), f"/my/apps/{transfer.application_id}"
    is_refused = transfer.state == _State.REFUSED
    kind = "access.transfer_refused" if is_refused else "access.transfer_unanswered"
    _mail([each.email for each in people], kind, transfer, path=path, is_refused="1" if is_refused else "")
    _notice(people, f"transfer.over:{transfer.pk}", title, path=path)


def _addressed(transfer: ApplicationTransfer) -> list[User]:
    """Those with an account whom the offer is for."""
    if transfer.email:
        return list(User.objects.filter(email__iexact=transfer.email, is_active=True))
    return _stewards(transfer.recipient) if transfer.recipient else []


def _stewards(organization: Organization) -> list[User]:
    """Those who speak for the organization: who leads it, or everybody where nobody does."""
    leaders = [each.user for each in _memberships(organization) if each.role == Membership.Role.OWNER and not each.team]
    return leaders or _members(organization)


def _members(organization: Organization, team: str = "") -> list[User]:
    """Those whose business the team's is; everybody without one."""
    return [each.user for each in _memberships(organization, team)]


def _memberships(organization: Organization, team: str = "") -> Iterable[Membership]:
    rows = Membership.objects.concerned_with(team).filter(organization=organization, user__is_active=True)
    return rows.select_related("user").order_by("created_at")


def _words(transfer: ApplicationTransfer) -> dict[str, object]:
    return {"application": transfer.application, "organization": transfer.source}


def _mail(addresses: Collection[str], kind: str, transfer: ApplicationTransfer, *, path: str, **more: object) -> None:
    values = {
        "application": transfer.application,
        "organization": transfer.source,
        "who": transfer.offered_by,
        "to": transfer.addressed,
        "note": transfer.note,
        "until": f"{transfer.expires_at:%Y-%m-%d %H:%M}",
        "link": absolute_url(path),
    }
    post(kind, to=addresses, values=values | more)


def _notice(people: Iterable[User], cause: str, title: str | Promise, *, path: str, text: str = "") -> None:
    tell(user_ids=[each.pk for each in people], kind=_KIND, cause=cause, title=title, text=text, path=path)


def _emit(type_: str, transfer: ApplicationTransfer, organizations: set[str | None], *, to: str = "") -> None:
    """Shapes: `to` is told once the application is there; before, the offering side hears only what it typed itself."""
    application = {"id": transfer.application_id, "name": transfer.application.name}
    data = {
        "id": transfer.pk,
        "application": application,
        "from": transfer.source.name,
        "to": to or transfer.addressed,
        "expires_at": transfer.expires_at.isoformat(),
    }
    emit(News(type_, each, data) for each in sorted(filter(None, organizations)))
