"""Kinds: the documents that can be applied, their fields, and the order in which they depend on each other."""

from __future__ import annotations

from collections.abc import Mapping

from apim.catalog.models import API, APIVersion
from apim.catalog.sandboxes import ABSENT_GROUPS
from apim.documents.limit_shapes import QUOTA_FIELDS, TERMS_FIELDS
from apim.documents.pricing_shapes import LIMIT_FIELDS, METER_FIELDS, PLAN_FIELDS
from apim.documents.shapes import Flag, Free, Items, Number, Record, Shape, Text, Texts
from apim.gateways.models import Host
from apim.products.models import PlanVersion, Product
from gateway_sync.upstreams import DESCRIPTIONS as UPSTREAM_GROUPS

API_GROUP = "apim.dev/v1"

# In the order of dependence: a kind names only kinds before it.
KINDS = (
    "Organization",
    "Certificate",
    "Issuer",
    "API",
    "Meter",
    "Plan",
    "Product",
    "Application",
    "Subscription",
    "Host",
)
KINDS_LATER = ("AlertRule",)

_State = APIVersion.State
_NAME = Text(is_required=True, meaning="The name by which other documents and URLs call it; it stays.")
_LABELS = Texts(meaning="Words of your own to find it by.")
_PLACE = Text(meaning="The environment that it runs in; the default one when left out.")
_METADATA = Record({"name": _NAME, "labels": _LABELS, "environment": _PLACE}, later=("annotations",), is_required=True)
_PLAIN_METADATA = Record({"name": _NAME}, later=("annotations", "labels"), is_required=True)
_PLACED_METADATA = Record({"name": _NAME, "environment": _PLACE}, later=("annotations", "labels"), is_required=True)

_OWNER = Text(meaning="The organization that it belongs to, for good; the default one when left out.")
_HOME = Text(meaning="The organization that it belongs to; the caller's own when left out and there is one.")
_DISPLAY_NAME = Text(meaning="The name that people read.")
_DESCRIPTION = Text(meaning="What it is good for, in Markdown.")
_VISIBLE = "`public`: everyone finds it; `internal`: only members of the organization."

