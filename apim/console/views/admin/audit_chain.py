"""The chain of the audit log: checked at once by a job, and faults in it taken note of with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apim.accounts.services import actor_of
from apim.audit.chain import accept_faults
from apim.console.forms.versions import ReasonForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, posted
from apim.console.views.jobs import to_job
from apim.platform.job_kinds import ask_for_audit_check
from apim.ui.forms import errors_told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@require_POST
@admin_page
def audit_check(request: ConsoleRequest) -> HttpResponse:
    """A job reads the whole chain, and its page opens."""
    page = reverse("console:admin-audit")
    with errors_told(request):
        return to_job(ask_for_audit_check(by=actor_of(request.user), user=request.user, page=page))
    return redirect(page)


@admin_page
def audit_accept(request: ConsoleRequest) -> HttpResponse:
    """Asks for the reason, and from then on the faults found so far are told as explained."""
    confirmation = Confirmation(
        title=gettext("Take note of what was changed or removed?"),
        consequences=(
            gettext("The health page no longer shows it as a fault. What comes later is told again."),
            gettext("The audit log keeps who took note of it, and why."),
        ),
        verb=gettext("Take note"),
        back=reverse("console:admin-audit"),
        done=gettext("It is noted as explained."),
    )
    return confirm(request, confirmation, lambda data, by: accept_faults(by=by, **data), ReasonForm(posted(request)))
