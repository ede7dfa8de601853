"""The doors of gateways: pull what is new, report, hand in usage. Bearer gateway token on each request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Annotated

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from apim.errors import DomainError
from apim.gateways import joining
from apim.gateways.models import Gateway
from apim.gateways.reporting import record_report
from apim.gateways.reports import GatewayReport
from apim.gateways.services import authenticate_gateway
from apim.gateways.standing import issue_next_token, note_clock, note_format, orders_for
from apim.usage.placing import placed
from apim.usage.receiving import HandedIn
from apim.usage.together import TOGETHER
from apim.usage.told import note_told
from apim.usage.traces import keep_traces
from gateway_sync import trace_wire, usage_wire
from gateway_sync.delivery.access_log import is_behind
from gateway_sync.delivery.limits import limits_in, limits_redis, note_limits
from gateway_sync.delivery.places import Places
from gateway_sync.delivery.push import encode_update
from gateway_sync.delivery.relaying import MOST_BYTES, relay
from gateway_sync.delivery.sync import MAX_WAIT_S, Ask, update_for
from gateway_sync.delivery.turns import SYNC, apart, bearer, busy, problem, unauthenticated
from gateway_sync.delivery.waiting import Counters, Watch, counters_of
from gateway_sync.runtime.lease_words import decode_saying
from gateway_sync.snapshot import WRITES, common_format
from gateway_sync.wire_values import read_body


class JoinRequest(msgspec.Struct, frozen=True):
    """What a gateway says when it joins. Shapes: nonce is made up by it, and the same when it asks again."""

    nonce: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]


_ask = msgspec.json.Decoder(Ask)
_report = msgspec.json.Decoder(GatewayReport)
_join = msgspec.json.Decoder(JoinRequest)
_watch = Watch(limit=settings.MAX_WAITING_GATEWAYS)
# Who reads more slowly keeps no place from others; gateways themselves give up at an eighth of it.
_SENT_WITHIN_S, _SLOWEST_BYTES_S = 5.0, 128 * 1024
_COME_BACK_S = 2
_far_behind = Places(settings.MAX_FULL_SENDS, each=2)  # one that is sent still, and one who began anew

View = Callable[[HttpRequest, Gateway], HttpResponseBase]


def _door(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """The view for programs; a body that cannot be read is 400, and one that is too large 413."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponseBase:
        try:
            return view(request)
        except ValueError as error:  # msgspec's and usage_wire's: what was sent has another shape, and they say where
            return problem(400, "gateways.bad_request", str(error))
        except RequestDataTooBig:
            told = f"At most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes are read at once."
            return problem(413, "gateways.too_large", told)

    return answered


def _for_gateways(view: View) -> Callable[[HttpRequest], HttpResponseBase]:
    """The view behind a gateway's token."""

    @_door
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponseBase:
        gateway = authenticate_gateway(bearer(request))
        if gateway is None:
            return unauthenticated("This needs the token of an enrolled gateway.")
        return view(request, gateway)

    return checked


@_for_gateways
def sync(request: HttpRequest, gateway: Gateway) -> HttpResponseBase:
    """What is new for the gateway, at once or when there is something, at most wait_s from now."""
    ask = read_body(_ask.decode, request.body)
    if not common_format(ask.reads):
        note_format(gateway, max(ask.reads))
        spoken, read = (", ".join(map(str, sorted(each))) for each in (WRITES, ask.reads))
        told = f"This control plane sends format {spoken}, this gateway reads {read}: bring the older one up to date."
        return problem(400, "gateways.unknown_format", told)
    if gateway.refused_format:
        note_format(gateway, 0)
    seen = counters_of(gateway.environment)
    if not (ask.digest and not is_behind(ask.access_seq, seen[1])):
        return _whole(gateway, ask, seen)
    update = update_for(gateway, ask)
    return _news(encode_update(update)) if update.is_news or ask.wait_s <= 0 else _when_there_is(gateway, ask, seen)


def _whole(gateway: Gateway, ask: Ask, seen: Counters) -> HttpResponseBase:
    """For one that knows nothing, or little: much is read and sent, so that few at a time may have it."""
    if not _far_behind.take(gateway.pk):
        return busy("Other gateways are being told everything; ask again later.", _COME_BACK_S)
    response: HttpResponseBase | None = None
    try:
        update = update_for(gateway, ask)
        if update.is_news:
            content = encode_update(update)
            _far_behind.expect_back(gateway.pk, _SENT_WITHIN_S + len(content) / _SLOWEST_BYTES_S)
            response = StreamingHttpResponse(_Held([content], _far_behind, gateway.pk), content_type="application/json")
            close_old_connections()  # what is being sent holds a thread, never a database connection
    finally:
        if response is None:
            _far_behind.give_back(gateway.pk)
    if response is not None:
        return response
    return _news(encode_update(update)) if ask.wait_s <= 0 else _when_there_is(gateway, ask, seen)