_LIFECYCLE = Record(
    {
        "state": Text(
            (_State.DRAFT, _State.PUBLISHED, _State.DEPRECATED, _State.RETIRED),
            is_required=True,
            meaning="The state to bring it to; what was published cannot become a draft again.",
        ),
        "deprecatedAt": Text(meaning="A date, or a date with a time; now when left out."),
        "sunsetAt": Text(meaning="When it ends; told to callers in the `Sunset` field."),
        "successor": Text(meaning="The version to move to."),
    },
    meaning="Left out: a new version stays a draft, one that exists stays in its state.",
)
_TARGET = Record(
    {
        "url": Text(is_required=True, meaning="Scheme, host, port and base path of one instance."),
        "weight": Number(meaning="Its share of the calls; 0 takes none."),
        "priority": Number(meaning="0 to 9; targets of a higher number are for when none of a lower one is healthy."),
        "arm": Text(meaning="The arm of `canary` that it belongs to."),
    }
)
_UPSTREAM = Record(
    {
        "targets": Items(_TARGET, is_required=True, meaning="The instances that answer."),
        "timeout": Text(meaning="How long the gateway waits for an answer: `5s`, `250ms`, `1m`."),
        **{
            kind: Free(meaning=f"[{description.title}](upstreams.md#{kind.lower()}).")
            for kind, description in UPSTREAM_GROUPS.items()
        },
    },
    meaning="The service behind the version.",
)
_SANDBOX = Record(
    {
        **{name: field for name, field in _UPSTREAM.fields.items() if name not in ABSENT_GROUPS},
        "targets": Items(_TARGET, meaning="The instances that answer; none: the document's examples answer."),
        "headers": Texts(meaning="Header fields that it gets, such as what opens it."),
    },
    meaning="A service that answers sandbox keys, such as a test system; `{}`: the document's examples do.",
)
_OPERATION = Record(
    {
        "method": Text(is_required=True, meaning="The HTTP method."),
        "path": Text(is_required=True, meaning="The path, with parameters as `{name}`."),
        "operationId": Text(meaning="A name for programs."),
        "summary": Text(meaning="One line for people."),
        "tags": Items(Text(), meaning="Groups of the reference."),
        "deprecated": Flag(meaning="Marked so in the reference."),
    }
)
_PASSTHROUGH = Record(
    {
        "methods": Items(Text(), is_required=True, meaning="The methods let through."),
        "prefix": Text(meaning="Only paths that begin so."),
    },
    meaning="Everything below a prefix, for a service without a contract.",
)
_VERSION = Record(
    {
        "name": Text(is_required=True, meaning="The second part of the path at the gateway: `/{api}/{version}/…`."),
        "lifecycle": _LIFECYCLE,
        "documentation": Text(meaning="More words for the portal, in Markdown."),
        "spec": Free(meaning="The OpenAPI document, here or as `{ $file: ./openapi.yaml }`."),
        "operations": Items(_OPERATION, meaning="The operations; those of `spec` when left out."),
        "passthrough": _PASSTHROUGH,
        "upstream": _UPSTREAM,
        "sandbox": _SANDBOX,
        "policies": Items(Free(), meaning="One kind and its [settings](policies.md) each."),
        "composites": Free(
            meaning="Operations that call several services, such as `POST /transfers`: their [steps](composites.md)."
        ),
    },
    later=("compat", "breakingGate"),
)
_GUIDE = Record(
    {
        "slug": Text(is_required=True, meaning="The last part of its URL: `/apis/{api}/guides/{slug}`."),
        "title": Text(is_required=True, meaning="What readers choose it by."),
        "position": Number(meaning="Smaller ones come first; the place in this list when left out."),
        "body": Text(may_be_file=True, meaning="Its text in Markdown, or `{ $file: ./start.md }`."),
        "published": Flag(meaning="`true` puts it in the portal; a draft otherwise."),
    }
)
_LIMIT = Record(
    {
        "rate": Text(meaning="Requests in a time: `10/s`, `100/m`; one a plan."),
        "burst": Number(1, meaning="With `rate`: calls at once; as many as the rate's when left out."),
        **QUOTA_FIELDS,
        **LIMIT_FIELDS,
    }
)
_OFFER = Record(
    {
        "api": Text(is_required=True, meaning="An API by its name."),
        "versions": Items(Text(), is_required=True, meaning="Versions of it."),
        "operations": Items(
            Text(), meaning='Only these, as `"GET /quotes/*"`: a method or `*`, and a path; all when left out.'
        ),
    }
)

