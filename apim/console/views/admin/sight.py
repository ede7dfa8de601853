"""What can this person see? Read-only, by the functions that guard everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404

from apim.accounts.models import User
from apim.console.gate import admin_page
from apim.console.pages import page
from apim.console.role_matrix import ROLES, role_matrix
from apim.console.sight import sight_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def roles(request: ConsoleRequest) -> HttpResponse:
    """Which role may do what."""
    return page(request, "console/admin/roles.html", roles=ROLES, lines=role_matrix())


@admin_page
def sight(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """Organizations, rows and pages that are open to a person."""
    person = get_object_or_404(User.objects.visible_to(request.user), pk=user_id)
    return page(request, "console/admin/sight.html", person=person, sight=sight_of(person))
