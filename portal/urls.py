"""URLs of the portal."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from portal.views import (
    access,
    applications,
    catalogue,
    home,
    invitations,
    keys,
    organization,
    pricing,
    problems,
    reference,
    requests,
    settings,
    subscriptions,
    tryit,
)

app_name = "portal"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", catalogue.show_catalogue, name="catalogue"),
    path("apis/<str:api_name>", catalogue.show_api, name="api"),
    path("apis/<str:api_name>/<str:version_name>", reference.show_version, name="version"),
    path("apis/<str:api_name>/<str:version_name>/reference", reference.show_reference, name="reference"),
    re_path(
        r"^apis/(?P<api_name>[^/]+)/(?P<version_name>[^/]+)/reference/(?P<method>[a-z]+)(?P<template>/.*)$",
        reference.show_operation,
        name="operation",
    ),
    path("apis/<str:api_name>/<str:version_name>/openapi", reference.download_document, name="document"),
    path("apis/<str:api_name>/<str:version_name>/try", tryit.send_call, name="try"),
    path("pricing", pricing.show_pricing, name="pricing"),
    path("products/<str:product_name>", catalogue.show_product, name="product"),
    path("products/<str:product_name>/access", access.show_access, name="access"),
    path("products/<str:product_name>/access/key", access.create_key, name="access_key"),
    path("products/<str:product_name>/access/finish", access.finish, name="access_finish"),
    path("invite/<str:token>", invitations.show_invitation, name="invitation"),
    path("problems", problems.list_problems, name="problems"),
    path("problems/<slug:code>", problems.show_problem, name="problem"),
    path("my", home.show_home, name="home"),
    path("my/apps", applications.list_applications, name="applications"),
    path("my/apps/new", applications.add_application, name="application_add"),
    path("my/apps/<str:application_id>", applications.show_application, name="application"),
    path("my/apps/<str:application_id>/usage", applications.show_usage, name="application_usage"),
    path("my/apps/<str:application_id>/edit", applications.edit_application, name="application_edit"),
    path("my/apps/<str:application_id>/delete", applications.remove_application, name="application_delete"),
    path("my/apps/<str:application_id>/requests", requests.list_requests, name="requests"),
    path("my/apps/<str:application_id>/keys/new", keys.add_key, name="key_add"),
    path("my/apps/<str:application_id>/clients/new", keys.add_client, name="client_add"),
    path("my/apps/<str:application_id>/keys/hide", keys.hide_key, name="key_hide"),
    path("my/keys/<str:credential_id>/roll", keys.roll_key, name="key_roll"),
    path("my/keys/<str:credential_id>/revoke", keys.revoke_key, name="key_revoke"),
    path("my/requests/<str:request_id>", requests.show_request, name="request"),
    path("my/subscriptions/<str:subscription_id>", subscriptions.show_subscription, name="subscription"),
    path("my/subscriptions/<str:subscription_id>/switch", subscriptions.switch_plan, name="subscription_switch"),
    path("my/subscriptions/<str:subscription_id>/cancel", subscriptions.cancel, name="subscription_cancel"),
    path("my/organization", organization.show_organization, name="organization"),
    path("my/organization/switch", organization.switch_organization, name="organization_switch"),
    path("my/members/<str:membership_id>/remove", organization.take_out_member, name="member_remove"),
    path("my/invitations/<str:invitation_id>/withdraw", organization.take_back_invitation, name="invitation_withdraw"),
    path("my/settings", settings.show_settings, name="settings"),
    path("my/settings/tokens/new", settings.add_token, name="token_add"),
    path("my/settings/tokens/<str:token_id>/revoke", settings.drop_token, name="token_revoke"),
]