_SPECS: Mapping[str, Record] = {
    "Organization": Record(
        {"displayName": _DISPLAY_NAME}, meaning="A tenant: it owns APIs, or applications that call."
    ),
    "Certificate": Record(
        {
            "organization": Text(
                meaning="The organization whose APIs show it to their services; when left out, gateways show it to"
                " callers."
            ),
            "chain": Text(
                is_required=True,
                may_be_file=True,
                meaning="PEM: the certificate itself first, then who issued it; `{ $file: ./chain.pem }`.",
            ),
            "privateKey": Text(
                may_be_file=True,
                meaning="PEM without passphrase, `{ $file: ./key.pem }` or `{ $env: NAME }`; it is never shown again."
                " May be left out when the chain is the one that is there.",
            ),
        },
        meaning="A TLS certificate with its key, for administrators.",
    ),
    "Issuer": Record(
        {
            "issuer": Text(is_required=True, meaning="What `iss` is in its tokens, letter for letter."),
            "jwks": Text(may_be_file=True, meaning="Its public keys: a JWK set, or `{ $file: ./keys.json }`."),
            "jwksURL": Text(meaning="Where it publishes them; without it and `jwks` the issuer is asked (discovery)."),
            "clientClaim": Text(meaning="The claim that names the client; `azp`, else `client_id`, when left out."),
            "organizations": Items(
                Text(), meaning="Whose applications may be its clients; those of every organization when left out."
            ),
        },
        meaning="An issuer of tokens that says which application calls, for administrators.",
    ),
    "API": Record(
        {
            "organization": _OWNER,
            "team": Text(
                meaning="The team that may edit it, made if need be; every owner of the organization when empty."
            ),
            "displayName": _DISPLAY_NAME,
            "description": _DESCRIPTION,
            "visibility": Text(tuple(API.Visibility.values), meaning=_VISIBLE),
            "keyHeader": Text(meaning="The header that carries the key; `X-API-Key` unless said."),
            "category": Text(meaning="One word or two that the portal's catalogue groups APIs by."),
            "tags": Items(Text(), meaning="Words that the portal's catalogue can be narrowed by."),
            "guides": Items(_GUIDE, meaning="Pages of prose; those not named are left alone."),
            "versions": Items(_VERSION, meaning="Those not named are left alone."),
        },
        later=("versioning",),
        meaning="An API with its versions.",
    ),
    "Meter": Record(
        {"organization": _OWNER, "displayName": _DISPLAY_NAME, **METER_FIELDS},
        meaning="What of the traffic plans charge for.",
    ),
    "Plan": Record(
        {
            "organization": _OWNER,
            "displayName": _DISPLAY_NAME,
            "description": _DESCRIPTION,
            "approval": Text(
                tuple(PlanVersion.Approval.values),
                meaning="Whether a subscription begins at once or waits for the owner.",
            ),
            "timezone": Text(meaning="The time zone in which days and months begin, such as `Europe/Berlin`."),
            "limits": Items(_LIMIT, meaning="At most one rate, quotas, and meters; each entry is one of them."),
            **TERMS_FIELDS,
            **PLAN_FIELDS,
        },
        meaning="How fast, how much, and what it costs.",
    ),
    "Product": Record(
        {
            "organization": _OWNER,
            "displayName": _DISPLAY_NAME,
            "description": _DESCRIPTION,
            "visibility": Text(tuple(Product.Visibility.values), meaning=_VISIBLE),
            "apis": Items(_OFFER, is_required=True, meaning="What a subscription opens."),
            "plans": Items(Text(), meaning="The plans to choose from."),
        },
        later=("credentials",),
        meaning="What developers subscribe to: versions or single operations, under plans.",
    ),
    "Application": Record(
        {
            "organization": _HOME,
            "displayName": _DISPLAY_NAME,
            "description": _DESCRIPTION,
            "team": Text(
                meaning="The team that it belongs to; the maker's when left out; empty: the whole organization."
            ),
        },
        meaning="A program that calls; it holds the keys.",
    ),
    "Subscription": Record(
        {
            "application": Text(is_required=True, meaning="Who calls; `organization/name` when several have the name."),
            "product": Text(is_required=True, meaning="What is opened."),
            "plan": Text(is_required=True, meaning="On which terms; another plan than now is a change of plan."),
        },
        meaning="An application's access to a product under a plan.",
    ),
    "Host": Record(
        {
            "api": Text(meaning="The API that it serves; every API by its own path when left out."),
            "version": Text(meaning="The version that it serves; every version by its name when left out."),
            "basePath": Text(
                meaning="What stands for `/{api}`, or for `/{api}/{version}`, in its paths; `/` if nothing."
            ),
            "redirectToHttps": Flag(meaning="Whether calls by plain HTTP are answered with 308 to HTTPS."),
            "hstsMaxAge": Number(meaning="Seconds that callers are told to come by HTTPS only; 0 tells them nothing."),
            "clientCertificates": Text(
                tuple(Host.ClientCertificates.values),
                meaning="`required`: callers without a certificate of `clientCA` are refused; `optional`: not.",
            ),
            "clientCA": Text(may_be_file=True, meaning="PEM of the authorities whose client certificates are taken."),
            "certificate": Text(
                tuple(Host.CertificateSource.values),
                meaning="`acme`: ordered from the environment's authority; `kept`: a `Certificate` covers it.",
            ),
        },
        meaning="A host name of the gateways, exact or `*.example.com`, for administrators.",
    ),
}

_METADATA_OF: Mapping[str, Record] = {
    "API": _METADATA,
    "Certificate": _PLACED_METADATA,
    "Host": _PLACED_METADATA,
    "Issuer": _PLACED_METADATA,
    "Subscription": _PLACED_METADATA,
}


def shape_of(kind: str) -> Shape:
    """The shape of a whole document of a kind."""
    spec = _SPECS[kind]
    is_spec_required = any(field.is_required for field in spec.fields.values())
    return Record(
        {
            "apiVersion": Text((API_GROUP,), is_required=True, meaning="The version of the format."),
            "kind": Text(is_required=True, meaning="The kind."),
            "metadata": _METADATA_OF.get(kind, _PLAIN_METADATA),
            "spec": Record(spec.fields, spec.later, is_required=is_spec_required),
        },
        meaning=spec.meaning,
    )
