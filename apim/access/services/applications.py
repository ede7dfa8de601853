"""Applications: made, changed, suspended, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apim.access import records
from apim.access.models import Application, Subscription
from apim.accounts.models import Organization
from apim.accounts.services import require_team
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.validation import require_clean

_CHANGEABLE = ("display_name", "description", "team")


@transaction.atomic
def create_application(
    *, organization: Organization, name: str, by: Actor, display_name: str = "", description: str = "", team: str = ""
) -> Application:
    """A new application; gateways hear of it with its first key or subscription.

    Shapes: team is the slug of one of the organization, "" = it is the whole organization's.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if organization.state == Organization.State.SUSPENDED:
        raise Conflict(
            "access.organization_suspended",
            _("%(organization)s is suspended, so it cannot get new applications.") % {"organization": organization},
            hint=_("Ask the administrators to resume the organization."),
        )
    if not name or slugify(name) != name:
        raise Invalid(
            "access.name_malformed",
            _("The name of an application has lower-case letters, digits and hyphens only."),
            field="name",
            hint=_("Try %(value)s.") % {"value": slugify(name) or "my-app"},
        )
    if Application.objects.filter(organization=organization, name=name).exists():
        raise Conflict(
            "access.name_taken",
            _("%(organization)s already has an application named %(name)s.")
            % {"organization": organization, "name": name},
            field="name",
            hint=_("Choose another name, or use the existing application."),
        )
    require_team(organization, team)
    application = Application(
        organization=organization, team=team, name=name, display_name=display_name or name, description=description
    )
    require_clean(application, prefix="access")
    application.save(force_insert=True)
    record(by=by, action="application.create", target=application, after=state_of(application))
    return application


@transaction.atomic
def update_application(*, application: Application, changes: Mapping[str, Any], by: Actor) -> Application:
    """The application with other words, or of another team; its name stays, since documents and URLs use it."""
    unknown = sorted(changes.keys() - set(_CHANGEABLE))
    if unknown:
        raise Invalid(
            "access.not_changeable",
            _("%(name)s of an application cannot be changed.") % {"name": unknown[0]},
            field=unknown[0],
            hint=_("Changeable are %(names)s.") % {"names": " and ".join(_CHANGEABLE)},
        )
    application = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if changes.get("team", application.team) != application.team:
        require_team(application.organization, changes["team"])
    before = state_of(application)
    for name, value in changes.items():
        setattr(application, name, value)
    require_clean(application, prefix="access")
    application.save(update_fields=[*changes, "updated_at"])
    record(by=by, action="application.update", target=application, before=before, after=state_of(application))
    return application


@transaction.atomic
def delete_application(*, application: Application, by: Actor) -> None:
    """Delete the application and its keys; subscriptions stay with the organization's other applications."""
    application = Application.objects.select_for_update().get(pk=application.pk)
    credentials = list(application.credentials.live())
    subscription_ids = list(application.subscriptions.live().values_list("id", flat=True))
    record(by=by, action="application.delete", target=application, before=state_of(application))
    gone = (records.removed_application(application), *map(records.removed_credential, credentials))
    application.delete()
    records.emit(records.Affected(subscriptions=Subscription.objects.filter(id__in=subscription_ids), gone=gone))


@transaction.atomic
def suspend_application(*, application: Application, by: Actor, reason: str = "") -> Application:
    """Refuse every call of the application until it is resumed."""
    return _set_state(application, Application.State.SUSPENDED, by=by, action="application.suspend", reason=reason)


@transaction.atomic
def resume_application(*, application: Application, by: Actor) -> Application:
    """Let a suspended application call again."""
    return _set_state(application, Application.State.ACTIVE, by=by, action="application.resume")


def _set_state(application: Application, state: str, *, by: Actor, action: str, reason: str = "") -> Application:
    application = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if application.state == state:
        raise Conflict(
            f"access.already_{state}",
            _("%(application)s is %(state)s already.") % {"application": application, "state": state},
        )
    before = state_of(application)
    application.state = state
    application.save(update_fields=["state", "updated_at"])
    record(by=by, action=action, target=application, before=before, after=state_of(application), reason=reason)
    records.emit(records.Affected(applications=Application.objects.filter(pk=application.pk)))
    return application
