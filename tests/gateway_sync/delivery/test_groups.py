"""Groups of gateways: each is sent what is bound to it, and can open what is sealed for it alone."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from apim.accounts.models import User
from apim.catalog.models import Deployment
from apim.catalog.services.groups import bind_to_groups
from apim.errors import Conflict, Invalid
from apim.gateways.certificates import save_certificate
from apim.gateways.joining import gateway_credentials, issue_join_token, join
from apim.gateways.models import Environment, Gateway
from apim.gateways.services import enroll_gateway, touch
from gateway_sync.delivery import services
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.pinning import roll_back
from gateway_sync.delivery.sync import Ask, update_for
from gateway_sync.runtime.credentials import Credentials
from gateway_sync.runtime.generations import check_fragments, check_manifest
from gateway_sync.runtime.sealing import UnsealFailed, unseal
from gateway_sync.snapshot import Snapshot, decode
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER
from tests.factories.certificates import self_signed

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]


def pulled(gateway: Gateway) -> Snapshot:
    """What the gateway believes of the answer to its first question."""
    update = update_for(gateway, Ask())
    assert update.manifest is not None
    contents = {name: update.fragments[wanted].encode() for name, wanted in update.manifest.fragments.items()}
    credentials = Credentials("00", settings.KEYRING.verify_key(), gateway.environment.name)
    check_manifest(update.manifest, credentials.verify, credentials.environment)
    check_fragments(update.manifest, contents)
    assert update_for(gateway, Ask(digest=update.manifest.digest)).manifest is None
    return decode(contents)


def test_each_group_is_sent_its_own_state_and_secrets(environment: Environment) -> None:
    chain, key = self_signed("api.example.com")
    save_certificate(environment=environment, name="public", chain=chain, key=key, by=TESTER)
    accounts, ledger = (factory.published_version(name=name) for name in ("accounts", "ledger"))
    edge, internal = (
        enroll_gateway(environment=environment, name=group, group=group, by=TESTER).gateway
        for group in ("edge", "internal")
    )
    plain = factory.enrolled_gateway(environment=environment).gateway
    bind_to_groups(version=ledger, groups=["internal"], by=TESTER)
    services.publish(environment.id)
    names = {each.name: [api.name for api in pulled(each).apis] for each in (edge, internal, plain)}
    assert [names[each.name] for each in (edge, internal, plain)] == [
        ["accounts"],
        ["accounts", "ledger"],
        ["accounts"],
    ]
    (sealed,) = pulled(edge).edge.certificates
    keys = {group: bytes.fromhex(gateway_credentials(environment, "t", group)["sealing_key"]) for group in ("edge", "")}
    assert unseal(keys["edge"], sealed.sealed_key, sealed.id).startswith(b"-----BEGIN")
    with pytest.raises(UnsealFailed):
        unseal(keys[""], sealed.sealed_key, sealed.id)

    bind_to_groups(version=ledger, groups=[], by=TESTER)
    services.publish(environment.id)
    assert len(pulled(edge).apis) == 2
    assert accounts.deployments.get().gateway_groups == []


def test_a_group_that_joined_since_is_sent_nothing_that_is_bound_to_others(environment: Environment) -> None:
    secret = factory.published_version(name="secret")
    enroll_gateway(environment=environment, name="internal", group="internal", by=TESTER)
    bind_to_groups(version=secret, groups=["internal"], by=TESTER)
    services.publish(environment.id)
    issued_token = issue_join_token(environment=environment, name="late", group="late", by=TESTER)
    joined = join(secret=issued_token.secret, nonce="n" * 32)
    assert joined is not None
    assert joined.gateway.group == "late"
    assert pulled(joined.gateway).apis == ()


def test_who_goes_back_brings_a_version_that_was_bound_to_no_other_gateways(environment: Environment) -> None:
    secret = factory.published_version(name="secret")
    internal, edge = (
        enroll_gateway(environment=environment, name=group, group=group, by=TESTER).gateway
        for group in ("internal", "edge")
    )
    plain = factory.enrolled_gateway(environment=environment).gateway
    bind_to_groups(version=secret, groups=["internal"], by=TESTER)
    services.publish(environment.id)
    bound = Publication.objects.latest("revision")
    Deployment.objects.filter(version=secret).delete()
    touch([environment.id])
    services.publish(environment.id)
    assert pulled(internal).apis == ()
    roll_back(publication=bound, by=TESTER, reason="callers fail")
    services.publish(environment.id)
    assert [api.name for api in pulled(internal).apis] == ["secret"]
    assert pulled(edge).apis == pulled(plain).apis == ()


def test_without_groups_a_publication_stores_one_manifest(environment: Environment) -> None:
    factory.published_version()
    factory.enrolled_gateway(environment=environment)
    services.publish(environment.id)
    assert Publication.objects.get().groups == {}


def test_a_version_is_bound_only_where_it_runs_and_to_groups_that_exist(environment: Environment) -> None:
    version = factory.published_version()
    with pytest.raises(Invalid, match="in the group nowhere"):
        bind_to_groups(version=version, groups=["nowhere"], by=TESTER)
    Deployment.objects.all().delete()
    with pytest.raises(Conflict, match="does not run"):
        bind_to_groups(version=version, groups=[], by=TESTER)
    assert environment.name == "default"


def test_an_owner_binds_by_the_page_and_a_program_too(environment: Environment, admin: User, client: Client) -> None:
    version = factory.published_version(name="bank")
    client.force_login(admin)
    page = "/console/apis/bank/versions/v1/groups/default"
    assert "No gateway is in a group" in client.get(page).content.decode()
    enroll_gateway(environment=environment, name="edge-1", group="edge", by=TESTER)
    assert client.post(page, {"groups": ["edge"]}).status_code == 302
    assert "On gateways of edge only." in client.get("/console/apis/bank/versions/v1").content.decode()
    url = f"/api/v1/versions/{version.id}/groups"
    assert client.post(url, {"groups": []}, "application/json").json()["gateway_groups"] == []
    assert client.post(url, {"groups": ["nowhere"]}, "application/json").status_code == 400
