"""Usage as a gateway would report it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from apim.gateways.models import Gateway
from apim.usage.receiving import HandedIn
from apim.usage.services import ingest_all
from gateway_sync.usage_wire import UsageBatch, UsageCell, UsageContext, UsageEvent, request_id_of

NOON = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
BOOT = "boot-1"


def event(seq: int, *, at: datetime = NOON, status: int = 200, code: str = "", **fields: object) -> UsageEvent:
    """One exchange of application app_1 with version ver_1, 4 ms long."""
    context: dict[str, str] = {
        "version_id": "ver_1",
        "operation": "GET /accounts",
        "organization": "org_1",
        "application": "app_1",
        "credential": "crd_1",
        "subscription": "sub_1",
        "plan": "plv_1",
    }
    context |= {name: str(value) for name, value in fields.items() if name in context}
    values: dict[str, object] = {
        "seq": seq,
        "number": seq,
        "request_id": request_id_of(BOOT, seq),
        "client_request_id": "",
        "at_us": round(at.timestamp() * 1_000_000),
        "context": UsageContext(**context),
        "path": "/accounts",
        "status": status,
        "code": code,
        "is_indeterminate": status == 0,
        "duration_us": 4000,
        "upstream_us": 3000,
        "request_bytes": 10,
        "response_bytes": 100,
    }
    values |= {name: value for name, value in fields.items() if name not in context}
    return UsageEvent(**values)  # type: ignore[arg-type]


def batch(*events: UsageEvent, boot: str = BOOT, cells: tuple[UsageCell, ...] = (), cells_id: int = 0) -> UsageBatch:
    """What one request of a shipper carries; ids of requests follow from the boot, unless told."""
    seqs = [each.seq for each in events] or [0]
    return UsageBatch(
        boot=boot,
        slot=0,
        first_seq=seqs[0],
        last_seq=seqs[-1],
        records=[_named(each, boot) for each in events],
        cells=list(cells),
        cells_id=cells_id,
    )


def _named(each: UsageEvent, boot: str) -> UsageEvent:
    if each.request_id != request_id_of(BOOT, each.number):
        return each
    return msgspec.structs.replace(each, request_id=request_id_of(boot, each.number))


def ingest(*, gateway: Gateway, batch: UsageBatch) -> None:
    """Take a batch in as the control plane does, in a transaction of its own."""
    ingest_all([HandedIn(gateway, batch)])
