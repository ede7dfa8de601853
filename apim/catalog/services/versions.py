"""Versions: make, describe, and move from state to state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import API, APIVersion, Deployment
from apim.catalog.searching import save_search_text
from apim.catalog.services.apis import environments_of_version
from apim.catalog.telling import tell_of_move
from apim.errors import Conflict, Invalid
from apim.gateways.services import touch
from apim.validation import require_clean, require_known

State = APIVersion.State

# Pages of an API in the portal (/apis/bank/changelog) where its versions stand too (/apis/bank/v1).
RESERVED_NAMES: Final = frozenset({"changelog", "changelog.atom", "follow", "guides", "llms.txt"})

# What callers have to move in, from the deprecation to the sunset.
LEAST_NOTICE: Final = timedelta(days=180)

# From each state, where to.
NEXT_STATES: Mapping[str, tuple[str, ...]] = {
    State.DRAFT: (State.REVIEW, State.PUBLISHED),
    State.REVIEW: (State.DRAFT, State.PUBLISHED),
    State.PUBLISHED: (State.DEPRECATED, State.BLOCKED),
    State.DEPRECATED: (State.PUBLISHED, State.RETIRED, State.BLOCKED),
    State.RETIRED: (),
    State.BLOCKED: (),  # unblock_version alone, to the state before
}

_STATE_FIELDS = ["state", "deprecated_at", "sunset_at", "successor", "blocked_reason", "published_at", "reviewed_at"]

_HINTS: Mapping[str, str] = {
    State.DRAFT: gettext_noop("Publish it first."),
    State.REVIEW: gettext_noop("Publish it or return it to draft first."),
    State.PUBLISHED: gettext_noop("Deprecate it first, so that callers are told."),
    State.DEPRECATED: gettext_noop("Reinstate it first."),
    State.RETIRED: gettext_noop("A retired version stays retired; make a new version."),
    State.BLOCKED: gettext_noop("Unblock it first."),
}


@transaction.atomic
def create_version(*, api: API, name: str, by: Actor) -> APIVersion:
    """A new draft version of the API.

    Errors: catalog.name_taken, catalog.name_reserved; Conflict catalog.api_archived.
    """
    require_active(api)
    _require_free(name)
    version = APIVersion(api=api, name=name)
    require_clean(
        version, prefix="catalog", taken_hint=gettext("%(api)s has a version of this name already.") % {"api": api}
    )
    version.save()
    record(by=by, action="version.create", target=version, after=state_of(version), organization_id=api.organization_id)
    return version


@transaction.atomic
def update_version(*, version: APIVersion, changes: Mapping[str, Any], by: Actor) -> APIVersion:
    """The version with its documentation changed, or renamed while nobody calls it."""
    require_known(changes, {"documentation", "name"}, prefix="catalog", noun=gettext("A version"))
    lock(version)
    if changes.get("name", version.name) != version.name and version.published_at:
        message = gettext("%(version)s was published; its name is part of every caller's URL.") % {"version": version}
        raise Conflict("catalog.version_name_fixed", message, field="name", hint=gettext("Make a new version."))
    is_renamed = changes.get("name", version.name) != version.name
    if is_renamed:
        _require_free(str(changes["name"]))
    updated = _save(version, dict(changes), by, "version.update")
    if is_renamed:  # gateways tell callers of a deprecated version the name of what follows it
        touch(Deployment.objects.filter(version__successor=version).values_list("environment_id", flat=True))
    return updated


@transaction.atomic
def note_review(*, version: APIVersion, by: Actor) -> APIVersion:
    """The version with a note that somebody looked at what its import found; the first time counts."""
    lock(version)
    return version if version.reviewed_at else _save(version, {"reviewed_at": timezone.now()}, by, "version.review")


@transaction.atomic
def submit_version(*, version: APIVersion, by: Actor) -> APIVersion:
    """A draft handed to review."""
    return _move(version, State.REVIEW, by, "version.submit")


@transaction.atomic
def return_version(*, version: APIVersion, by: Actor, reason: str = "") -> APIVersion:
    """A version back from review to draft."""
    return _move(version, State.DRAFT, by, "version.return", reason=reason)


@transaction.atomic
def deprecate_version(
    *,
    version: APIVersion,
    by: Actor,
    deprecated_at: datetime,
    sunset_at: datetime | None = None,
    successor: APIVersion | None = None,
    reason: str = "",
) -> APIVersion:
    """A version that still works but says when it ends and what follows; again with other dates, to change them.

    Shapes: reason = why callers have less than LEAST_NOTICE, kept in the audit log.
    Errors: Conflict catalog.transition; catalog.invalid_value for a sunset before the deprecation; Invalid
    catalog.sunset_too_soon for one within LEAST_NOTICE without a reason.
    """
    lock(version)
    if version.state != State.DEPRECATED:
        _require_next(version, State.DEPRECATED)
    is_other = sunset_at != version.sunset_at
    is_short = sunset_at is not None and deprecated_at <= sunset_at < deprecated_at + LEAST_NOTICE
    if is_other and is_short and not reason.strip():
        raise Invalid(
            "catalog.sunset_too_soon",
            gettext("Callers need %(days)d days from the deprecation to the end.") % {"days": LEAST_NOTICE.days},
            field="sunset_at",
            hint=gettext("Choose a later day, or say why it cannot wait."),
        )
    changes = {
        "state": State.DEPRECATED,
        "deprecated_at": deprecated_at,
        "sunset_at": sunset_at,
        "successor": successor,
    }
    told = reason.strip() if is_short else ""
    return _save(version, changes, by, "version.deprecate", reason=told, is_for_gateways=True)


@transaction.atomic
def reinstate_version(*, version: APIVersion, by: Actor) -> APIVersion:
    """A deprecated version as published again; callers are told nothing any more."""
    lock(version)
    if version.state != State.DEPRECATED:
        raise _refusal(version, State.PUBLISHED)
    changes = {"state": State.PUBLISHED, "deprecated_at": None, "sunset_at": None, "successor": None}
    return _save(version, changes, by, "version.reinstate", is_for_gateways=True)


@transaction.atomic
def retire_version(*, version: APIVersion, by: Actor) -> APIVersion:
    """A deprecated version that is over: the gateway answers 410."""
    return _move(version, State.RETIRED, by, "version.retire")


@transaction.atomic
def block_version(*, version: APIVersion, by: Actor, reason: str) -> APIVersion:
    """A version taken off the gateways at once, for security; the portal shows the reason.

    Errors: catalog.reason_missing.
    """
    if not reason.strip():
        raise Invalid("catalog.reason_missing", gettext("Say why: those who call it read this."), field="reason")
    return _move(version, State.BLOCKED, by, "version.block", reason=reason, blocked_reason=reason)


@transaction.atomic
def unblock_version(*, version: APIVersion, by: Actor) -> APIVersion:
    """A blocked version in the state it had."""
    lock(version)
    if version.state != State.BLOCKED:
        raise _refusal(version, State.PUBLISHED)
    state = State.DEPRECATED if version.deprecated_at else State.PUBLISHED
    return _save(version, {"state": state, "blocked_reason": ""}, by, "version.unblock", is_for_gateways=True)


def lock(version: APIVersion) -> None:
    """Hold the version until the commit, its state as it is now: a block must not be undone by who read it before."""
    version.refresh_from_db(fields=_STATE_FIELDS, from_queryset=APIVersion.objects.select_for_update())


def require_active(api: API) -> None:
    """Refuse to go on with an archived API."""
    api.refresh_from_db(fields=["archived_at"])
    if api.archived_at:
        raise Conflict(
            "catalog.api_archived", gettext("%(api)s is archived.") % {"api": api}, hint=gettext("Restore it first.")
        )


def _require_free(name: str) -> None:
    """Refuse a name under which the portal has a page of the API itself: the version's own could not be reached."""
    if name in RESERVED_NAMES:
        message = gettext("`%(name)s` is the name of a page of every API.") % {"name": name}
        raise Invalid("catalog.name_reserved", message, field="name", hint=gettext("Choose another, such as `v1`."))


