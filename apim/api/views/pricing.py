"""Meters, and moving the subscribers of a plan: /meters, /plans/{plan}/migration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework.response import Response

from apim.access.models import Subscription
from apim.api.lookups import (
    find_meter,
    find_plan,
    named_organization,
    require_admin,
    require_editable,
    require_owner,
)
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.pricing import MeterBody, MeterChanges, MeterShape, MigrateBody, MigrationShape
from apim.billing.moving import move_subscriptions, obstacles_to
from apim.errors import Conflict
from apim.pricing.money import money_text, quantity_text
from apim.products.models import Meter, Plan, PlanVersion
from apim.products.services import create_meter, update_meter
from apim.products.services.plans import active_version
from apim.usage.metering import Preview, preview_migration
from apim.usage.periods import last_whole

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apim.api.request import APIRequest
    from apim.pricing.rating import Rated

LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at"},
    default_sort="name",
    filters={"name": equals("name"), "organization": refers("organization")},
)
_PREVIEWS_AT_MOST = 500


class Meters(Resource):
    """/meters"""

    @operation("list_meters", tag="Products", scope="products:read", lists=MeterShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The meters that plans may charge by."""
        return page(request, Meter.objects.visible_to(request.user).select_related("organization"), LISTING, MeterShape)

    @operation(
        "create_meter",
        tag="Products",
        scope="products:write",
        body=MeterBody,
        answers=MeterShape,
        status=201,
        example={"name": "bank-calls", "where": "status < 400", "weights": {"POST /transfers": 5}},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a meter."""
        data = self.read(MeterBody)
        organization = named_organization(request.user, data.pop("organization"))
        if organization.owners_edit_plans:
            require_owner(request.user, organization)
        else:
            require_admin(request.user)
        meter = create_meter(
            organization=organization,
            name=data.pop("name"),
            display_name=data.pop("display_name", ""),
            definition=data,
            by=request.actor,
        )
        return answer_created(request, meter, MeterShape, "meters")


class OneMeter(Resource):
    """/meters/{meter}"""

    @operation("get_meter", tag="Products", scope="products:read", answers=MeterShape)
    def get(self, request: APIRequest, meter: str) -> Response:
        """The meter with this id or name."""
        return answer(request, find_meter(request.user, meter), MeterShape)

    @operation("update_meter", tag="Products", scope="products:write", body=MeterChanges, answers=MeterShape)
    def patch(self, request: APIRequest, meter: str) -> Response:
        """Changes the fields that are sent; what a plan with prices charges by stays."""
        found = find_meter(request.user, meter)
        require_editable(Meter.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, MeterShape)
        update_meter(meter=found, changes=self.read(MeterChanges), by=request.actor)
        return answer(request, find_meter(request.user, found.pk), MeterShape)


class PlanMigration(Resource):
    """/plans/{plan}/migration"""

    @operation("preview_migration", tag="Products", scope="products:read", answers=MigrationShape)
    def get(self, request: APIRequest, plan: str) -> Response:
        """Who is on an earlier version, with what the last whole period cost and would have cost.

        `failed` tells, by subscription, why one would stay.
        """
        version = self._version(request, plan)
        rows = _behind(version)
        return Response(_migration(version, rows) | {"failed": obstacles_to(version, list(rows[:_PREVIEWS_AT_MOST]))})

    @operation(
        "migrate_plan",
        tag="Products",
        scope="products:write",
        body=MigrateBody,
        answers=MigrationShape,
        asks_provider=True,
    )
    def post(self, request: APIRequest, plan: str) -> Response:
        """Moves those on an earlier version to the one in force, all or those named.

        What costs nothing moves at once, or `not_before` a day; what is paid with its first renewal from then on, after
        a mail; `failed` tells, by subscription, why one stays.
        """
        version, wanted = self._version(request, plan), self.read(MigrateBody)
        chosen = _behind(version)
        if "from_version" in wanted:
            chosen = chosen.filter(plan_version__number=wanted["from_version"])
        if "organizations" in wanted:
            chosen = chosen.filter(organization__name__in=wanted["organizations"])
        if "subscriptions" in wanted:
            chosen = chosen.filter(id__in=wanted["subscriptions"])
        shown = _migration(version, chosen)
        ids = list(chosen.values_list("id", flat=True))
        done = move_subscriptions(
            version=version,
            by=request.actor,
            subscription_ids=ids,
            not_before=wanted.get("not_before"),
            words=wanted.get("words", ""),
        )
        return Response(shown | done._asdict())

    def _version(self, request: APIRequest, reference: str) -> PlanVersion:
        plan = find_plan(request.user, reference)
        require_editable(Plan.objects.editable_by(request.user), plan)
        version = active_version(plan)
        if version is None:
            raise Conflict("products.no_version", f"{plan} has no version in force.", hint="Save its terms first.")
        return version


def _behind(version: PlanVersion) -> QuerySet[Subscription]:
    rows = Subscription.objects.live().with_names().filter(plan_version__plan=version.plan_id)
    return rows.exclude(plan_version=version).order_by("plan_version__number", "created_at")


def _migration(version: PlanVersion, rows: QuerySet[Subscription]) -> dict[str, Any]:
    since, until = last_whole(version.terms.interval, timezone.now())
    previews = preview_migration(rows[:_PREVIEWS_AT_MOST], version, since=since, until=until)
    shown = [_preview(each) for each in previews]
    found = {"version": version.number, "since": since, "until": until, "previews": shown}
    return found | {"moved": [], "scheduled": [], "failed": {}}


def _preview(row: Preview) -> dict[str, Any]:
    subscription = row.subscription
    return {
        "subscription": subscription.pk,
        "organization": subscription.organization.name,
        "product": subscription.product.name,
        "version": subscription.plan_version.number,
        "usage": {meter: quantity_text(quantity) for meter, quantity in row.usage.items()},
        "before": _total(row.before),
        "after": _total(row.after),
        "currency": row.after.currency or row.before.currency or None,
    }


def _total(rated: Rated) -> str | None:
    return money_text(rated.total, rated.currency) if rated.currency else None
