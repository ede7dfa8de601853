"""The kinds that `apim get` and `apim describe` know, as one table."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from apim.cli.errors import CLIError


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Shapes: document = its kind in documents, "" when it has none; related = (title, list, its filter) for describe.
    """

    name: str
    path: str
    document: str
    columns: tuple[str, ...]
    related: tuple[tuple[str, str, str], ...] = ()
    default_filter: str = "filter[name]"


KINDS: Final = (
    Kind(
        "organization",
        "/organizations",
        "Organization",
        ("name", "display_name", "state"),
        (("members", "/members", "filter[organization]"), ("teams", "/teams", "filter[organization]")),
    ),
    Kind("team", "/teams", "", ("name", "display_name", "organization")),
    Kind(
        "api",
        "/apis",
        "API",
        ("name", "display_name", "organization", "visibility", "team", "archived_at"),
        (("versions", "/versions", "filter[api]"),),
    ),
    Kind("version", "/versions", "", ("api", "name", "state", "sunset_at", "successor"), ()),
    Kind("meter", "/meters", "Meter", ("name", "display_name", "organization", "unit", "source", "where", "version")),
    Kind("plan", "/plans", "Plan", ("name", "display_name", "organization", "archived_at")),
    Kind(
        "product",
        "/products",
        "Product",
        ("name", "display_name", "organization", "visibility", "plans"),
        (("subscriptions", "/subscriptions", "filter[product]"),),
    ),
    Kind(
        "application",
        "/applications",
        "Application",
        ("name", "organization", "team", "state"),
        (
            ("subscriptions", "/subscriptions", "filter[application]"),
            ("credentials", "/credentials", "filter[application]"),
        ),
    ),
    Kind(
        "subscription",
        "/subscriptions",
        "Subscription",
        ("id", "name", "organization", "product", "plan", "environment", "lifecycle", "applications"),
    ),
    Kind(
        "credential",
        "/credentials",
        "",
        ("id", "application", "environment", "product", "label", "prefix", "state", "last_used_at"),
        (),
        "filter[prefix]",
    ),
    Kind(
        "environment",
        "/environments",
        "",
        ("name", "base_url", "revision", "published_revision", "is_waiting_to_publish"),
    ),
    Kind(
        "certificate",
        "/certificates",
        "Certificate",
        ("name", "environment", "organization", "hosts", "issuer", "not_after"),
    ),
    Kind(
        "host",
        "/hosts",
        "Host",
        ("name", "environment", "api", "version", "base_path", "is_redirected_to_https", "client_certificates"),
    ),
    Kind(
        "issuer",
        "/issuers",
        "Issuer",
        ("name", "environment", "issuer", "jwks_url", "is_for_all", "organizations"),
    ),
    Kind("gateway", "/gateways", "", ("name", "environment", "host", "software_version", "seen_at")),
)
SHORT_NAMES: Final = {"app": "application", "apps": "application", "org": "organization", "key": "credential"}
DOCUMENT_KINDS: Final = tuple(kind for kind in KINDS if kind.document)


def find_kind(word: str) -> Kind:
    """The kind that word names, in any case, singular or plural.

    Errors: CLIError that names the nearest kind.
    """
    plain = SHORT_NAMES.get(word.lower(), word.lower())
    for kind in KINDS:
        if plain in {kind.name, kind.path.removeprefix("/")}:
            return kind
    names = [kind.name for kind in KINDS]
    near = get_close_matches(plain, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}, all."
    message = f'There is no kind "{word}".'
    raise CLIError(message, hint=hint)
