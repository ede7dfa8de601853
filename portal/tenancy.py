"""For which organization somebody acts in the portal: their choice in the session, else the first they joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

from apim.accounts.models import Membership, Organization, User
from apim.accounts.permissions import is_admin
from apim.errors import Forbidden, NotFound

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
SESSION_KEY = "organization"


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Shapes: memberships in the order of joining; current is one of them, None for who belongs nowhere yet."""

    memberships: tuple[Membership, ...]
    current: Membership | None
    is_admin: bool

    @property
    def organization(self) -> Organization | None:
        """The organization acted for."""
        return self.current.organization if self.current else None

    @property
    def may_lead(self) -> bool:
        """True for who may invite and remove members of the organization acted for."""
        return self.is_admin or (
            self.current is not None and self.current.role == Membership.Role.OWNER and not self.current.team
        )

    @property
    def may_publish(self) -> bool:
        """True for who has business in the console."""
        return self.is_admin or any(each.role == Membership.Role.OWNER for each in self.memberships)


class PortalRequest(HttpRequest):
    """A request of somebody who is logged in."""

    user: User
    tenancy: Tenancy


def tenancy_of(request: HttpRequest) -> Tenancy:
    """Who the visitor acts for; read once a request."""
    known: Tenancy | None = getattr(request, "tenancy", None)
    if known is not None:
        return known
    user = request.user
    if not user.is_authenticated:
        return Tenancy((), None, is_admin=False)
    memberships = tuple(
        Membership.objects.filter(user_id=user.pk).select_related("organization").order_by("created_at")
    )
    wanted = request.session.get(SESSION_KEY)
    current = next(
        (each for each in memberships if each.organization_id == wanted), memberships[0] if memberships else None
    )
    tenancy = Tenancy(memberships, current, is_admin=is_admin(user))
    request.tenancy = tenancy  # type: ignore[attr-defined]  # PortalRequest has it
    return tenancy


def errors_as_pages(
    view: Callable[Concatenate[R, P], HttpResponseBase],
) -> Callable[Concatenate[R, P], HttpResponseBase]:
    """The view, with a service's NotFound and Forbidden shown as the pages for 404 and 403."""

    @wraps(view)
    def guarded(request: R, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.message) from error
        except Forbidden as error:
            raise PermissionDenied(f"{error.message} {error.hint}".strip()) from error

    return guarded


def my_page(
    view: Callable[Concatenate[PortalRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """The view for who is logged in, with `request.tenancy`."""

    @login_required
    @errors_as_pages
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        tenancy_of(request)
        return view(cast("PortalRequest", request), *args, **kwargs)  # logged in and with a tenancy: it is one now

    return guarded
