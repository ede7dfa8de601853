"""The organization acted for: its members and invitations, and acting for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apim.access.models import Credential
from apim.access.services import remove_member
from apim.access.teams import lines_of
from apim.accounts.models import Invitation, Membership, Organization
from apim.accounts.permissions import leads
from apim.accounts.services import actor_of, change_role, invite, send_again, update_organization, withdraw_invitation
from apim.ui.forms import errors_on, errors_told
from portal.forms.people import InvitationForm, LeakPolicyForm, RemovalForm, RoleForm
from portal.rendering import Confirmation, confirm, leave_to, page, posted
from portal.tenancy import SESSION_KEY, PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.audit.actor import Actor


@require_http_methods(["GET", "POST"])
@my_page
def show_organization(request: PortalRequest) -> HttpResponse:
    """Members and invitations that nobody accepted yet; who leads the organization invites here."""
    organization = request.tenancy.organization
    form = InvitationForm(posted(request), organization=organization)
    if request.method == "POST" and form.is_valid():
        led = get_object_or_404(
            Organization.objects.editable_by(request.user), id=organization.id if organization else ""
        )
        with errors_on(form):
            invite(organization=led, by=actor_of(request.user), **form.values())
            words = _("%(email)s has mail with a link that is good for 7 days.")
            messages.success(request, words % {"email": form.cleaned_data["email"]})
            return redirect("portal:organization")
    context = {
        "section": "organization",
        "organization": organization,
        "is_led": Membership.objects.filter(organization=organization, role=Membership.Role.OWNER, team="").exists(),
        "members": Membership.objects.visible_to(request.user)
        .filter(organization=organization)
        .select_related("user")
        .order_by("created_at"),
        "invitations": Invitation.objects.visible_to(request.user)
        .filter(organization=organization, accepted_at=None)
        .order_by("created_at"),
        "teams": lines_of([organization]) if organization else [],
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
        title=_("Remove %(person)s from %(organization)s?")
        % {"person": membership.user, "organization": membership.organization},
        consequences=(
            _("They lose sight of its applications and APIs at once."),
            _("Applications stay with their team and the organization, whoever made them."),
        ),
        verb=_("Remove the member"),
        back=reverse("portal:organization"),
        done=_("%(person)s is no longer a member.") % {"person": membership.user},
    )
    keys = Credential.objects.live().filter(
        application__organization=membership.organization_id, creator=membership.user_id
    )
    form = RemovalForm(posted(request), name=membership.user.email) if keys.exists() else None  # keys do not come back

    def act(data: dict[str, object], by: Actor) -> int:
        heir = request.user if data.get("keys") == RemovalForm.KEEP else None
        return remove_member(membership=membership, by=by, heir=heir)

    return confirm(request, confirmation, act, form)


@require_http_methods(["GET", "POST"])
@my_page
def edit_member(request: PortalRequest, membership_id: str) -> HttpResponse:
    """Another role for a member; making somebody an owner is how an organization is handed over."""
    memberships = Membership.objects.editable_by(request.user).select_related("user", "organization")
    membership = get_object_or_404(memberships, id=membership_id)
    form = RoleForm(
        posted(request),
        organization=membership.organization,
        current=membership.team,
        initial={"role": membership.role, "team": membership.team},
    )
    back = reverse("portal:organization")
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            change_role(membership=membership, by=actor_of(request.user), **form.values())
            messages.success(request, _("The role of %(name)s is saved.") % {"name": membership.user})
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Role of %(name)s") % {"name": membership.user},
        consequences=(
            _("Developers manage applications and keys. Owners also publish APIs, invite people and change roles."),
            _("To hand the organization over, make somebody else an owner, then yourself a developer."),
        ),
        verb=_("Save the role"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_POST
@my_page
def send_invitation_again(request: PortalRequest, invitation_id: str) -> HttpResponse:
    """A new link by mail, good for its whole time again; the one before is worthless."""
    invitations = Invitation.objects.editable_by(request.user).select_related("organization")
    invitation = get_object_or_404(invitations, id=invitation_id, accepted_at=None)
    with errors_told(request):
        send_again(invitation=invitation, by=actor_of(request.user))
        text = _("%(email)s has mail with a new link that is good for 7 days; the old one is worthless.")
        messages.success(request, text % {"email": invitation.email})
    return redirect("portal:organization")


@require_POST
@my_page
def take_back_invitation(request: PortalRequest, invitation_id: str) -> HttpResponse:
    """The link in the mail stops working."""
    invitation = get_object_or_404(Invitation.objects.editable_by(request.user), id=invitation_id)
    withdraw_invitation(invitation=invitation, by=actor_of(request.user))
    messages.success(request, _("The invitation of %(email)s is withdrawn.") % {"email": invitation.email})
    return redirect("portal:organization")