def _news(content: bytes) -> HttpResponse:
    return HttpResponse(content, content_type="application/json")


def _when_there_is(gateway: Gateway, ask: Ask, seen: Counters) -> HttpResponseBase:
    if not _watch.places.take(gateway.pk):
        return busy("Too many gateways wait here; ask again later.", _COME_BACK_S)
    body = _Held(_wait(gateway, ask, seen), _watch.places, gateway.pk)
    return StreamingHttpResponse(body, content_type="application/json")


def _wait(gateway: Gateway, ask: Ask, seen: Counters) -> Iterator[bytes]:
    """The body of an answer that is not known yet."""
    deadline = time.monotonic() + min(ask.wait_s, MAX_WAIT_S)
    connection.close()  # a waiting request holds a thread, never a database connection
    while True:
        is_changed = _watch.wait(gateway.environment_id, seen, deadline)
        with SYNC.turn():
            found = Gateway.objects.select_related("environment").filter(pk=gateway.pk).first()
            if found is None:
                return  # removed meanwhile: its next call says so
            gateway, seen = found, counters_of(found.environment)
            update = update_for(gateway, ask)
            connection.close()
            content = encode_update(update) if update.is_news or not is_changed else None
        if content is not None:
            yield content
            return


class _Held:
    """A body that holds a place until it is sent or given up.

    Not a bare generator: of one that was never begun, close() would run nothing, and the place would be lost.
    """

    def __init__(self, body: Iterable[bytes], places: Places, who: str) -> None:
        self._body = body
        self._who = who
        self._places: Places | None = places

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Give the place back, once."""
        if self._places is not None:
            self._places.give_back(self._who)
            self._places = None


@_for_gateways
def report(request: HttpRequest, gateway: Gateway) -> HttpResponseBase:
    """Keep what the gateway says of itself."""
    told, of_limits = read_body(_report.decode, request.body), read_body(limits_in, request.body)
    record_report(gateway=gateway, report=told)
    if told.boots:
        note_told(gateway.pk, told.boots, timezone.now())
    if of_limits is not None:
        note_limits(gateway, of_limits)
    return JsonResponse(orders_for(gateway, timezone.now()))


@_for_gateways
def limits(request: HttpRequest, gateway: Gateway) -> HttpResponseBase:
    """What Redis answers to a gateway that does not reach it, about the limits that it shares."""
    if len(request.body) > MOST_BYTES:
        return problem(413, "gateways.too_large", f"At most {MOST_BYTES} bytes are read at once.")
    saying = read_body(decode_saying, request.body)
    if saying.environment != gateway.environment.name:
        told = f"This token is of {gateway.environment.name}; limits are shared within an environment."
        return problem(403, "gateways.other_environment", told)
    try:
        answers = relay(saying, gateway.name, limits_redis())
    except RedisError:
        return problem(503, "gateways.limits_unavailable", "Redis does not answer the control plane.")
    return HttpResponse(msgspec.msgpack.encode(answers), content_type="application/msgpack")


@_for_gateways
def credential(_request: HttpRequest, gateway: Gateway) -> HttpResponseBase:
    """The gateway's next token; the one it has works until it comes with this one."""
    token = issue_next_token(gateway=gateway)
    if not token:
        return unauthenticated("This credential was renewed or ended meanwhile.")
    content = {"token": token}
    return JsonResponse(content, headers={"Cache-Control": "no-store"})


@_for_gateways
def usage(request: HttpRequest, gateway: Gateway) -> HttpResponseBase:
    """Store what the gateway counted; the answer says up to where it may forget."""
    now = timezone.now()
    batch, off_s = placed(read_body(usage_wire.decode_batch, request.body), now)
    if off_s:
        note_clock(gateway, off_s, now)
    close_old_connections()  # this batch may wait for others, and they need none that is taken by who waits
    with apart():
        TOGETHER.hand_in(HandedIn(gateway, batch))
    return HttpResponse(usage_wire.encode_ack(batch.last_seq), content_type="application/json")


@_for_gateways
def traces(request: HttpRequest, gateway: Gateway) -> HttpResponseBase:
    """Keep what explains single exchanges."""
    keep_traces(gateway=gateway, traces=read_body(trace_wire.decode_body, request.body))
    return JsonResponse({})


@_door
def join(request: HttpRequest) -> HttpResponseBase:
    """The credentials of a gateway that comes with a join token for the first time."""
    secret = bearer(request)
    try:
        enrolled = joining.join(secret=secret, nonce=read_body(_join.decode, request.body).nonce) if secret else None
    except DomainError as error:
        return problem(409, error.code, f"{error.message} {error.hint}".strip())
    if enrolled is None:
        return unauthenticated("This needs a join token that nobody used and that is not older than an hour.")
    content = joining.gateway_credentials(enrolled.gateway.environment, enrolled.token, enrolled.gateway.group)
    return JsonResponse(content, headers={"Cache-Control": "no-store"})
