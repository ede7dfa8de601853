"""Networks of keys: how they are written, what gateways are told, and what is refused."""

from __future__ import annotations

import pytest

from apim.access.models import Application
from apim.access.networks import checked_networks
from apim.access.services import create_credential, revoke_credential, roll_credential, update_credential
from apim.audit.actor import Actor
from apim.errors import Conflict, Invalid
from gateway_sync.policies.ip_filter import IPFilter
from tests.apim.access.conftest import Log


def test_blocks_are_kept_in_one_form() -> None:
    written = ["203.0.113.7", " 10.1.2.3/16 ", "", "2001:DB8::1/32", "203.0.113.7/32"]
    assert checked_networks(written) == ["203.0.113.7/32", "10.1.0.0/16", "2001:db8::/32"]


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0/0", "::/0", "10.0.0.0/33", "example.com", "10.0.0", "::ffff:10.0.0.1", "1" * 4000, "\0", "10.0.0.1 10"],
)
def test_what_is_no_network_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_networks([text])
    assert (refused.value.code, refused.value.field) == ("access.networks", "allowed_networks")
    assert refused.value.hint


def test_so_many_networks_are_too_many() -> None:
    with pytest.raises(Invalid):
        checked_networks(f"10.0.{number}.0/24" for number in range(101))


def test_an_ipv4_caller_in_ipv6_clothes_counts_as_ipv4() -> None:
    assert IPFilter(("203.0.113.0/24",), ()).admits("::ffff:203.0.113.9")


@pytest.mark.django_db
def test_gateways_are_told_of_networks_and_of_none_where_there_are_none(shop: Application, log: Log, by: Actor) -> None:
    credential = create_credential(application=shop, by=by, allowed_networks=["203.0.113.7"]).credential
    body = log.body("credential", credential.key_hash)
    assert body
    assert body["networks"] == ["203.0.113.7/32"]
    update_credential(credential=credential, changes={"allowed_networks": []}, by=by)
    body = log.body("credential", credential.key_hash)
    assert body
    assert "networks" not in body


@pytest.mark.django_db
def test_a_rolled_key_keeps_its_networks(shop: Application, by: Actor) -> None:
    old = create_credential(application=shop, by=by, allowed_networks=["10.0.0.0/8"]).credential
    assert roll_credential(credential=old, by=by).credential.allowed_networks == ["10.0.0.0/8"]


@pytest.mark.django_db
def test_a_dead_key_is_not_changed(shop: Application, by: Actor) -> None:
    dead = revoke_credential(credential=create_credential(application=shop, by=by).credential, by=by)
    with pytest.raises(Conflict):
        update_credential(credential=dead, changes={"label": "x"}, by=by)


@pytest.mark.django_db
def test_a_change_that_changes_nothing_is_not_told(shop: Application, log: Log, by: Actor) -> None:
    credential = create_credential(application=shop, by=by, allowed_networks=["10.0.0.0/8"]).credential
    before = log.seq()
    update_credential(credential=credential, changes={"allowed_networks": ["10.0.0.0/8"]}, by=by)
    assert log.seq() == before
