from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography import x509
from django.utils import timezone

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import DomainError
from apim.gateways.acme.orders import order_now, run_due, take_step
from apim.gateways.certificates import delete_certificate, private_key_of, warn_of_expiry
from apim.gateways.hosts import save_host
from apim.gateways.models import ACMEAccount, Certificate, CertificateOrder, Environment, Host, Worker
from apim.gateways.services import update_environment
from apim.notifications.models import Message
from tests.acme_server.authority import Authority
from tests.acme_server.messages import thumbprint_of
from tests.acme_server.server import ACMEServer
from tests.factories.gateways import enrolled_gateway
from tests.upstreams import Arrival, Reply, Upstream
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
HOST = "api.example.com"
State = CertificateOrder.State


class Port80:
    """Where hosts lead: answers every token as the gateways of the account would, unless somebody else is there."""

    def __init__(self) -> None:
        self.server: ACMEServer | None = None
        self.is_anothers = False
        self.upstream = Upstream(self.answer)

    def answer(self, arrival: Arrival) -> Reply:
        if self.server is None or self.is_anothers:
            return Reply(b"", 404)
        token = arrival.target.removeprefix("/.well-known/acme-challenge/")
        return Reply(answer_to(token, self.server).encode())


def answer_to(token: str, server: ACMEServer) -> str:
    return f"{token}.{thumbprint_of(server.authority.accounts[-1].jwk)}"


@pytest.fixture
def port80() -> Iterator[Port80]:
    served = Port80()
    with served.upstream:
        yield served


@pytest.fixture
def server(port80: Port80) -> Iterator[ACMEServer]:
    with ACMEServer(Authority(lambda _host: ("127.0.0.1", port80.upstream.port))) as running:
        port80.server = running
        yield running


@pytest.fixture
def place(environment: Environment, server: ACMEServer, by: Actor) -> Environment:
    """An environment with an authority and a gateway that has every state at once."""
    now = timezone.now()
    gateway = enrolled_gateway(environment=environment).gateway
    Worker.objects.create(
        gateway=gateway, slot=0, pid=1, boot="b", revision=10**9, started_at=now, seen_at=now + timedelta(hours=1)
    )
    return update_environment(
        environment=environment,
        changes={
            "acme_directory": server.directory_url,
            "acme_contact": "ops@example.com",
            "has_agreed_to_acme_terms": True,
        },
        by=by,
    )


def order_for(place: Environment, by: Actor, name: str = HOST) -> CertificateOrder:
    host = save_host(environment=place, name=name, by=by, changes={"certificate_source": "acme"})
    return CertificateOrder.objects.get(host=host)


def step(order: CertificateOrder) -> CertificateOrder:
    take_step(CertificateOrder.objects.select_related("host__environment", "certificate").get(pk=order.pk))
    order.refresh_from_db()
    return order


def finish(order: CertificateOrder) -> CertificateOrder:
    """Step until the certificate is there."""
    wait_until(lambda: step(order).state == State.ISSUED, "the certificate is there")
    return order


def test_a_host_gets_a_certificate_whose_key_is_its_own(place: Environment, by: Actor, server: ACMEServer) -> None:
    order = step(order_for(place, by))

    assert order.state == State.ANSWERING
    finish(order)

    certificate = order.certificate
    assert certificate is not None
    assert certificate.hosts == [HOST]
    assert b"PRIVATE KEY" in private_key_of(certificate)
    (leaf, root) = x509.load_pem_x509_certificates(certificate.chain.encode())
    leaf.verify_directly_issued_by(root)
    assert server.authority.looked == [(HOST, f"/.well-known/acme-challenge/{server.authority.proofs[0].token}")]
    assert server.authority.accounts[0].contact == ["mailto:ops@example.com"]
    life = certificate.not_after - certificate.not_before
    assert life * 0.6 < order.due_at - certificate.not_before < life * 0.7
    assert (order.token, order.answer, order.failures, bytes(order.key_sealed)) == ("", "", 0, b"")
    assert AuditEvent.objects.get(action="certificate.create").actor_label == "ACME"


def test_the_next_certificate_takes_the_place_of_the_first(place: Environment, by: Actor) -> None:
    order = finish(order_for(place, by))
    first = order.certificate
    assert first is not None
    CertificateOrder.objects.update(due_at=timezone.now())

    assert run_due() > 0
    finish(order)

    (kept,) = Certificate.objects.all()
    assert kept.pk == first.pk
    assert kept.fingerprint != first.fingerprint
    assert ACMEAccount.objects.count() == 1


def test_a_failed_proof_is_told_in_words_and_tried_again_later(
    place: Environment, by: Actor, port80: Port80, admin: User
) -> None:
    order = order_for(place, by)
    now = timezone.now()
    port80.is_anothers = True

    def has_failed() -> bool:
        return step(order).failures == 1

    wait_until(has_failed, "the authority judged")

    assert order.fault.startswith("Somebody else answered the authority under this name. http://api.example.com/.well")
    assert now + timedelta(seconds=40) < order.due_at < timezone.now() + timedelta(seconds=80)
    assert (order.state, order.token) == (State.WAITING, "")
    mail = Message.objects.get(to=admin.email)
    assert order.fault in mail.body
    assert AuditEvent.objects.get(action="host.certificate_failed").reason == order.fault
    assert run_due() == 0

    port80.is_anothers = False
    order_now(host=order.host, by=by)
    finish(order)

    assert (order.fault, order.failures) == ("", 0)


