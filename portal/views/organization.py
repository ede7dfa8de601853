"""The organization acted for: its members and invitations, and acting for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apim.access.services import remove_member
from apim.accounts.models import Invitation, Membership, Organization
from apim.accounts.permissions import leads
from apim.accounts.services import actor_of, invite, update_organization, withdraw_invitation
from apim.ui.forms import errors_on, errors_told
from portal.forms.people import InvitationForm, LeakPolicyForm
from portal.rendering import Confirmation, confirm, page, posted
from portal.tenancy import SESSION_KEY, PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse


@require_http_methods(["GET", "POST"])
@my_page
def show_organization(request: PortalRequest) -> HttpResponse:
    """Members and open invitations; who leads the organization invites here."""
    organization = request.tenancy.organization
    form = InvitationForm(posted(request))
    if request.method == "POST" and form.is_valid():
        led = get_object_or_404(
            Organization.objects.editable_by(request.user), id=organization.id if organization else ""
        )
        with errors_on(form):
            invite(organization=led, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, f"{form.cleaned_data['email']} has mail with a link that is good for 7 days.")
            return redirect("portal:organization")
    context = {
        "section": "organization",
        "organization": organization,
        "members": Membership.objects.visible_to(request.user)
        .filter(organization=organization)
        .select_related("user")
        .order_by("created_at"),
        "invitations": Invitation.objects.visible_to(request.user)
        .open(timezone.now())
        .filter(organization=organization)
        .order_by("created_at"),
        "form": form,
        "leak_form": LeakPolicyForm(initial={"on_leak": organization.on_leak}) if organization else None,
    }
    return page(request, "portal/organization.html", context)


@require_POST
@my_page
def choose_on_leak(request: PortalRequest) -> HttpResponse:
    """What becomes of a key that somebody found; said by who leads the organization."""
    organization = request.tenancy.organization
    form = LeakPolicyForm(request.POST)
    if organization is None or not leads(request.user, organization.id):
        raise PermissionDenied(_("Owners of the organization choose this."))
    if form.is_valid():
        with errors_told(request):
            update_organization(organization=organization, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, _("Your choice is saved."))
    return redirect("portal:organization")


@require_POST
@my_page
def switch_organization(request: PortalRequest) -> HttpResponse:
    """Acts for another organization from now on."""
    wanted = request.POST.get("organization")
    membership = get_object_or_404(Membership.objects.of(request.user), organization_id=wanted)
    request.session[SESSION_KEY] = membership.organization_id
    return redirect("portal:home")


@require_http_methods(["GET", "POST"])
@my_page
def take_out_member(request: PortalRequest, membership_id: str) -> HttpResponse:
    """Removes a member after saying what goes with them."""
    memberships = Membership.objects.editable_by(request.user).select_related("user", "organization")
    membership = get_object_or_404(memberships, id=membership_id)
    confirmation = Confirmation(
        title=f"Remove {membership.user} from {membership.organization}?",
        consequences=(
            "They lose sight of its applications and APIs at once.",
            "The keys that they created here stop working at once.",
        ),
        verb="Remove the member",
        back=reverse("portal:organization"),
        done=f"{membership.user} is no longer a member.",
    )
    return confirm(request, confirmation, lambda _, by: remove_member(membership=membership, by=by))


@require_POST
@my_page
def take_back_invitation(request: PortalRequest, invitation_id: str) -> HttpResponse:
    """The link in the mail stops working."""
    invitation = get_object_or_404(Invitation.objects.editable_by(request.user), id=invitation_id)
    withdraw_invitation(invitation=invitation, by=actor_of(request.user))
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("portal:organization")
