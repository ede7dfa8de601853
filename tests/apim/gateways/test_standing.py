"""Draining, quarantine, and credentials that change without anybody being refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import User
from apim.audit.models import AuditEvent
from apim.errors import Invalid
from apim.gateways.joining import remove_gateway
from apim.gateways.models import Environment, Gateway
from apim.gateways.services import EnrolledGateway, authenticate_gateway, enroll_gateway
from apim.gateways.standing import ask_for_rotation, issue_next_token, orders_for, set_state
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER


@pytest.fixture
def enrolled(environment: Environment) -> EnrolledGateway:
    return factory.enrolled_gateway(environment=environment, name="eu-1")


def test_a_gateway_is_told_to_drain_until_it_is_resumed(enrolled: EnrolledGateway) -> None:
    gateway = enrolled.gateway
    assert orders_for(gateway, timezone.now()) == {"is_draining": False, "is_rotating": False}
    with pytest.raises(Invalid, match="Say why"):
        set_state(gateway=gateway, state=Gateway.State.DRAINING, by=TESTER)
    set_state(gateway=gateway, state=Gateway.State.DRAINING, by=TESTER, reason="new disk")
    assert orders_for(gateway, timezone.now())["is_draining"]
    set_state(gateway=gateway, state=Gateway.State.SERVING, by=TESTER)
    assert (gateway.state_reason, orders_for(gateway, timezone.now())["is_draining"]) == ("", False)
    told = AuditEvent.objects.filter(target_id=gateway.pk, action__in=("gateway.drain", "gateway.resume"))
    assert [event.reason for event in told] == ["", "new disk"]


def test_states_that_do_not_exist_are_refused(enrolled: EnrolledGateway) -> None:
    with pytest.raises(Invalid):
        set_state(gateway=enrolled.gateway, state="gone", by=TESTER, reason="why")


def test_both_credentials_work_until_the_new_one_is_used(enrolled: EnrolledGateway) -> None:
    ask_for_rotation(gateway=enrolled.gateway, by=TESTER)
    gateway = authenticate_gateway(enrolled.token)
    assert gateway is not None
    assert orders_for(gateway, timezone.now())["is_rotating"]
    lost, fresh = issue_next_token(gateway=gateway), issue_next_token(gateway=gateway)
    assert authenticate_gateway(enrolled.token) == gateway
    assert authenticate_gateway(lost) is None, "only the last one that was handed over counts"
    taken = authenticate_gateway(fresh)
    assert taken == gateway
    assert not orders_for(taken, timezone.now())["is_rotating"]
    assert authenticate_gateway(fresh) == gateway
    assert authenticate_gateway(enrolled.token) is None


def test_who_held_a_credential_that_was_renewed_meanwhile_gets_no_other(enrolled: EnrolledGateway) -> None:
    thief = authenticate_gateway(enrolled.token)
    assert thief is not None
    renewed = enroll_gateway(environment=thief.environment, name=thief.name, by=TESTER)
    assert issue_next_token(gateway=thief) == ""
    thief.refresh_from_db()
    assert thief.next_token_hash == ""
    assert authenticate_gateway(renewed.token) == thief
    remove_gateway(gateway=renewed.gateway, by=TESTER)
    assert issue_next_token(gateway=thief) == ""


def test_a_credential_of_a_month_is_changed_by_itself(enrolled: EnrolledGateway) -> None:
    assert orders_for(enrolled.gateway, timezone.now() + timedelta(days=31))["is_rotating"]


def test_an_admin_orders_by_pages_and_programs_do_too(enrolled: EnrolledGateway, admin: User, client: Client) -> None:
    client.force_login(admin)
    page = "/console/admin/gateways/eu-1/state/quarantined"
    assert client.post(page, {"reason": ""}).status_code == 422
    assert client.post(page, {"reason": "odd answers"}).status_code == 302
    shown = client.get("/console/admin/gateways").content.decode()
    assert "In quarantine" in shown
    assert "odd answers" in shown
    assert client.post("/console/admin/gateways/eu-1/state/serving").status_code == 302
    assert client.get("/console/admin/gateways/eu-1/state/gone").status_code == 404
    assert client.post("/console/admin/gateways/eu-1/credential").status_code == 302
    url, kind = "/api/v1/gateways/eu-1", "application/json"
    assert client.get(url).json()["rotation_asked_at"]
    drained = client.patch(url, {"state": "draining", "reason": "new disk"}, kind)
    assert (drained.status_code, drained.json()["state"]) == (200, "draining")
    assert client.patch(url, {"state": "quarantined"}, kind).json()["code"] == "gateways.reason_missing"
    assert client.post(f"{url}/rotate").status_code == 200
