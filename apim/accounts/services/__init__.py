"""Writes on people, organizations, invitations, tokens and the installation, one module a noun."""

from __future__ import annotations

from apim.accounts.services.installation import (
    default_organization,
    installation,
    is_set_up_link,
    new_set_up_link,
    set_base_url,
    set_up,
)
from apim.accounts.services.invitations import (
    accept_invitation,
    invite,
    open_invitation,
    send_again,
    withdraw_invitation,
)
from apim.accounts.services.log_ins import end_all_sessions, end_session, note_log_in, open_sessions
from apim.accounts.services.organizations import (
    add_member,
    change_role,
    create_organization,
    register_developer,
    remove_member,
    update_organization,
)
from apim.accounts.services.people import (
    actor_of,
    check_another_admin,
    choose_language,
    create_user,
    grant_admin,
    update_user,
    withdraw_admin,
)
from apim.accounts.services.teams import adopt_team, create_team, rename_team, require_team
from apim.accounts.services.tokens import IssuedToken, authenticate_token, issue_token, revoke_token

__all__ = [
    "IssuedToken",
    "accept_invitation",
    "actor_of",
    "add_member",
    "adopt_team",
    "authenticate_token",
    "change_role",
    "check_another_admin",
    "choose_language",
    "create_organization",
    "create_team",
    "create_user",
    "default_organization",
    "end_all_sessions",
    "end_session",
    "grant_admin",
    "installation",
    "invite",
    "is_set_up_link",
    "issue_token",
    "new_set_up_link",
    "note_log_in",
    "open_invitation",
    "open_sessions",
    "register_developer",
    "remove_member",
    "rename_team",
    "require_team",
    "revoke_token",
    "send_again",
    "set_base_url",
    "set_up",
    "update_organization",
    "update_user",
    "withdraw_admin",
    "withdraw_invitation",
]
