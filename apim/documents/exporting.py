"""Exporting: what exists as documents that `apply` accepts unchanged, here and elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db.models import Prefetch

from apim.access.models import Application, Subscription
from apim.accounts.models import Organization, User
from apim.catalog.models import API, APIVersion, Deployment
from apim.documents.kinds import API_GROUP, KINDS
from apim.documents.shapes import nearest
from apim.documents.version_contents import guide_content, version_content
from apim.errors import Invalid, NotFound
from apim.gateways.models import Certificate, Environment, Host, Issuer
from apim.gateways.services import default_environment
from apim.openapi.source import write_yaml
from apim.products.limits import format_rate
from apim.products.models import Meter, Plan, PlanVersion, Product, ProductItem, ProductPlan

ALL = "all"

Document = dict[str, Any]


def export_documents(*, kind: str, name: str, user: User) -> str:
    """The documents of a kind (or `all`), of one object when name is given: those that user may change.

    Shapes: kind in any case, singular or plural; a contract is written out in place of its `$file`.
    Errors: documents.unknown_kind; NotFound documents.not_found.
    """
    kinds = KINDS if kind.lower() == ALL else (_kind_named(kind),)
    found = [document for one in kinds for document in _EXPORTERS[one](user, name)]
    if name and not found:
        raise NotFound("documents.not_found", f"There is no {kind} `{name}` that you may change.")
    return "---\n".join(write_yaml(document) for document in found)


def _kind_named(text: str) -> str:
    names = {one.lower(): one for one in KINDS} | {f"{one.lower()}s": one for one in KINDS}
    found = names.get(text.lower())
    if found is None:
        raise Invalid(
            "documents.unknown_kind", f"Unknown kind `{text}`.", field="kind", hint=nearest(text, [*KINDS, ALL])
        )
    return found


def _document(kind: str, name: str, spec: Mapping[str, Any], **metadata: object) -> Document:
    filled = {key: value for key, value in metadata.items() if value}
    document = {"apiVersion": API_GROUP, "kind": kind, "metadata": {"name": name, **filled}}
    content = {key: value for key, value in spec.items() if value not in ("", None, [])}
    return document | ({"spec": content} if content else {})


def _organizations(user: User, name: str) -> Iterator[Document]:
    rows = Organization.objects.editable_by(user)
    for row in rows.filter(name=name) if name else rows:
        yield _document("Organization", row.name, {"displayName": row.display_name})


def _apis(user: User, name: str) -> Iterator[Document]:
    deployed = Deployment.objects.filter(environment=default_environment()).select_related("revision")
    versions = APIVersion.objects.select_related("successor").prefetch_related(
        Prefetch("deployments", deployed, to_attr="deployed")
    )
    rows = API.objects.editable_by(user).active().select_related("organization")
    rows = rows.prefetch_related(Prefetch("versions", versions), "guides")
    for row in rows.filter(name=name) if name else rows:
        spec = {
            "organization": _owner(row.organization),
            "team": row.team,
            "displayName": row.display_name,
            "description": row.description,
            "visibility": row.visibility,
            "keyHeader": row.key_header,
            "category": row.category,
            "tags": row.tags,
            "guides": [guide_content(guide) for guide in row.guides.all()],
            "versions": [version_content(version) for version in row.versions.all()],
        }
        yield _document("API", row.name, spec, labels=row.labels)


def _certificates(user: User, name: str) -> Iterator[Document]:
    """Without their keys: who has the chain already needs none, and nobody else may have it."""
    rows = Certificate.objects.editable_by(user).select_related("environment", "organization")
    for row in rows.filter(name=name) if name else rows:
        spec = {"organization": row.organization.name if row.organization else "", "chain": row.chain}
        yield _document("Certificate", row.name, spec, environment=_place(row.environment))


def _issuers(user: User, name: str) -> Iterator[Document]:
    rows = Issuer.objects.editable_by(user).select_related("environment").prefetch_related("organizations")
    for row in rows.filter(name=name) if name else rows:
        spec = {
            "issuer": row.issuer,
            "jwks": row.jwks,
            "jwksURL": row.jwks_url,
            "clientClaim": row.client_claim,
        }
        document = _document("Issuer", row.name, spec, environment=_place(row.environment))
        if not row.is_for_all:  # an empty list says something: for nobody
            document["spec"]["organizations"] = sorted(one.name for one in row.organizations.all())
        yield document


def _hosts(user: User, name: str) -> Iterator[Document]:
    rows = Host.objects.editable_by(user).select_related("environment")
    for row in rows.filter(name=name) if name else rows:
        spec = {
            "api": row.api,
            "version": row.version,
            "basePath": row.base_path,
            "redirectToHttps": row.is_redirected_to_https,
            "hstsMaxAge": row.hsts_max_age_s,
            "clientCertificates": row.client_certificates,
            "clientCA": row.client_ca,
            "certificate": _unless(Host.CertificateSource.KEPT, row.certificate_source),
        }
        yield _document("Host", row.name, spec, environment=_place(row.environment))


def _meters(user: User, name: str) -> Iterator[Document]:
    rows = Meter.objects.editable_by(user).select_related("organization")
    for row in rows.filter(name=name) if name else rows:
        spec = {"organization": _owner(row.organization), "displayName": row.display_name}
        yield _document("Meter", row.name, spec | row.terms.as_document())


def _plans(user: User, name: str) -> Iterator[Document]:
    active = PlanVersion.objects.filter(state=PlanVersion.State.ACTIVE)
    rows = Plan.objects.editable_by(user).active().select_related("organization")
    rows = rows.prefetch_related(Prefetch("versions", active, to_attr="active"), "offered_to")
    for row in rows.filter(name=name) if name else rows:
        versions: list[PlanVersion] = row.active  # prefetched under this name
        terms = versions[0] if versions else PlanVersion()
        limits: list[Document] = [{"quota": quota.pop("requests"), **quota} for quota in map(dict, terms.quotas)]
        if terms.rate:
            limits.insert(0, {"rate": format_rate(terms.rate), "burst": terms.rate["burst"]})
        pricing = dict(terms.pricing or {})
        limits += pricing.pop("limits", [])
        spec = {
            "organization": _owner(row.organization),
            "displayName": row.display_name,
            "description": row.description,
            "visibility": _unless(Plan.Visibility.PUBLIC, row.visibility),
            "offeredTo": sorted(each.name for each in row.offered_to.all()),
            "approval": terms.approval,
            "timezone": terms.timezone,
            "weights": terms.weights,
            "whenUnconfirmed": terms.when_unconfirmed,
            "whenUnrecorded": _unless(PlanVersion.WhenUnrecorded.REFUSE, terms.when_unrecorded),
            **pricing,
        }
        # An empty list says something: no limits.
        yield _document("Plan", row.name, spec) | {"spec": {**_document("", "", spec)["spec"], "limits": limits}}


def _products(user: User, name: str) -> Iterator[Document]:
    items = ProductItem.objects.select_related("version__api").order_by("version__api__name", "version__name")
    offers = ProductPlan.objects.select_related("plan")
    rows = Product.objects.editable_by(user).active().select_related("organization")
    rows = rows.prefetch_related(Prefetch("items", items), Prefetch("productplan_set", offers))
    for row in rows.filter(name=name) if name else rows:
        spec = {
            "organization": _owner(row.organization),
            "displayName": row.display_name,
            "description": row.description,
            "visibility": row.visibility,
            "apis": [
                {"api": item.version.api.name, "versions": [item.version.name]}
                | ({"operations": item.operations} if item.operations else {})
                for item in row.items.all()
            ],
        }
        plans = [offer.plan.name for offer in row.productplan_set.all()]
        yield _document("Product", row.name, spec | {"plans": plans})


def _applications(user: User, name: str) -> Iterator[Document]:
    rows = Application.objects.editable_by(user).select_related("organization")
    organization, _, bare = name.rpartition("/")
    rows = rows.filter(name=bare) if name else rows
    for row in rows.filter(organization__name=organization) if organization else rows:
        spec = {
            "organization": row.organization.name,
            "displayName": row.display_name,
            "description": row.description,
            "team": row.team,
        }
        yield _document("Application", row.name, spec)


def _subscriptions(user: User, name: str) -> Iterator[Document]:
    rows = (
        Subscription.objects.editable_by(user)
        .live()
        .exclude(lifecycle=Subscription.Lifecycle.CANCELED)
        .select_related("product", "plan_version__plan", "requested_plan_version__plan", "environment")
        .prefetch_related(Prefetch("applications", Application.objects.named_to(user).select_related("organization")))
        .order_by("created_at")
    )
    for row in rows:
        applications = list(row.applications.all())
        for application in applications:
            own_name = f"{application.name}-{row.product.name}"
            document_name = row.name if row.name and len(applications) == 1 else own_name
            if name not in {"", document_name}:
                continue
            wanted = row.requested_plan_version or row.plan_version
            spec = {
                "application": f"{application.organization.name}/{application.name}",
                "product": row.product.name,
                "plan": wanted.plan.name,
            }
            yield _document("Subscription", document_name, spec, environment=_place(row.environment))


def _owner(organization: Organization) -> str:
    """The name to write; the default organization goes without, since elsewhere it may have another name."""
    return "" if organization.is_default else organization.name


def _place(environment: Environment) -> str:
    """The environment to write; the default one goes without."""
    return _unless("default", environment.name)


def _unless(usual: str, said: str) -> str:
    """What a document says that leaves out what is usual."""
    return "" if said == usual else said


_EXPORTERS: Mapping[str, Callable[[User, str], Iterator[Document]]] = {
    "Organization": _organizations,
    "Certificate": _certificates,
    "Issuer": _issuers,
    "API": _apis,
    "Meter": _meters,
    "Plan": _plans,
    "Product": _products,
    "Application": _applications,
    "Subscription": _subscriptions,
    "Host": _hosts,
}
