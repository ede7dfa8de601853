"""The gateways' door for traces."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.gateways.models import Environment
from apim.usage.models import KeptTrace
from gateway_sync.trace_wire import CONTENT_TYPE, MAX_TRACES, encode_body, encode_trace
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import trace

pytestmark = pytest.mark.django_db
URL = "/gateway/v1/traces"


@pytest.fixture
def client(environment: Environment) -> Client:
    gateway = enrolled_gateway(environment=environment)
    return Client(headers={"Authorization": f"Bearer {gateway.token}"})


def body(count: int) -> bytes:
    return encode_body([encode_trace(trace(f"0123456789abcdef-{number:08x}")) for number in range(count)])


def test_traces_are_taken_once(client: Client) -> None:
    for _ in range(2):
        assert client.post(URL, body(3), content_type=CONTENT_TYPE).status_code == 200
    assert KeptTrace.objects.count() == 3


@pytest.mark.parametrize("content", [b"", b"\xff\xff", body(1)[:-4], body(MAX_TRACES + 1)], ids=["0", "1", "2", "3"])
def test_what_is_no_body_of_traces_is_refused_whole(client: Client, content: bytes) -> None:
    answer = client.post(URL, content, content_type=CONTENT_TYPE)
    assert (answer.status_code, answer.json()["code"]) == (400, "gateways.bad_request")
    assert KeptTrace.objects.count() == 0


def test_only_gateways_tell_traces() -> None:
    assert Client().post(URL, body(1), content_type=CONTENT_TYPE).status_code == 401
