"""Billing portal. Source: docs.stripe.com/api/customer_portal, docs.stripe.com/customer-management."""

from __future__ import annotations

from tests.stripe_server.parameters import customer_of, metadata, only, put
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_CONFIGURATIONS = "/v1/billing_portal/configurations"
_KIND = "billing_portal.configuration"

route("GET", _CONFIGURATIONS + "/{id}", "billing_portal.ConfigurationRetrieveParams", "customer_portal")(
    retrieve(_KIND)
)
route("GET", _CONFIGURATIONS, "billing_portal.ConfigurationListParams", "customer_portal")(
    listing(_KIND, "active", "is_default")
)


@route("POST", _CONFIGURATIONS, "billing_portal.ConfigurationCreateParams", "customer_portal")
def create_configuration(mode: Mode, params: Object) -> Object:
    only(params, "business_profile", "features", "metadata", "default_return_url", "name", "login_page")
    return _configuration(mode, params, is_default=False)


def _configuration(mode: Mode, params: Object, *, is_default: bool) -> Object:
    features: Object = {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True, "payment_method_configuration": None},
        "subscription_cancel": {"enabled": False, "mode": "at_period_end", "proration_behavior": "none",
                                "cancellation_reason": {"enabled": False, "options": []}},
        "subscription_update": {"enabled": False, "default_allowed_updates": [], "proration_behavior": "none",
                                "products": None, "schedule_at_period_end": {"conditions": []},
                                "trial_update_behavior": "end_trial"},
        "subscription_pause": {"enabled": False, "duration": {"interval_options": [], "type": "indefinite"}},
    }  # fmt: skip
    for name, given in (params.get("features") or {}).items():
        features[name] |= given
    profile = {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None}
    made = mode.add(
        _KIND,
        {"active": True, "business_profile": profile | (params.get("business_profile") or {}), "features": features,
         "is_default": is_default, "login_page": {"enabled": False, "url": None}, "updated": mode.now(),
         "metadata": metadata(None, params.get("metadata"))},
    )  # fmt: skip
    put(made, params, "default_return_url", "name")
    return made


@route("POST", _CONFIGURATIONS + "/{id}", "billing_portal.ConfigurationUpdateParams", "customer_portal")
def update_configuration(mode: Mode, params: Object, key: str) -> Object:
    only(params, "active", "default_return_url", "features", "metadata", "name", "business_profile")
    found = mode.get(_KIND, key, status=404)
    put(found, params, "active", "default_return_url", "name")
    for name, given in (params.get("features") or {}).items():
        found["features"][name] |= given
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    return found


@route("POST", "/v1/billing_portal/sessions", "billing_portal.SessionCreateParams", "customer_portal")
def create_session(mode: Mode, params: Object) -> Object:
    only(params, "customer", "return_url", "configuration", "flow_data", "locale")
    customer = customer_of(mode, params)
    flow = params.get("flow_data")
    if flow is not None:
        only({flow["type"]: True}, "payment_method_update")
    configuration = params.get("configuration")
    if configuration is None:
        found = next(mode.all(_KIND, is_default=True), None) or _configuration(mode, {}, is_default=True)
        configuration = found["id"]
    else:
        mode.get(_KIND, configuration, param="configuration")
    shown = None
    if flow is not None:
        shown = {"type": flow["type"], "after_completion": flow.get("after_completion") or {"type": "portal_homepage",
                 "hosted_confirmation": None, "redirect": None}, "subscription_cancel": None,
                 "subscription_update": None, "subscription_update_confirm": None}  # fmt: skip
    made = mode.add(
        "billing_portal.session",
        {"configuration": configuration, "customer": customer["id"], "flow": shown, "locale": params.get("locale"),
         "return_url": params.get("return_url")},
    )  # fmt: skip
    made["url"] = f"{mode.address}/p/session/{made['id']}"
    return made
