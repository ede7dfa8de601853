"""Webhook endpoints. Source: docs.stripe.com/api/webhook_endpoints."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from tests.stripe_server.errors import invalid
from tests.stripe_server.events import API_VERSION
from tests.stripe_server.parameters import metadata, only, put
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_MOST = 16  # Source: docs.stripe.com/webhooks#register-webhook
_PATH = "/v1/webhook_endpoints"

route("GET", _PATH + "/{id}", "WebhookEndpointRetrieveParams", "webhook")(retrieve("webhook_endpoint"))
route("GET", _PATH, "WebhookEndpointListParams", "webhook")(listing("webhook_endpoint"))


def add(mode: Mode, url: str, enabled_events: list[str], secret: str | None = None) -> Object:
    """An enabled endpoint.

    Errors: StripeError for a URL that is none.
    """
    try:
        has_host = bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        has_host = False
    if not has_host:
        raise invalid("Invalid URL: it names no host, or no port.", param="url", code="url_invalid")
    return mode.add(
        "webhook_endpoint",
        {"api_version": API_VERSION, "application": None, "description": None, "enabled_events": enabled_events,
         "metadata": {}, "status": "enabled", "url": url, "_secret": secret or "whsec_" + secrets.token_hex(16)},
    )  # fmt: skip


@route("POST", _PATH, "WebhookEndpointCreateParams", "webhook")
def create_endpoint(mode: Mode, params: Object) -> Object:
    """The secret is told once, here."""
    only(params, "url", "enabled_events", "description", "metadata", "api_version")
    if not params["url"].startswith(("http://", "https://")):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url", code="url_invalid"
        )
    if mode.livemode and not params["url"].startswith("https://"):
        raise invalid("Invalid URL: live mode endpoints must use https.", param="url", code="url_invalid")
    if len(list(mode.all("webhook_endpoint"))) >= _MOST:
        raise invalid(
            f"You have reached the maximum of {_MOST} {'live' if mode.livemode else 'test'} webhook endpoints."
        )
    made = add(mode, params["url"], params["enabled_events"])
    put(made, params, "description")
    made["metadata"] = metadata(None, params.get("metadata"))
    return made | {"secret": made["_secret"]}


@route("POST", _PATH + "/{id}", "WebhookEndpointUpdateParams", "webhook")
def update_endpoint(mode: Mode, params: Object, key: str) -> Object:
    only(params, "url", "enabled_events", "description", "metadata", "disabled")
    found = mode.get("webhook_endpoint", key, status=404)
    put(found, params, "url", "enabled_events", "description")
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    if "disabled" in params:
        found["status"] = "disabled" if params["disabled"] else "enabled"
    return found


@route("DELETE", _PATH + "/{id}", "WebhookEndpointDeleteParams", "webhook")
def delete_endpoint(mode: Mode, _params: Object, key: str) -> Object:
    mode.get("webhook_endpoint", key, status=404)
    mode.remove("webhook_endpoint", key)
    return {"id": key, "object": "webhook_endpoint", "deleted": True}
