"""People: invite, roles, suspend, make admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from apim.access.models import Credential
from apim.access.services import remove_member, resume_user, suspend_user
from apim.accounts.models import Invitation, Membership, User, team_shown
from apim.accounts.second_factor import has_second_factor, remove_second_factor
from apim.accounts.services import (
    actor_of,
    add_member,
    change_role,
    grant_admin,
    invite,
    withdraw_admin,
    withdraw_invitation,
)
from apim.console.forms.people import InvitationForm, MembershipForm, RemovalForm, RoleForm
from apim.console.forms.versions import ReasonForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def user_list(request: ConsoleRequest) -> HttpResponse:
    """People and invitations that nobody accepted yet; ?q= in name or address."""
    query = request.GET.get("q", "").strip()
    memberships = Membership.objects.select_related("organization").annotate(team_shown=team_shown())
    people = User.objects.visible_to(request.user).order_by("email")
    rows = people.prefetch_related(Prefetch("memberships", memberships))
    if query:
        rows = rows.filter(Q(email__icontains=query) | Q(name__icontains=query))
    open_ones = Invitation.objects.filter(accepted_at=None).select_related("organization")
    invitations = open_ones.annotate(team_shown=team_shown())
    return page(request, "console/admin/users.html", rows=listing(request, rows), query=query, invitations=invitations)


@admin_page
def user_invite(request: ConsoleRequest) -> HttpResponse:
    """Mails somebody a link to join an organization."""
    form = InvitationForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            invitation = invite(**form.cleaned_data, by=actor_of(request.user))
            messages.success(
                request, gettext("%(email)s is invited. The mail is in the mailbox.") % {"email": invitation.email}
            )
            return redirect("console:admin-users")
    return page(request, "console/admin/invite.html", form=form)


@admin_page
def invitation_withdraw(request: ConsoleRequest, invitation_id: str) -> HttpResponse:
    """Asks, then makes the link of an invitation void."""
    row = get_object_or_404(Invitation.objects.select_related("organization"), pk=invitation_id, accepted_at=None)
    confirmation = Confirmation(
        title=gettext("Withdraw the invitation of %(email)s?") % {"email": row.email},
        consequences=(gettext("The link in the mail stops working."),),
        verb=gettext("Withdraw it"),
        back=reverse("console:admin-users"),
        done=gettext("The invitation of %(email)s is withdrawn.") % {"email": row.email},
    )
    return confirm(request, confirmation, lambda _, by: withdraw_invitation(invitation=row, by=by))


@admin_page
def user_page(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """A person, their roles, and one more role."""
    person = get_object_or_404(User.objects.visible_to(request.user), pk=user_id)
    form = RoleForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            add_member(user=person, **form.cleaned_data, by=actor_of(request.user))
            messages.success(request, gettext("Saved."))
            return redirect("console:admin-user", person.id)
    memberships = person.memberships.select_related("organization").annotate(team_shown=team_shown())
    return page(
        request,
        "console/admin/user.html",
        person=person,
        memberships=memberships.order_by("organization__name"),
        form=form,
        has_second_factor=has_second_factor(person),
    )


@admin_page
def membership_edit(request: ConsoleRequest, membership_id: str) -> HttpResponse:
    """A changed role."""
    row = get_object_or_404(Membership.objects.select_related("user", "organization"), pk=membership_id)
    confirmation = Confirmation(
        title=gettext("Role of %(user)s in %(organization)s") % {"user": row.user, "organization": row.organization},
        consequences=(gettext("It holds from the next click on."),),
        verb=gettext("Save"),
        back=reverse("console:admin-user", args=[row.user_id]),
        done=gettext("The role is changed."),
        is_danger=False,
    )
    form = MembershipForm(posted(request), membership=row)
    return confirm(request, confirmation, lambda data, by: change_role(membership=row, by=by, **data), form)


@admin_page
def membership_remove(request: ConsoleRequest, membership_id: str) -> HttpResponse:
    """Asks, also who answers for their keys, then takes a person out of an organization."""
    row = get_object_or_404(Membership.objects.select_related("user", "organization"), pk=membership_id)
    confirmation = Confirmation(
        title=gettext("Remove %(user)s from %(organization)s?") % {"user": row.user, "organization": row.organization},
        consequences=(
            gettext("They lose sight of its applications and APIs at once."),
            gettext("Applications stay with their team and the organization, whoever made them."),
        ),
        verb=gettext("Remove"),
        back=reverse("console:admin-user", args=[row.user_id]),
        done=gettext("%(user)s is no longer in %(organization)s.")
        % {"user": row.user, "organization": row.organization},
    )
    keys = Credential.objects.live().filter(application__organization=row.organization_id, creator=row.user_id)
    form = RemovalForm(posted(request), membership=row) if keys.exists() else None  # keys do not come back
    return confirm(
        request, confirmation, lambda data, by: remove_member(membership=row, by=by, heir=data.get("heir")), form
    )


@admin_page
def user_suspend(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """Asks, then shuts a person out."""
    person = get_object_or_404(User, pk=user_id)
    confirmation = Confirmation(
        title=gettext("Suspend %(person)s?") % {"person": person},
        consequences=(
            gettext("They are logged out, and their tokens stop working."),
            gettext("The keys they made get 403 forbidden within a second. Resuming undoes it."),
        ),
        verb=gettext("Suspend"),
        back=reverse("console:admin-user", args=[person.id]),
        done=gettext("%(person)s is suspended.") % {"person": person},
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: suspend_user(user=person, by=by, **data), form)


@admin_page
def user_resume(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """Asks, then lets a person in again."""
    person = get_object_or_404(User, pk=user_id)
    confirmation = Confirmation(
        title=gettext("Resume %(person)s?") % {"person": person},
        consequences=(gettext("They may log in again, and their keys work again."),),
        verb=gettext("Resume"),
        back=reverse("console:admin-user", args=[person.id]),
        done=gettext("%(person)s may log in again.") % {"person": person},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: resume_user(user=person, by=by))


@admin_page
def user_make_admin(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """Asks, then sets a person above the organizations."""
    person = get_object_or_404(User, pk=user_id)
    confirmation = Confirmation(
        title=gettext("Make %(person)s an admin?") % {"person": person},
        consequences=(gettext("They may see and change everything, people and ceilings included."),),
        verb=gettext("Make admin"),
        back=reverse("console:admin-user", args=[person.id]),
        done=gettext("%(person)s is an admin.") % {"person": person},
    )
    return confirm(request, confirmation, lambda _, by: grant_admin(user=person, by=by))


@admin_page
def user_withdraw_admin(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """Asks, then leaves a person the roles in organizations alone."""
    person = get_object_or_404(User, pk=user_id)
    confirmation = Confirmation(
        title=gettext("Take the admin role from %(person)s?") % {"person": person},
        consequences=(gettext("They keep their roles in organizations."),),
        verb=gettext("Take it"),
        back=reverse("console:admin-user", args=[person.id]),
        done=gettext("%(person)s is no admin any more.") % {"person": person},
    )
    return confirm(request, confirmation, lambda _, by: withdraw_admin(user=person, by=by))


@admin_page
def user_second_factor(request: ConsoleRequest, user_id: str) -> HttpResponse:
    """Asks, then takes the second factor from who lost the app and the recovery codes."""
    person = get_object_or_404(User, pk=user_id)
    confirmation = Confirmation(
        title=_("Take the second factor from %(person)s?") % {"person": person},
        consequences=(
            _("Their password alone logs them in until they set up another one."),
            _("Be sure that it is them who asks: call them back on a number you know."),
        ),
        verb=_("Take it"),
        back=reverse("console:admin-user", args=[person.id]),
        done=_("%(person)s logs in by password alone.") % {"person": person},
    )
    return confirm(request, confirmation, lambda _data, by: remove_second_factor(user=person, by=by))
