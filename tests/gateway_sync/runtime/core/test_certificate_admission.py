"""Calls with client certificates: who is admitted as whose, beside keys, and that no field can stand for one."""

from __future__ import annotations

import hashlib

import pytest

from gateway_sync.messages import FramingError, RequestHead
from gateway_sync.policies.client_certificate import certificate_text
from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.core.hosts import HostTable, TLSPeer, place
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.runtime.core.limits import NS
from gateway_sync.runtime.core.request_head import read_request_head
from gateway_sync.snapshot import Host, Policy
from tests.wire.gateways import KEY, make_environment, make_snapshot, make_version

NOW_S = 1_790_000_000
LEAF, CA = b"leaf", b"authority"
CA_PEM = "-----BEGIN CERTIFICATE-----YXV0aG9yaXR5-----END CERTIFICATE-----"
CERTIFICATE = certificate_text("env_1", hashlib.sha256(LEAF).hexdigest())


class Door:
    """A gate with one version under one host that asks for certificates, one key and one registered certificate."""

    def __init__(self, *policies: tuple[str, dict[str, object]]) -> None:
        written = tuple(Policy(kind, settings) for kind, settings in policies)
        snapshot = make_snapshot([make_version(9, policies=written)], environment=make_environment())
        self.index = Index(snapshot.environment, snapshot.products, 1, "")
        for _ in build_index(self.index, snapshot.apis):
            pass
        assert self.index.problems == []
        self.hosts = HostTable([Host("a", "", "", False, 0, "optional", CA_PEM)])  # noqa: FBT003
        self.table = AccessTable(None)
        self.held = {"application": "app_1", "organization": "org_1", "product": "", "state": "active", "expires_at": 0}
        self.put("credential", KEY, {"id": "crd_1"} | self.held)
        self.put("client", CERTIFICATE, {"id": "crd_2"} | self.held)
        self.put("application", "app_1", {"organization": "org_1", "state": "active", "name": "shop"})
        self.put("organization", "org_1", {"state": "active"})
        self.put("subscription", "sub_1", {
            "organization": "org_1", "product": "prd_1", "plan": "pln_1", "lifecycle": "active", "payment": "none",
            "applications": ["app_1"], "created_at": 10, "ends_at": 0,
        })  # fmt: skip
        self.gate = Gate(self.index, self.table, lambda key: key.decode("latin-1"), b"gw")

    def put(self, kind: str, key: str, body: dict[str, object] | None) -> None:
        self.table.apply(encode_records([(kind, key, body)]), 1)
        if hasattr(self, "gate"):
            self.gate.forget()

    def outcome(self, *fields: bytes, chain: tuple[bytes, ...] = (LEAF, CA), at_s: int = NOW_S) -> str:
        """The code of a refusal, or the credential that admits."""
        lines = [b"GET /bank/v1/accounts HTTP/1.1", b"Host: a", *fields]
        self.head: RequestHead = read_request_head(lines, self.index.fields)
        refusal, _ = place(self.hosts, self.head, TLSPeer("a", chain), 443)
        assert refusal is None
        admission = self.gate.admit(self.head, "192.0.2.1", at_s * NS)
        if admission.refusal is not None:
            return admission.refusal.code
        assert admission.grant is not None
        return admission.grant.caller.credential or "anonymous"


ALSO = ("client-certificate", {"only": False})
ONLY = ("client-certificate", {"only": True})
ANONYMOUS = ("key-auth", {"anonymous": True})
API_KEY = b"X-API-Key: " + KEY.encode()


def test_a_registered_certificate_is_as_good_as_a_key_and_a_key_that_is_sent_counts() -> None:
    door = Door(ALSO)
    assert door.outcome() == "crd_2"
    assert door.outcome(API_KEY) == "crd_1"
    assert door.outcome(b"X-API-Key: apim_wrong") == "unauthenticated"


@pytest.mark.parametrize(
    ("policies", "code"), [((), "unauthenticated"), ((ANONYMOUS,), "anonymous"), ((ALSO, ANONYMOUS), "crd_2")],
    ids=["keys", "anonymous", "certificates or anonymous"],
)  # fmt: skip
def test_without_the_policy_a_certificate_says_nothing(
    policies: tuple[tuple[str, dict[str, object]], ...], code: str
) -> None:
    assert Door(*policies).outcome() == code


def test_another_certificate_says_nothing() -> None:
    assert Door(ALSO).outcome(chain=(b"another", CA)) == "unauthenticated"
    assert Door(ALSO, ANONYMOUS).outcome(chain=(b"another", CA)) == "anonymous"
    assert Door(ALSO).outcome(chain=(LEAF, b"another authority")) == "unauthenticated"


def test_where_certificates_alone_count_nothing_else_does() -> None:
    door = Door(ONLY, ANONYMOUS)
    assert door.outcome() == "crd_2"
    assert door.outcome(API_KEY) == "crd_2"
    assert door.outcome(API_KEY, chain=()) == "unauthenticated"
    assert door.outcome(b"Authorization: Bearer " + KEY.encode(), chain=()) == "unauthenticated"
    assert door.outcome(chain=()) == "unauthenticated"


def test_a_revoked_or_expired_certificate_is_refused_at_once() -> None:
    door = Door(ALSO)
    assert door.outcome() == "crd_2"
    door.put("client", CERTIFICATE, {"id": "crd_2"} | door.held | {"expires_at": NOW_S + 5})
    assert door.outcome(at_s=NOW_S + 4) == "crd_2"
    assert door.outcome(at_s=NOW_S + 5) == "unauthenticated"
    door.put("client", CERTIFICATE, None)
    assert door.outcome() == "unauthenticated"


def test_it_is_not_told_to_the_service_as_a_field() -> None:
    door = Door()
    door.outcome()
    assert b"certificate" not in door.head.block()


def test_no_field_can_stand_for_one() -> None:
    digest = hashlib.sha256(LEAF).digest()
    for field in (b":certificate: x", b"X-API-Key: \0" + digest, b"Authorization: Bearer \0" + digest):
        with pytest.raises(FramingError):
            Door(ALSO).outcome(field, chain=())
    hexed = hashlib.sha256(LEAF).hexdigest().encode()
    assert Door(ALSO).outcome(b"X-API-Key: " + hexed, chain=()) == "unauthenticated"


def test_while_nobody_vouches_for_the_records_a_certificate_says_nothing_of_who_calls() -> None:
    for policy, outcome in ((ALSO, "credential-unconfirmed"), (ONLY, "credential-unconfirmed")):
        door = Door(policy)
        assert door.outcome() == "crd_2"
        door.gate.confirm(is_confirmed=False)
        assert door.outcome() == outcome
        door.gate.confirm(is_confirmed=True)
        assert door.outcome() == "crd_2"