def test_an_authority_that_leaves_the_order_pending_is_understood(
    place: Environment, by: Actor, server: ACMEServer, port80: Port80
) -> None:
    port80.is_anothers = server.authority.leaves_pending = True
    order = order_for(place, by)

    wait_until(lambda: step(order).failures == 1, "the failure is noticed")

    assert order.fault.startswith("Somebody else answered")


def test_a_refused_nonce_is_tried_again_at_once(place: Environment, by: Actor, server: ACMEServer) -> None:
    server.bad_nonces = 2
    finish(order_for(place, by))

    assert server.bad_nonces == 0


def test_a_rate_limit_is_waited_for(place: Environment, by: Actor, server: ACMEServer) -> None:
    server.rate_limited_s = 7200
    order = step(order_for(place, by))

    assert order.fault == "The authority says: too many certificates for this name already"
    assert order.due_at > timezone.now() + timedelta(seconds=7100)


def test_an_authority_that_is_gone_is_a_fault_like_others(place: Environment, by: Actor, server: ACMEServer) -> None:
    Environment.objects.update(acme_directory="http://127.0.0.1:1/directory")
    order = step(order_for(place, by))

    assert order.fault.startswith("The authority cannot be reached")
    assert order.failures == 1


def test_failures_are_ever_more_seldom_and_mailed_once(place: Environment, by: Actor, admin: User) -> None:
    Environment.objects.update(acme_directory="http://127.0.0.1:1/directory")
    order = order_for(place, by)
    pauses = []
    for _ in range(8):
        before = timezone.now()
        pauses.append((step(order).due_at - before).total_seconds())

    assert pauses[0] < 80
    assert pauses[4] > 30_000
    assert 60_000 < pauses[-1] < 110_000
    assert Message.objects.filter(to=admin.email).count() == 1


def test_gateways_that_do_not_take_the_answer_are_named(place: Environment, by: Actor) -> None:
    Worker.objects.all().delete()
    order = step(order_for(place, by))
    assert step(order).state == State.ANSWERING
    CertificateOrder.objects.update(began_at=timezone.now() - timedelta(minutes=5))

    assert "The gateways have not taken the answer" in step(order).fault


def test_an_account_that_the_authority_forgot_is_made_anew(place: Environment, by: Actor, server: ACMEServer) -> None:
    finish(order_for(place, by))
    server.authority.accounts.clear()
    order = order_for(place, by, "www.example.com")

    assert "name the account's URL" in step(order).fault
    finish(order)

    assert len(server.authority.accounts) == 1


def test_a_certificate_that_was_deleted_is_ordered_again(place: Environment, by: Actor) -> None:
    order = finish(order_for(place, by))
    assert order.certificate is not None
    delete_certificate(certificate=order.certificate, by=by)

    assert run_due() > 0
    finish(order)

    assert Certificate.objects.count() == 1


def test_of_an_end_admins_are_warned_only_when_the_renewal_failed(place: Environment, by: Actor, admin: User) -> None:
    finish(order_for(place, by))
    soon = timezone.now() + timedelta(days=85)

    assert warn_of_expiry(soon) == 0
    CertificateOrder.objects.update(failures=3, fault="The authority refused.")
    assert warn_of_expiry(soon) == 1
    assert "It could not be renewed: The authority refused." in Message.objects.get(to=admin.email).body


def test_a_host_that_is_kept_again_is_ordered_no_more(place: Environment, by: Actor) -> None:
    order = finish(order_for(place, by))
    save_host(environment=place, name=HOST, by=by, changes={"certificate_source": "kept"})

    assert not CertificateOrder.objects.exists()
    assert Certificate.objects.filter(pk=order.certificate_id).exists()


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("*.example.com", {}, "gateways.host_acme_wildcard"),
        (HOST, {"has_agreed_to_acme_terms": False}, "gateways.host_acme_environment"),
    ],
    ids=["wildcard", "terms"],
)
def test_what_cannot_be_ordered_is_refused(
    place: Environment, by: Actor, name: str, changes: dict[str, object], code: str
) -> None:
    if changes:
        update_environment(environment=place, changes=changes, by=by)

    with pytest.raises(DomainError) as refused:
        save_host(environment=place, name=name, by=by, changes={"certificate_source": "acme"})

    assert refused.value.code == code
    assert not Host.objects.exists()


def test_terms_of_another_authority_are_to_be_agreed_to_anew(place: Environment, by: Actor) -> None:
    update_environment(environment=place, changes={"acme_directory": "https://ca.example.com/directory"}, by=by)
    place.refresh_from_db()

    assert not place.has_agreed_to_acme_terms


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"acme_directory": "ftp://ca.example.com/"}, "gateways.acme_directory"),
        ({"acme_contact": ""}, "gateways.acme_contact"),
        ({"acme_contact": "nobody"}, "gateways.invalid_value"),
    ],
    ids=["directory", "no contact", "contact"],
)
def test_an_authority_that_cannot_be_is_refused(
    place: Environment, by: Actor, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        update_environment(environment=place, changes=changes, by=by)

    assert code in {refused.value.code, *(one.code for one in getattr(refused.value, "errors", ()))}
