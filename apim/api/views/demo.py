"""The living demo: /demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from apim.api.bodies import Body
from apim.api.lookups import require_admin
from apim.api.preconditions import answer
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.demo import services

if TYPE_CHECKING:
    from apim.api.request import APIRequest

TAG = "Demo"


class DemoShape(serializers.Serializer[Any]):
    """How the living demo stands."""

    state = serializers.ChoiceField(choices=["absent", "on", "off", "removing"])
    environment = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    started_by = serializers.CharField()
    last_sent_at = serializers.DateTimeField(allow_null=True)
    sent = serializers.IntegerField(help_text="Calls sent by now.")
    history_percent = serializers.IntegerField(help_text="How much of the made history of 14 days is there.")
    error = serializers.CharField(help_text="Why the last calls could not be sent; empty when they were.")


class DemoBody(Body):
    """Where it may run."""

    in_production = serializers.BooleanField(
        default=False, help_text="Run it although the installation looks like production."
    )


class Demo(Resource):
    """/demo"""

    @operation("get_demo", tag=TAG, scope="admin", answers=DemoShape)
    def get(self, request: APIRequest) -> Response:
        """Whether made traffic runs here."""
        require_admin(request.user)
        return answer(request, services.demo_state(), DemoShape)


class DemoOn(Resource):
    """/demo/on"""

    @operation("switch_demo_on", tag=TAG, scope="admin", body=DemoBody, answers=DemoShape)
    def post(self, request: APIRequest) -> Response:
        """Makes customers who call the bank example, and a history of 14 days. Refused beside live payments."""
        require_admin(request.user)
        meant = self.read(DemoBody)["in_production"]
        return answer(request, services.switch_on(by=request.actor, is_production_meant=meant), DemoShape)


class DemoOff(Resource):
    """/demo/off"""

    @operation("switch_demo_off", tag=TAG, scope="admin", answers=DemoShape)
    def post(self, request: APIRequest) -> Response:
        """Stops the made traffic within seconds; what was made stays."""
        require_admin(request.user)
        return answer(request, services.switch_off(by=request.actor), DemoShape)


class DemoRemove(Resource):
    """/demo/remove"""

    @operation("remove_demo", tag=TAG, scope="admin", answers=DemoShape)
    def post(self, request: APIRequest) -> Response:
        """Removes everything that the demo made; its calls leave the roll-ups within minutes."""
        require_admin(request.user)
        return answer(request, services.remove(by=request.actor), DemoShape)
