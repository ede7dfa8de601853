"""URLs of the platform admins' pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from apim.console.views import invoices
from apim.console.views.admin import (
    audit,
    billing,
    ceilings,
    certificates,
    issuers,
    mail,
    organizations,
    people,
    platform,
)

urlpatterns: list[URLPattern] = [
    path("environments", platform.environment_list, name="admin-environments"),
    path("environments/<slug:name>", platform.environment_edit, name="admin-environment"),
    path("environments/<slug:name>/policies", platform.environment_policies, name="admin-environment-policies"),
    path("gateways", platform.gateway_list, name="admin-gateways"),
    path("certificates", certificates.certificate_list, name="admin-certificates"),
    path("new-certificate", certificates.certificate_new, name="admin-certificate-new"),
    path(
        "certificates/<str:certificate_id>/replace", certificates.certificate_replace, name="admin-certificate-replace"
    ),
    path("certificates/<str:certificate_id>/delete", certificates.certificate_delete, name="admin-certificate-delete"),
    path("hosts", certificates.host_list, name="admin-hosts"),
    path("new-host", certificates.host_new, name="admin-host-new"),
    path("hosts/<str:host_id>", certificates.host_edit, name="admin-host"),
    path("hosts/<str:host_id>/order", certificates.host_order, name="admin-host-order"),
    path("hosts/<str:host_id>/delete", certificates.host_delete, name="admin-host-delete"),
    path("issuers", issuers.issuer_list, name="admin-issuers"),
    path("new-issuer", issuers.issuer_new, name="admin-issuer-new"),
    path("issuers/<str:issuer_id>", issuers.issuer_edit, name="admin-issuer"),
    path("issuers/<str:issuer_id>/delete", issuers.issuer_delete, name="admin-issuer-delete"),
    path("publications", platform.publication_list, name="admin-publications"),
    path("publications/<str:publication_id>", platform.publication_page, name="admin-publication"),
    path("ceilings", ceilings.ceiling_list, name="admin-ceilings"),
    path("ceilings/environments/<slug:name>", ceilings.ceiling_environment, name="admin-ceiling-environment"),
    path("ceilings/organizations/<slug:name>", ceilings.ceiling_organization, name="admin-ceiling-organization"),
    path("organizations", organizations.organization_list, name="admin-organizations"),
    path("new-organization", organizations.organization_new, name="admin-organization-new"),
    path("organizations/<slug:name>", organizations.organization_page, name="admin-organization"),
    path("organizations/<slug:name>/suspend", organizations.organization_suspend, name="admin-organization-suspend"),
    path("organizations/<slug:name>/resume", organizations.organization_resume, name="admin-organization-resume"),
    path("organizations/<slug:name>/goodwill", invoices.goodwill, name="admin-organization-goodwill"),
    path("applications", organizations.application_list, name="admin-applications"),
    path("applications/<str:pk>/suspend", organizations.application_suspend, name="admin-application-suspend"),
    path("applications/<str:pk>/resume", organizations.application_resume, name="admin-application-resume"),
    path("users", people.user_list, name="admin-users"),
    path("invite", people.user_invite, name="admin-invite"),
    path("invitations/<str:invitation_id>/withdraw", people.invitation_withdraw, name="admin-invitation-withdraw"),
    path("users/<str:user_id>", people.user_page, name="admin-user"),
    path("users/<str:user_id>/suspend", people.user_suspend, name="admin-user-suspend"),
    path("users/<str:user_id>/resume", people.user_resume, name="admin-user-resume"),
    path("users/<str:user_id>/make-admin", people.user_make_admin, name="admin-user-make-admin"),
    path("users/<str:user_id>/withdraw-admin", people.user_withdraw_admin, name="admin-user-withdraw-admin"),
    path("memberships/<str:membership_id>", people.membership_edit, name="admin-membership"),
    path("memberships/<str:membership_id>/remove", people.membership_remove, name="admin-membership-remove"),
    path("billing", billing.billing_page, name="admin-billing"),
    path("billing/connect", billing.connect, name="admin-billing-connect"),
    path("billing/disconnect", billing.disconnect, name="admin-billing-disconnect"),
    path("billing/test", billing.test_events, name="admin-billing-test"),
    path("billing/events/<str:event_id>/replay", billing.replay, name="admin-billing-replay"),
    path("billing/subscriptions/<str:subscription_id>/patience", billing.patience, name="admin-billing-patience"),
    path("audit", audit.audit_list, name="admin-audit"),
    path("mailbox", mail.mailbox, name="admin-mailbox"),
    path("mailbox/<str:message_id>", mail.message_page, name="admin-message"),
    path("mail-server", mail.mail_server, name="admin-mail-server"),
]
