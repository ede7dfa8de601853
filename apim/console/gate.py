"""Who may enter the console and its admin part. What they see there is the querysets' business."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from apim.accounts.models import Membership, User
from apim.accounts.permissions import is_admin, organization_ids
from apim.errors import Forbidden, NotFound

P = ParamSpec("P")


class ConsoleRequest(HttpRequest):
    """A request of somebody who has passed the gate."""

    user: User


View = Callable[Concatenate[ConsoleRequest, P], HttpResponse]


def publisher_page(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """The view for owners of any organization and for admins; a page that explains for everybody else."""
    return _guarded(view, _is_publisher, "owner")


def admin_page(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """The view for platform admins; a page that explains for everybody else."""
    return _guarded(view, is_admin, "admin")


def _is_publisher(user: User) -> bool:
    """True for who publishes APIs somewhere, or administers the platform."""
    return is_admin(user) or organization_ids(user, Membership.Role.OWNER).exists()


def _guarded(
    view: View[P], may_enter: Callable[[User], bool], role: str
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = cast("ConsoleRequest", request)  # login_required has seen to the user
        if not may_enter(request.user):
            return render(request, "console/no_access.html", {"role": role}, status=403)
        try:
            return view(request, *args, **kwargs)
        except Forbidden as error:
            return render(request, "console/no_access.html", {"error": error}, status=403)
        except NotFound as error:
            raise Http404(error.message) from error

    return guarded
