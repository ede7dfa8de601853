"""Events that boots of a gateway tell, by their numbers: the number says all of an event."""

from __future__ import annotations

from apim.gateways.models import Gateway
from apim.usage.receiving import HandedIn
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY, UsageBody, UsageContext, decode_batch, encode_body
from tests.factories.usage import NOON

BOOTS = tuple(letter * 32 for letter in "abcd")
CONTEXTS = {
    number: UsageContext(
        f"ver_{number % 3}", f"GET /{number % 5}", "org_1", f"app_{number}", f"crd_{number}", f"sub_{number}", "plv_1"
    )
    for number in range(1, 13)
}
STATUSES = (200, 200, 200, 404, 500)
FIRST_US = round(NOON.timestamp() * 1_000_000)


def handed_in(gateway: Gateway, boot: str, first: int, last: int) -> HandedIn:
    records = [
        FINAL_BODY.pack(seq, seq, status_of(seq), 0, 100 + seq % 977, 50, 10, 100)
        + ADMIT_HEAD.pack(seq, FIRST_US + seq * 40_000, context_of(seq), 0)
        + b"/path"
        for seq in range(first, last + 1)
    ]
    return HandedIn(gateway, decode_batch(encode_body(UsageBody(boot, 0, first, last, [""], CONTEXTS, records))))


def context_of(seq: int) -> int:
    return seq * 7 % len(CONTEXTS) + 1


def status_of(seq: int) -> int:
    return STATUSES[seq % len(STATUSES)]
