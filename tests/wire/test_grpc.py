"""gRPC through the gateway: grpcio calls grpcio, unary and streaming, over HTTP/2 on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest

from gateway_sync.snapshot import Route, Target
from tests.factories.certificates import Authority, authority
from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, make_snapshot, make_version
from tests.wire.tls_gateways import SealedHome, TLSGateway, make_host, tls_gateway, with_edge

HOST = "grpc.example.com"
SERVICE = "bank.Accounts"
METHODS = ("Echo", "Count", "Sum", "Chat", "Fail", "Large")


class Accounts(grpc.GenericRpcHandler):
    """Five methods on bytes."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a method."""
        name = details.method.rpartition("/")[2]
        return {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Large": grpc.unary_unary_rpc_method_handler(self.large),
        }.get(name)

    def echo(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """What was sent, and what the caller said of itself, in the trailers."""
        said = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-said", str(said.get("x-say", ""))), ("x-key", str(said.get("x-api-key")))))
        return request

    def count(self, request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        """One message for each byte."""
        for byte in request:
            yield bytes([byte])

    def sum(self, requests: Iterator[bytes], _context: grpc.ServicerContext) -> bytes:
        """All of them."""
        return b"".join(requests)

    def chat(self, requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        """Each at once."""
        for request in requests:
            yield b"re: " + request

    def fail(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        """No."""
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
        raise AssertionError

    def large(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        """Much."""
        return request * 4


@pytest.fixture(scope="module")
def root() -> Authority:
    return authority()


@pytest.fixture(scope="module", params=["http", "https"])
def gateway(
    request: pytest.FixtureRequest, root: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TLSGateway]:
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=(Accounts(),))
    upstream: dict[str, object] = {"http": {"version": "2"}}
    if request.param == "https":
        chain, key = root.issue("127.0.0.1")
        credentials = grpc.ssl_server_credentials([(key.encode(), chain.encode())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        upstream["tls"] = {"ca": root.pem}
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    home = SealedHome(tmp_path_factory.mktemp("grpc"))
    version = make_version(
        0,
        targets=(Target(request.param, "127.0.0.1", port, f"/{SERVICE}", 100),),
        upstream=upstream,
        routes=tuple(Route(f"POST /{name}", "POST", f"/{name}", ("prd_1",)) for name in METHODS),
    )
    certificate = home.certificate("public", root.issue(HOST), [HOST])
    host = make_host(HOST, prefix="/bank/v1", base_path=f"/{SERVICE}")
    home.install(with_edge(make_snapshot([version]), [certificate], [host]))
    try:
        with tls_gateway(home) as running:
            yield running
    finally:
        server.stop(None).wait(PATIENCE_S)


@pytest.fixture
def channel(gateway: TLSGateway, root: Authority) -> Iterator[grpc.Channel]:
    options = (("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST))
    credentials = grpc.ssl_channel_credentials(root.pem.encode())
    with grpc.secure_channel(f"127.0.0.1:{gateway.tls_port}", credentials, options) as found:
        yield found


METADATA = (("x-api-key", KEY), ("x-say", "hello"))


def test_a_unary_call_comes_back_with_its_trailers(channel: grpc.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/Echo")
    for number in range(20):
        answer, state = call.with_call(b"message %d" % number, metadata=METADATA, timeout=PATIENCE_S)
        assert answer == b"message %d" % number
        trailers = dict(state.trailing_metadata() or ())
        assert trailers["x-said"] == "hello"
        assert trailers["x-key"] == "None"  # the key is the gateway's
        assert state.code() is grpc.StatusCode.OK


def test_a_stream_of_answers_comes_back(channel: grpc.Channel) -> None:
    call = channel.unary_stream(f"/{SERVICE}/Count")(b"abcdef", metadata=METADATA, timeout=PATIENCE_S)
    assert list(call) == [b"a", b"b", b"c", b"d", b"e", b"f"]


def test_a_stream_of_requests_goes_through(channel: grpc.Channel) -> None:
    parts = [b"%d," % number for number in range(200)]
    answer = channel.stream_unary(f"/{SERVICE}/Sum")(iter(parts), metadata=METADATA, timeout=PATIENCE_S)
    assert answer == b"".join(parts)


def test_both_sides_speak_in_turn(channel: grpc.Channel) -> None:
    heard: list[bytes] = []
    call = channel.stream_stream(f"/{SERVICE}/Chat")

    def speak() -> Iterator[bytes]:
        for number in range(5):
            while len(heard) < number:  # the next word only after the answer to the last one
                pass
            yield b"%d" % number

    heard.extend(call(speak(), metadata=METADATA, timeout=PATIENCE_S))  # one by one, as they come
    assert heard == [b"re: %d" % number for number in range(5)]


def test_large_messages_pass_in_both_directions(channel: grpc.Channel) -> None:
    message = bytes(range(256)) * 2000
    answer = channel.unary_unary(f"/{SERVICE}/Large")(message, metadata=METADATA, timeout=PATIENCE_S)
    assert answer == message * 4


def test_many_calls_at_once_share_connections(channel: grpc.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/Echo")
    under_way = [call.future(b"%d" % number, metadata=METADATA, timeout=PATIENCE_S) for number in range(100)]
    assert [each.result() for each in under_way] == [b"%d" % number for number in range(100)]


def failure_of(channel: grpc.Channel, method: str, metadata: tuple[tuple[str, str], ...]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/{SERVICE}/{method}")(b"", metadata=metadata, timeout=PATIENCE_S)
    return failed.value


def test_a_failure_of_the_service_keeps_its_status(channel: grpc.Channel) -> None:
    failure = failure_of(channel, "Fail", METADATA)
    assert failure.code() is grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined]
    assert failure.details() == "not now"  # type: ignore[attr-defined]


def test_a_refusal_of_the_gateway_is_one_to_the_caller(channel: grpc.Channel) -> None:
    assert failure_of(channel, "Echo", ()).code() is grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined]
    assert failure_of(channel, "Nothing", METADATA).code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]
