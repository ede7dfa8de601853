"""Writes on applications, subscriptions, credentials, and suspensions; one module a noun."""

from __future__ import annotations

from apim.access.services.applications import (
    create_application,
    delete_application,
    resume_application,
    suspend_application,
    update_application,
)
from apim.access.services.certificates import register_certificate
from apim.access.services.changes import update_credential
from apim.access.services.clients import register_client
from apim.access.services.credentials import (
    LONGEST_OVERLAP_S,
    OVERLAPS_S,
    IssuedKey,
    create_credential,
    expire_credentials,
    revoke_credential,
    roll_credential,
)
from apim.access.services.decisions import (
    approve_subscription,
    cancel_subscription,
    end_due_subscriptions,
    end_subscription,
    pause_subscription,
    reject_subscription,
    resume_subscription,
)
from apim.access.services.departures import Departure, delete_account, plan_departure
from apim.access.services.last_uses import note_last_used
from apim.access.services.leaks import LONGEST_REPORT, report_leak
from apim.access.services.moving import Moved, blocked_by, mended_by
from apim.access.services.payments import Spent, Standing, set_payment, settle_subscription
from apim.access.services.plans import migrate_subscriptions, revise_plan
from apim.access.services.subscriptions import offered_terms, subscribe, withdraw_application
from apim.access.services.succession import follow_with_plan
from apim.access.services.suspensions import (
    remove_member,
    resume_organization,
    resume_user,
    suspend_organization,
    suspend_user,
)
from apim.access.services.teams import remove_team
from apim.access.services.transfers import (
    accept_transfer,
    expire_transfers,
    offer_application,
    refuse_transfer,
    withdraw_transfer,
)

__all__ = [
    "LONGEST_OVERLAP_S",
    "LONGEST_REPORT",
    "OVERLAPS_S",
    "Departure",
    "IssuedKey",
    "Moved",
    "Spent",
    "Standing",
    "accept_transfer",
    "approve_subscription",
    "blocked_by",
    "cancel_subscription",
    "create_application",
    "create_credential",
    "delete_account",
    "delete_application",
    "end_due_subscriptions",
    "end_subscription",
    "expire_credentials",
    "expire_transfers",
    "follow_with_plan",
    "mended_by",
    "migrate_subscriptions",
    "note_last_used",
    "offer_application",
    "offered_terms",
    "pause_subscription",
    "plan_departure",
    "refuse_transfer",
    "register_certificate",
    "register_client",
    "reject_subscription",
    "remove_member",
    "remove_team",
    "report_leak",
    "resume_application",
    "resume_organization",
    "resume_subscription",
    "resume_user",
    "revise_plan",
    "revoke_credential",
    "roll_credential",
    "set_payment",
    "settle_subscription",
    "subscribe",
    "suspend_application",
    "suspend_organization",
    "suspend_user",
    "update_application",
    "update_credential",
    "withdraw_application",
    "withdraw_transfer",
]