def _move(
    version: APIVersion, state: str, by: Actor, action: str, *, reason: str = "", **changes: object
) -> APIVersion:
    lock(version)
    _require_next(version, state)
    return _save(version, {"state": state, **changes}, by, action, reason=reason, is_for_gateways=True)


def _save(
    version: APIVersion,
    changes: Mapping[str, object],
    by: Actor,
    action: str,
    *,
    reason: str = "",
    is_for_gateways: bool = False,
) -> APIVersion:
    before = state_of(version)
    for name, value in changes.items():
        setattr(version, name, value)
    after = state_of(version)
    if before == after:
        return version
    require_clean(
        version,
        prefix="catalog",
        taken_hint=gettext("%(api)s has a version of this name already.") % {"api": version.api},
    )
    version.save()
    organization_id = version.api.organization_id
    record(
        by=by, action=action, target=version, before=before, after=after, organization_id=organization_id, reason=reason
    )
    tell_of_move(version, action)
    if is_for_gateways:
        save_search_text(version.api)
        touch(environments_of_version(version))
    return version


def _require_next(version: APIVersion, state: str) -> None:
    if state not in NEXT_STATES[version.state]:
        raise _refusal(version, state)


def _refusal(version: APIVersion, state: str) -> Conflict:
    message = gettext("%(version)s is %(state)s and cannot become %(next)s.") % {
        "version": version,
        "state": version.state,
        "next": state,
    }
    if version.state == state:
        return Conflict(
            "catalog.transition", gettext("%(version)s is %(state)s already.") % {"version": version, "state": state}
        )
    return Conflict("catalog.transition", message, hint=gettext(_HINTS[version.state]))
