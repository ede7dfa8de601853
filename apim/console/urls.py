"""URLs of apim.console: what owners use; the admin's are in admin_urls.py."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from apim.console import admin_urls
from apim.console.views import (
    analytics,
    apis,
    approvals,
    composites,
    home,
    imports,
    invoices,
    lifecycle,
    meters,
    migrations,
    plans,
    prices,
    products,
    rehearsals,
    requests,
    revisions,
    styleguide,
    tokens,
    upstreams,
    versions,
)
from apim.console.views.admin import platform

app_name = "console"

version_urls: list[URLPattern] = [
    path("review", imports.version_review, name="version-review"),
    path("import", imports.version_import, name="version-import"),
    path("upstream", upstreams.version_upstream, name="version-upstream"),
    path("arms", upstreams.version_arms, name="version-arms"),
    path("operations", versions.version_operations, name="version-operations"),
    path("policies", versions.version_policies, name="version-policies"),
    path("composites", composites.version_composites, name="version-composites"),
    path("documentation", versions.version_documentation, name="version-documentation"),
    path("revisions", revisions.revision_list, name="version-revisions"),
    path("diff", revisions.revision_diff, name="version-diff"),
    path("publish", revisions.version_publish, name="version-publish"),
    path("rollback/<int:number>", revisions.version_rollback, name="version-rollback"),
    path("submit", lifecycle.version_submit, name="version-submit"),
    path("return", lifecycle.version_return, name="version-return"),
    path("deprecate", lifecycle.version_deprecate, name="version-deprecate"),
    path("reinstate", lifecycle.version_reinstate, name="version-reinstate"),
    path("retire", lifecycle.version_retire, name="version-retire"),
    path("block", lifecycle.version_block, name="version-block"),
    path("unblock", lifecycle.version_unblock, name="version-unblock"),
]

api_urls: list[URLPattern] = [
    path("settings", apis.api_settings, name="api-settings"),
    path("archive", apis.api_archive, name="api-archive"),
    path("restore", apis.api_restore, name="api-restore"),
    path("delete", apis.api_delete, name="api-delete"),
    path("consumers", apis.api_consumers, name="api-consumers"),
    path("analytics", analytics.api_analytics, name="api-analytics"),
    path("analytics/<slug:version>", analytics.api_analytics, name="version-analytics"),
    path("new-version", imports.version_new, name="version-new"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("apis", apis.api_list, name="apis"),
    path("new-api", imports.api_new, name="api-new"),
    path("products", products.product_list, name="products"),
    path("new-product", products.product_new, name="product-new"),
    path("products/<slug:name>", products.product_page, name="product"),
    path("products/<slug:name>/edit", products.product_edit, name="product-edit"),
    path("products/<slug:name>/archive", products.product_archive, name="product-archive"),
    path("plans", plans.plan_list, name="plans"),
    path("new-plan", plans.plan_new, name="plan-new"),
    path("plans/<slug:name>", plans.plan_page, name="plan"),
    path("plans/<slug:name>/edit", plans.plan_edit, name="plan-edit"),
    path("plans/<slug:name>/prices", prices.plan_prices, name="plan-prices"),
    path("plans/<slug:name>/migrate", migrations.plan_migrate, name="plan-migrate"),
    path("plans/<slug:name>/rehearsals", rehearsals.plan_rehearsals, name="plan-rehearsals"),
    path("plans/<slug:name>/archive", plans.plan_archive, name="plan-archive"),
    path("rehearsals", rehearsals.rehearsal_list, name="rehearsals"),
    path("rehearsals/<str:rehearsal_id>", rehearsals.rehearsal_page, name="rehearsal"),
    path("rehearsals/<str:rehearsal_id>/cancel", rehearsals.rehearsal_cancel, name="rehearsal-cancel"),
    path("meters", meters.meter_list, name="meters"),
    path("new-meter", meters.meter_new, name="meter-new"),
    path("meters/<slug:name>", meters.meter_page, name="meter"),
    path("meters/<slug:name>/edit", meters.meter_edit, name="meter-edit"),
    path("approvals", approvals.approval_list, name="approvals"),
    path("approvals/<str:subscription_id>/approve", approvals.approval_approve, name="approval-approve"),
    path("approvals/<str:subscription_id>/reject", approvals.approval_reject, name="approval-reject"),
    path("invoices", invoices.invoice_list, name="invoices"),
    path("invoices/<str:invoice_id>", invoices.invoice_page, name="invoice"),
    path("invoices/<str:invoice_id>/give-back", invoices.invoice_give_back, name="invoice-give-back"),
    path("tokens", tokens.token_list, name="tokens"),
    path("new-token", tokens.token_new, name="token-new"),
    path("tokens/<str:token_id>/revoke", tokens.token_revoke, name="token-revoke"),
    path("requests", requests.request_list, name="requests"),
    path("requests/<str:request_id>", requests.request_page, name="request"),
    path("styleguide", styleguide.styleguide, name="styleguide"),
    path("apis/<slug:name>", apis.api_page, name="api"),
    path("admin", platform.overview, name="admin"),
    path("admin/", include(admin_urls)),
    path("apis/<slug:name>/", include(api_urls)),
    path("apis/<slug:api>/versions/<slug:version>", versions.version_page, name="version"),
    path("apis/<slug:api>/versions/<slug:version>/", include(version_urls)),
]
