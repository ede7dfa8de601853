"""Objects by what a path, a filter or a body calls them: an id, or a name where names are unique.

Shapes: APIs, products, plans, organizations, environments and gateways by id or name; versions as `bank:v1`,
applications as `acme:shop` (or `shop` where the caller sees one of that name). `/` may stand for `:` in bodies.
Every look-up goes through visible_to, so what the caller may not know of does not exist.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from django.db.models import Model, Prefetch, Q, QuerySet

from apim.access.models import Application, ApplicationTransfer, Credential, Subscription
from apim.accounts.models import Invitation, Membership, Organization, Team, User
from apim.accounts.permissions import belongs_to, is_admin, leads, may_give_to, owns
from apim.alerts.models import AlertRule
from apim.api.problems import RequestError
from apim.billing.models import Invoice, Rehearsal
from apim.catalog.models import API, APIVersion, Guide, Revision
from apim.errors import Forbidden, Invalid, NotFound
from apim.gateways.models import Certificate, Environment, Gateway, Host, Issuer
from apim.jobs.models import Job
from apim.products.models import Meter, Plan, Product
from apim.webhooks.models import Delivery, Endpoint

if TYPE_CHECKING:
    from apim.accounts.models import Viewer

Row = TypeVar("Row", bound=Model)


def find_organization(user: Viewer, reference: str) -> Organization:
    """The organization with this id or name."""
    return _find_named(Organization.objects.visible_to(user), reference)


def find_user(user: Viewer, reference: str) -> User:
    """The person with this id or e-mail address."""
    users: QuerySet[User] = User.objects.visible_to(user)
    return _one(users, Q(pk=reference) | Q(email__iexact=reference), reference)


def find_membership(user: Viewer, reference: str) -> Membership:
    """The membership with this id."""
    return _one(Membership.objects.visible_to(user).select_related("user", "organization"), Q(pk=reference), reference)


def find_team(user: Viewer, reference: str) -> Team:
    """The team with this id, `organization:name`, or name when the caller sees one of it."""
    organization, name = _split(reference)
    condition = Q(organization__name=organization, name=name) if organization else Q(pk=reference) | Q(name=reference)
    return _one(Team.objects.visible_to(user).select_related("organization"), condition, reference)


def find_invitation(user: Viewer, reference: str) -> Invitation:
    """The invitation with this id."""
    return _one(Invitation.objects.visible_to(user).select_related("organization"), Q(pk=reference), reference)


def find_job(seen: QuerySet[Job], reference: str) -> Job:
    """The job with this id among those that the caller sees."""
    return _one(seen, Q(pk=reference), reference)


def find_api(user: Viewer, reference: str) -> API:
    """The API with this id or name."""
    return _find_named(API.objects.visible_to(user).select_related("organization"), reference)


def find_version(user: Viewer, reference: str) -> APIVersion:
    """The version with this id, or `api:version`."""
    api, version = _split(reference)
    condition = Q(api__name=api, name=version) if api else Q(pk=reference)
    return _one(
        APIVersion.objects.visible_to(user).select_related("api__organization", "successor"), condition, reference
    )


def find_guide(user: Viewer, reference: str) -> Guide:
    """The guide with this id."""
    return _one(Guide.objects.visible_to(user).select_related("api"), Q(pk=reference), reference)


def find_revision(user: Viewer, reference: str) -> Revision:
    """The revision with this id."""
    return _one(Revision.objects.visible_to(user).select_related("version__api"), Q(pk=reference), reference)


def find_plan(user: Viewer, reference: str) -> Plan:
    """The plan with this id or name."""
    return _find_named(Plan.objects.visible_to(user).select_related("organization"), reference)


def find_rehearsal(user: Viewer, reference: str) -> Rehearsal:
    """The rehearsal with this id, with its steps."""
    related = ("plan", "plan_version", "product", "environment")
    rows = Rehearsal.objects.visible_to(user).select_related(*related).prefetch_related("steps")
    return _one(rows, Q(pk=reference), reference)


def find_meter(user: Viewer, reference: str) -> Meter:
    """The meter with this id or name."""
    return _find_named(Meter.objects.visible_to(user).select_related("organization"), reference)


def find_product(user: Viewer, reference: str) -> Product:
    """The product with this id or name."""
    return _find_named(Product.objects.visible_to(user).select_related("organization"), reference)


def find_application(user: Viewer, reference: str) -> Application:
    """The application with this id, `organization:name`, or name when the caller sees one of it."""
    organization, name = _split(reference)
    condition = Q(organization__name=organization, name=name) if organization else Q(pk=reference) | Q(name=reference)
    return _one(Application.objects.visible_to(user).select_related("organization"), condition, reference)


def find_invoice(user: Viewer, reference: str) -> Invoice:
    """The invoice with this id of Stripe's, or number."""
    rows = Invoice.objects.known_to(user).select_related("organization")
    return _one(rows, Q(pk=reference) | Q(number=reference), reference)


def find_credential(user: Viewer, reference: str) -> Credential:
    """The credential with this id."""
    related = ("application__organization", "environment", "product")
    return _one(Credential.objects.visible_to(user).select_related(*related), Q(pk=reference), reference)


def find_subscription(user: Viewer, reference: str) -> Subscription:
    """The subscription with this id."""
    related = ("organization", "product", "environment", "plan_version__plan")
    applications = Prefetch("applications", Application.objects.named_to(user))
    rows = Subscription.objects.visible_to(user).select_related(*related).prefetch_related(applications)
    return _one(rows, Q(pk=reference), reference)


def find_environment(user: Viewer, reference: str) -> Environment:
    """The environment with this id or name."""
    return _find_named(Environment.objects.visible_to(user), reference)


