"""Applications that change hands: /transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apim.access.arrivals import luggage_of
from apim.access.models import ApplicationTransfer
from apim.access.services import accept_transfer, offer_application, refuse_transfer, withdraw_transfer
from apim.accounts.models import Organization
from apim.accounts.permissions import speaks_for, steward_ids
from apim.accounts.services import register_developer
from apim.api.lookups import find_application, find_transfer, require_editable
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.transfers import AcceptBody, LuggageShape, MovedShape, TransferBody, TransferShape
from apim.errors import Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from apim.accounts.models import User
    from apim.api.request import APIRequest

_TAG = "Access"
LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={
        "application": refers("application"),
        "source": refers("source"),
        "state": equals("state", choices=tuple(ApplicationTransfer.State.values)),
    },
)
_TAKER = OpenApiParameter(
    "organization", str, description="Id or name of the one that would take it; that of the offer when left out."
)


class Transfers(Resource):
    """/transfers"""

    @operation("list_transfers", tag=_TAG, scope="access:read", lists=TransferShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """Offers of applications that the caller may take back or answer."""
        transfers = ApplicationTransfer.objects.visible_to(request.user).select_related("application", "source")
        return page(request, transfers, LISTING, TransferShape)

    @operation(
        "offer_application",
        tag=_TAG,
        scope="access:write",
        body=TransferBody,
        answers=TransferShape,
        status=201,
        example={"application": "shop", "to": "acme-corp", "note": "As agreed."},
    )
    def post(self, request: APIRequest) -> Response:
        """Offers an application; nothing moves before the other side accepts, within seven days.

        The answer is the same whether or not there is such an organization or person.
        """
        data = self.read(TransferBody)
        application = find_application(request.user, data.pop("application"))
        if not speaks_for(request.user, application.organization_id):
            message = "Owners of the organization hand its applications over."
            raise Forbidden("request.forbidden", message, hint="Ask one of them, or an admin.")
        made = offer_application(application=application, by=request.actor, offerer=request.user, **data)
        return answer_created(request, made, TransferShape, "transfers")


class OneTransfer(Resource):
    """/transfers/{transfer}"""

    @operation("get_transfer", tag=_TAG, scope="access:read", answers=TransferShape)
    def get(self, request: APIRequest, transfer: str) -> Response:
        """The offer with this id."""
        return answer(request, find_transfer(request.user, transfer), TransferShape)


class TransferLuggage(Resource):
    """/transfers/{transfer}/luggage"""

    @operation("get_transfer_luggage", tag=_TAG, scope="access:read", answers=LuggageShape, parameters=(_TAKER,))
    def get(self, request: APIRequest, transfer: str) -> Response:
        """What would come along now, and what stands in the way."""
        found = find_transfer(request.user, transfer)
        may_answer = ApplicationTransfer.objects.answerable_by(request.user).filter(pk=found.pk).exists()
        asked = request.query_params.get("organization", "")
        organization = _taker(request.user, found, asked) if may_answer else None
        luggage = luggage_of(found.application, organization)
        return Response(LuggageShape(luggage, context={"organization": organization}).data)


class AcceptTransfer(Resource):
    """/transfers/{transfer}/accept"""

    @operation(
        "accept_transfer",
        tag=_TAG,
        scope="access:write",
        body=AcceptBody,
        answers=MovedShape,
        example={"organization": "acme-corp", "agreed": "5f3e0c1b2a49d687"},
    )
    def post(self, request: APIRequest, transfer: str) -> Response:
        """Moves the application. Its keys go on, or are rolled on wish; new ones are in this answer only."""
        found = _answerable(request, transfer)
        data = self.read(AcceptBody)
        organization = _taker(request.user, found, data.pop("organization")) or _first_organization(request.user)
        moved = accept_transfer(transfer=found, organization=organization, user=request.user, by=request.actor, **data)
        return Response(MovedShape(moved).data)


class RefuseTransfer(Resource):
    """/transfers/{transfer}/refuse"""

    @operation("refuse_transfer", tag=_TAG, scope="access:write", answers=TransferShape)
    def post(self, request: APIRequest, transfer: str) -> Response:
        """Says no: nothing moves, and the other side is told."""
        return answer(
            request, refuse_transfer(transfer=_answerable(request, transfer), by=request.actor), TransferShape
        )


class WithdrawTransfer(Resource):
    """/transfers/{transfer}/withdraw"""

    @operation("withdraw_transfer", tag=_TAG, scope="access:write", answers=TransferShape)
    def post(self, request: APIRequest, transfer: str) -> Response:
        """Takes the offer back."""
        found = find_transfer(request.user, transfer)
        require_editable(ApplicationTransfer.objects.withdrawable_by(request.user), found)
        return answer(request, withdraw_transfer(transfer=found, by=request.actor), TransferShape)


def _answerable(request: APIRequest, reference: str) -> ApplicationTransfer:
    found = find_transfer(request.user, reference)
    require_editable(ApplicationTransfer.objects.answerable_by(request.user), found)
    return found


def _taker(user: User, transfer: ApplicationTransfer, reference: str) -> Organization | None:
    """The organization that takes it: the one named, that of the offer, or the only one; None when there is none.

    Errors: NotFound for one that the person does not speak for; Invalid when several could be meant.
    """
    own = Organization.objects.filter(id__in=steward_ids(user)).exclude(id=transfer.source_id).order_by("name")
    choices = list(own.filter(id=transfer.recipient_id) if transfer.recipient_id else own)
    if reference:
        named = [each for each in choices if reference in {each.pk, each.name}]
        if not named:
            message = f'You speak for no organization "{reference[:80]}" that could take it.'
            raise NotFound("request.not_found", message)
        return named[0]
    if len(choices) > 1:
        message = "You speak for several organizations: say which one takes it."
        raise Invalid("request.organization_needed", message, field="organization")
    return choices[0] if choices else None


def _first_organization(user: User) -> Organization:
    """One made now for a person who belongs to none. Errors: Invalid for who does, and speaks for none."""
    if user.memberships.exists():
        message = "You speak for no organization that could take it."
        hint = "Ask an owner of yours to have it offered to the organization's name."
        raise Invalid("request.organization_needed", message, field="organization", hint=hint)
    return register_developer(user)
