"""Alert rules: /alert-rules, /alert-firings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework.response import Response

from apim.alerts.models import AlertRule, Firing
from apim.alerts.services import create_rule, delete_rule, draft_rule, preview, snooze_rule, update_rule
from apim.api.lookups import find_alert_rule, find_api, find_version, named_environment, require_admin, require_editable
from apim.api.paging import Listing, equals, is_set, is_true, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.alerts import (
    AlertPreviewShape,
    AlertRuleBody,
    AlertRuleChanges,
    AlertRuleShape,
    FiringShape,
    SnoozeBody,
)
from apim.catalog.models import API
from apim.errors import DomainError, Invalid, Problems

if TYPE_CHECKING:
    from apim.api.request import APIRequest

_TAG = "Alerts"
_RELATED = ("api", "version", "environment")
LISTING = Listing(
    sorts={"created_at": "created_at", "name": "name"},
    default_sort="-created_at",
    filters={
        "api": refers("api"),
        "kind": equals("kind", choices=tuple(AlertRule.Kind.values)),
        "state": equals("state", choices=tuple(AlertRule.State.values)),
        "is_enabled": is_true("is_enabled"),
    },
)
FIRING_LISTING = Listing(
    sorts={"started_at": "started_at"},
    default_sort="-started_at",
    filters={"api": refers("rule__api"), "rule": equals("rule_id"), "is_over": is_set("resolved_at")},
)
_EXAMPLE = {
    "api": "bank", "kind": "error_share", "settings": {"percent": 5, "minutes": 10}, "recipients": ["ops@example.com"],
}  # fmt: skip


class AlertRules(Resource):
    """/alert-rules"""

    @operation("list_alert_rules", tag=_TAG, scope="apis:read", lists=AlertRuleShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The rules of the caller's APIs, with how each stands."""
        rules = AlertRule.objects.visible_to(request.user).select_related(*_RELATED)
        return page(request, rules, LISTING, AlertRuleShape)

    @operation(
        "create_alert_rule",
        tag=_TAG,
        scope="apis:write",
        body=AlertRuleBody,
        answers=AlertRuleShape,
        status=201,
        example=_EXAMPLE,
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a rule, which is watched from the next minute on."""
        values = _new_values(request, self.read(AlertRuleBody))
        with _settings_at_fault():
            rule = create_rule(**values, by=request.actor)
        return answer_created(request, rule, AlertRuleShape, "alert-rules")


class OneAlertRule(Resource):
    """/alert-rules/{rule}"""

    @operation("get_alert_rule", tag=_TAG, scope="apis:read", answers=AlertRuleShape)
    def get(self, request: APIRequest, rule: str) -> Response:
        """The rule with this id, and how it stands."""
        return answer(request, find_alert_rule(request.user, rule), AlertRuleShape)

    @operation("update_alert_rule", tag=_TAG, scope="apis:write", body=AlertRuleChanges, answers=AlertRuleShape)
    def patch(self, request: APIRequest, rule: str) -> Response:
        """Changes the fields that are sent. With other settings, or switched off, what fires is over."""
        found = _editable(request, rule)
        lock(found)
        check_match(request, found, AlertRuleShape)
        changes = _named(request, found.api, self.read(AlertRuleChanges))
        with _settings_at_fault():
            changed = update_rule(rule=found, changes=changes, by=request.actor)
        return answer(request, changed, AlertRuleShape)

    @operation("delete_alert_rule", tag=_TAG, scope="apis:write", status=204)
    def delete(self, request: APIRequest, rule: str) -> Response:
        """Forgets the rule and the list of its firings."""
        found = _editable(request, rule)
        lock(found)
        check_match(request, found, AlertRuleShape)
        delete_rule(rule=found, by=request.actor)
        return Response(status=204)


class SnoozeAlertRule(Resource):
    """/alert-rules/{rule}/snooze"""

    @operation(
        "snooze_alert_rule",
        tag=_TAG,
        scope="apis:write",
        body=SnoozeBody,
        answers=AlertRuleShape,
        example={"until": "2026-11-23T08:00:00Z"},
    )
    def post(self, request: APIRequest, rule: str) -> Response:
        """Tells nobody of its firings until then; they are noted all the same."""
        found = _editable(request, rule)
        until = self.read(SnoozeBody)["until"]
        return answer(request, snooze_rule(rule=found, until=until, by=request.actor), AlertRuleShape)


class AlertRulePreview(Resource):
    """/alert-rules/{rule}/preview"""

    @operation("preview_alert_rule", tag=_TAG, scope="usage:read", answers=AlertPreviewShape)
    def get(self, request: APIRequest, rule: str) -> Response:
        """What the rule, as it is now, would have done in the last seven days."""
        found = find_alert_rule(request.user, rule)
        return Response(AlertPreviewShape(preview(found, timezone.now())).data)


class NewAlertRulePreview(Resource):
    """/alert-rules/preview"""

    @operation(
        "preview_new_alert_rule",
        tag=_TAG,
        scope="usage:read",
        body=AlertRuleBody,
        answers=AlertPreviewShape,
        takes_key=False,
        keeps_key=False,
        example=_EXAMPLE,
    )
    def post(self, request: APIRequest) -> Response:
        """What such a rule would have done in the last seven days; it keeps nothing."""
        values = _new_values(request, self.read(AlertRuleBody))
        with _settings_at_fault():
            drafted = draft_rule(**values)
        return Response(AlertPreviewShape(preview(drafted, timezone.now())).data)


class AlertFirings(Resource):
    """/alert-firings"""

    @operation("list_alert_firings", tag=_TAG, scope="usage:read", lists=FiringShape, listing=FIRING_LISTING)
    def get(self, request: APIRequest) -> Response:
        """When rules of the caller's APIs fired."""
        firings = Firing.objects.visible_to(request.user).select_related("rule__api")
        return page(request, firings, FIRING_LISTING, FiringShape)


def _editable(request: APIRequest, reference: str) -> AlertRule:
    rule = find_alert_rule(request.user, reference)
    require_editable(AlertRule.objects.editable_by(request.user), rule)
    return rule


def _new_values(request: APIRequest, data: dict[str, Any]) -> dict[str, Any]:
    named = data.pop("api", None)
    if data["kind"] == AlertRule.Kind.GATEWAY_LAG or not named:
        require_admin(request.user)  # without an API it is about gateways
        return {"api": find_api(request.user, named) if named else None, **_named(request, None, data)}
    api = find_api(request.user, named)
    require_editable(API.objects.editable_by(request.user), api)
    return {"api": api, **_named(request, api, data)}


def _named(request: APIRequest, api: API | None, data: dict[str, Any]) -> dict[str, Any]:
    """The values with the version and the environment that they name."""
    if version := data.get("version"):
        is_whole = api is None or version.startswith("ver_") or ":" in version or "/" in version
        data["version"] = find_version(request.user, version if api is None or is_whole else f"{api.name}:{version}")
    elif "version" in data:
        data["version"] = None
    if "environment" in data:
        data["environment"] = named_environment(data["environment"] or "")
    return data


@contextmanager
def _settings_at_fault() -> Iterator[None]:
    """Point to the setting where it stands in the body."""
    try:
        yield
    except Problems as problems:
        raise Problems(tuple(_in_settings(each) for each in problems.errors)) from problems


def _in_settings(error: DomainError) -> DomainError:
    return Invalid(error.code, error.message, hint=error.hint, field=f"settings.{error.field}")
