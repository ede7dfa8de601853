"""What every operation of the management API has in common, in words and as settings of its OpenAPI document.

Must not know: Django; the settings file reads this.
"""

from __future__ import annotations

from typing import Final

API_PATH: Final = "/api/v1"
TITLE: Final = "apim management API"
INTRODUCTION: Final = """\
Plural nouns, `snake_case`, ids that say what they name (`sub_...`), RFC 3339 times. Where names are unique they stand
for ids: `/apis/bank`, `/versions/bank:v1`, `/applications/acme:shop`.

Log in with `Authorization: Bearer <token>`; a token is limited to its scopes and never does more than its person may.
The scope `admin` includes the others.

Lists answer `{"data": [...], "next": cursor}`. They take `limit` (1 to 200, 50 when left out), `after` (the cursor),
`sort` (`-` turns it round), `filter[name]`, `fields` (`id,name`: only these) and `total=true`. A parameter that a list
does not know is an error.

Objects carry an `ETag`. Send it as `If-Match` with PATCH and DELETE to write only what you read (412 otherwise); PUT
needs it (428). PATCH is a JSON merge: what is left out stays. A field that an operation does not know is an error that
names the nearest one.

A POST with an `Idempotency-Key` has one effect, however often it is sent within 24 hours; the first answer returns with
`Idempotency-Replayed: true`. That answer holds secrets that are shown once (a new key), so that a lost answer does not
cost a second key: it is stored encrypted with a key made from the Idempotency-Key, which itself is not stored. Choose
long random keys. A refused request leaves nothing behind and may be sent again; what asks the payment provider leaves
what the provider was told, and goes on from there. Sent again while such a request is under way, it waits for that
one's answer for some seconds, then is 409 `request.under_way`; 409 `request.cut_off` when a process died over it.

Errors are problems as in RFC 9457, `application/problem+json`: `code` is for programs and never translated, `errors`
points to each field at fault, `request_id` finds the request in the log."""
SPECTACULAR_SETTINGS: Final = {
    "TITLE": TITLE,
    "DESCRIPTION": INTRODUCTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": API_PATH,
    "ENUM_NAME_OVERRIDES": {
        "MethodEnum": "apim.api.serializers.revisions.METHODS",
        "VersionState": "apim.catalog.models.APIVersion.State",
        "PlanVersionState": "apim.products.models.PlanVersion.State",
        "CredentialKind": "apim.access.models.Credential.Kind",
        "CredentialState": "apim.access.models.Credential.State",
        "ApplicationState": "apim.access.models.Application.State",
        "VisibilityEnum": "apim.products.models.Product.Visibility",
        "PlanVisibility": "apim.products.models.Plan.Visibility",
        "DeliveryState": "apim.webhooks.models.Delivery.State",
        "GatewayState": "apim.gateways.models.Gateway.State",
        "AlertKind": "apim.alerts.models.AlertRule.Kind",
        "ChangeMoment": "apim.api.serializers.pricing.MOMENTS",
    },
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apim.api.reference.finish_document",
    ],
    "TAGS": [
        {"name": "APIs", "description": "What owners offer."},
        {"name": "Versions", "description": "Contracts that callers choose, and their revisions."},
        {"name": "Products", "description": "What applications subscribe to, and how much of it they get."},
        {"name": "Access", "description": "Applications, keys and subscriptions."},
        {"name": "Jobs", "description": "Long work: how far it is, cancel, once more, and the file that it made."},
        {"name": "Webhooks", "description": "Endpoints that are told of events, and their deliveries."},
        {"name": "Billing", "description": "Invoices, and money that is given back."},
        {"name": "Alerts", "description": "Rules that tell owners of an API what is not as it should be."},
        {"name": "Usage", "description": "What was called and done."},
        {"name": "Demo", "description": "Made traffic, switched on and off."},
        {"name": "Gateways", "description": "Where it runs."},
        {"name": "People", "description": "Organizations and who acts for them."},
        {"name": "Documents", "description": "Everything as files."},
        {"name": "Me", "description": "Oneself and one's tokens."},
    ],
}