def find_gateway(user: Viewer, reference: str) -> Gateway:
    """The gateway with this id or name."""
    return _find_named(Gateway.objects.visible_to(user).select_related("environment"), reference)


def find_certificate(user: Viewer, reference: str) -> Certificate:
    """The certificate with this id or name."""
    return _find_named(Certificate.objects.visible_to(user).select_related("environment", "organization"), reference)


def find_host(user: Viewer, reference: str) -> Host:
    """The host with this id or name."""
    return _find_named(Host.objects.visible_to(user).select_related("environment"), reference)


def find_issuer(user: Viewer, reference: str) -> Issuer:
    """The issuer with this id or name."""
    return _find_named(Issuer.objects.visible_to(user).select_related("environment"), reference)


def find_webhook(user: Viewer, reference: str) -> Endpoint:
    """The webhook endpoint with this id."""
    return _one(Endpoint.objects.visible_to(user).select_related("organization"), Q(pk=reference), reference)


def find_webhook_delivery(user: Viewer, reference: str) -> Delivery:
    """The delivery with this id."""
    deliveries = Delivery.objects.visible_to(user).select_related("endpoint", "event")
    return _one(deliveries, Q(pk=reference), reference)


def find_alert_rule(user: Viewer, reference: str) -> AlertRule:
    """The alert rule with this id."""
    rules: QuerySet[AlertRule] = AlertRule.objects.visible_to(user).select_related("api", "version", "environment")
    return _one(rules, Q(pk=reference), reference)


def find_transfer(user: Viewer, reference: str) -> ApplicationTransfer:
    """The offer of an application with this id."""
    related = ("application__organization", "source", "recipient")
    return _one(ApplicationTransfer.objects.visible_to(user).select_related(*related), Q(pk=reference), reference)


def named_environment(reference: str) -> Environment | None:
    """The environment a body names; None when it names none and the default is meant.

    Its name is no secret: keys and subscriptions show it to developers, who see nothing else of it.
    """
    return _find_named(Environment.objects.all(), reference) if reference else None


def named_organization(user: Viewer, reference: str) -> Organization:
    """The organization a body names, or the caller's only one when it names none."""
    return find_organization(user, reference) if reference else _own_organization(user)


def _own_organization(user: Viewer) -> Organization:
    own = list(Organization.objects.filter(memberships__user_id=user.pk)[:2])
    if len(own) == 1:
        return own[0]
    default = Organization.objects.visible_to(user).filter(is_default=True).first()
    if default is None:
        message = "You belong to several organizations or to none: say which one is meant."
        raise Invalid("request.organization_needed", message, field="organization")
    return default


def require_editable(queryset: QuerySet[Row], instance: Row) -> None:
    """Raise Forbidden unless instance is in queryset (of `editable_by` or `decidable_by`)."""
    if not queryset.filter(pk=instance.pk).exists():
        raise Forbidden("request.forbidden", "You may see this, but not change it.", hint="Ask an owner or an admin.")


def require_owner(user: Viewer, organization: Organization, team: str = "") -> None:
    """Raise Forbidden unless user owns what the organization's team makes."""
    if not owns(user, organization.pk, team):
        message = f"Only owners of {organization.name} may make this."
        raise Forbidden("request.forbidden", message, hint="Ask one of them, or an admin.")


def require_member(user: Viewer, organization: Organization) -> None:
    """Raise Forbidden unless user belongs to organization."""
    if not belongs_to(user, organization.pk):
        raise Forbidden("request.forbidden", f"Only members of {organization.name} may make this.")


def require_giver(user: Viewer, organization: Organization, team: str) -> None:
    """Raise Forbidden for a member who is bound to another team than the one that an application is to belong to."""
    if not may_give_to(user, organization.pk, team):
        message = "You may give it to your own team or to the whole organization."
        raise Forbidden("request.forbidden", message, hint="Ask a member who is bound to no team.")


def require_leader(user: Viewer, organization: Organization) -> None:
    """Raise Forbidden unless user may change the organization itself."""
    if not leads(user, organization.pk):
        raise Forbidden("request.forbidden", f"Only owners of all of {organization.name} may do this.")


def require_admin(user: Viewer) -> None:
    """Raise Forbidden unless user is a platform admin."""
    if not is_admin(user):
        raise Forbidden("request.forbidden", "Only admins may do this.")


def _find_named(queryset: QuerySet[Row], reference: str) -> Row:
    return _one(queryset, Q(pk=reference) | Q(name=reference), reference)


def _one(queryset: QuerySet[Row], condition: Q, reference: str) -> Row:
    """The only row that condition picks; an id wins over an equal name."""
    if "\0" in reference:
        raise _no_such(queryset, reference)
    rows = list(queryset.filter(condition).distinct()[:2])
    by_id = [row for row in rows if row.pk == reference]
    if len(by_id or rows) > 1:
        message = f'Several objects are named "{reference}".'
        raise RequestError(
            HTTPStatus.CONFLICT, "request.ambiguous_name", message, hint="Use an id, or organization:name."
        )
    if not rows:
        raise _no_such(queryset, reference)
    return (by_id or rows)[0]


def _no_such(queryset: QuerySet[Row], reference: str) -> NotFound:
    noun = queryset.model._meta.verbose_name  # noqa: SLF001 - _meta is public by documentation
    return NotFound("request.not_found", f'There is no {noun} "{reference[:80]}" that you may see.')


def _split(reference: str) -> tuple[str, str]:
    """(`acme`, `shop`) of `acme:shop` or `acme/shop`; empty strings without a separator."""
    first, separator, second = reference.replace("/", ":").partition(":")
    return (first, second) if separator else ("", "")
