"""What supervisor and worker say to each other: one JSON object a line over a socket pair."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from gateway_sync.runtime.bounds import Given
from gateway_sync.runtime.target_report import EventTold, TargetTold

logger = logging.getLogger(__name__)

LIMIT = 64 * 2**20
LAST_ACCEPTS_S = 0.05  # in which a worker that is to end lets in who waits in the queue of its socket


class Settings(msgspec.Struct, tag="settings"):
    """The first word to a worker.

    Shapes: pepper and sealing_key in hex; paths are of this host; own_addresses are never proxied to.
    """

    slot: int
    boot: str
    workers: int
    home: str
    pepper: str
    port: int
    pseudonym: str
    own_addresses: tuple[str, ...]
    generation: str
    digest: str
    access_file: str
    access_changes: list[tuple[bytes, bytes | None]]
    access_seq: int
    spool_bytes: int
    given: Given
    tls_port: int = 0
    sealing_key: str = ""
    down: list[str] = []  # targets whose health check fails
    is_exporting: bool = False  # spans are sent to a collector
    is_shared: bool = False  # limits, with other hosts
    lease_wait_s: float = 0.0  # as long may a call wait for a lease
    # For its access records, by the clock that all processes of the host share. A supervisor of a release before does
    # not say it, nor does it know Alive.
    vouched_at: float | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def hears_alive(self) -> bool:
        """True when the supervisor knows the word; one that does not would give the slot up."""
        return not isinstance(self.vouched_at, msgspec.UnsetType)


class Apply(msgspec.Struct, tag="apply"):
    """Use this generation, of this digest, from now on."""

    generation: str
    digest: str


class ApplyAccess(msgspec.Struct, tag="access"):
    """Take these access changes in; with access_file, begin anew from that file."""

    records: Sequence[tuple[bytes, bytes | None]]
    upto: int
    access_file: str = ""


class Vouched(msgspec.Struct, tag="vouched"):
    """The control plane vouched then for the access records that were told before this."""

    at: float | None


class Share(msgspec.Struct, tag="share"):
    """Limits are shared with other hosts from now on: spend what is leased. A call may wait so long for a lease."""

    wait_s: float


class Leased(msgspec.Struct, tag="leased"):
    """The others were asked about these (offset of a cell, position in it); what they granted is in the cells."""

    places: list[tuple[int, int]]


class Wants(msgspec.Struct, tag="wants"):
    """A worker would like to be granted something.

    Shapes: (offset of a cell, position, limit, end of the window, the least that is of use, the most, the part of what
    is left that hosts lease together).
    """

    cells: list[tuple[int, int, int, int, int, int, int]]


class Asking(msgspec.Struct, tag="asking"):
    """The offsets of cells whose rates a worker's callers asked for."""

    offsets: list[int]


class Retire(msgspec.Struct, tag="retire"):
    """End without anybody noticing: the next worker of the slot starts when this one is gone."""


class Applied(msgspec.Struct, tag="applied"):
    """What a worker has in force.

    Shapes: problems as [code, message] of what it could not use; refused is the digest of a state that it could not
    take over at all.
    """

    revision: int
    digest: str
    access_seq: int
    problems: list[tuple[str, str]] = []
    refused: str = ""


class Alive(msgspec.Struct, tag="alive"):
    """Said each second: the event loop of the worker turns, and it noted so many ends of exchanges in its spool."""

    seq: int


class Verdicts(msgspec.Struct, tag="verdicts"):
    """The targets whose health check fails, all of them; from the worker that checks to the others."""

    down: list[str]


class Told(msgspec.Struct, tag="told"):
    """What is new about a worker's targets: those that changed, and what happened.

    Shapes: is_anew = its snapshot is another one, so what was told before is void.
    """

    targets: list[TargetTold]
    events: list[EventTold]
    is_anew: bool = False


ToWorker = Settings | Apply | ApplyAccess | Vouched | Verdicts | Retire | Share | Leased
FromWorker = Applied | Alive | Verdicts | Told | Wants | Asking

_ENCODER = msgspec.json.Encoder()
_TO_WORKER = msgspec.json.Decoder(ToWorker)
_FROM_WORKER = msgspec.json.Decoder(FromWorker)


def encode(message: ToWorker | FromWorker) -> bytes:
    """One line."""
    return _ENCODER.encode(message) + b"\n"


def decode_order(line: bytes) -> ToWorker:
    """A line from the supervisor."""
    order: ToWorker = _TO_WORKER.decode(line)
    return order


def decode_answer(line: bytes) -> FromWorker | None:
    """A line from a worker; None of a word that only later releases know, whose code workers may run by now."""
    try:
        answer: FromWorker = _FROM_WORKER.decode(line)
    except msgspec.ValidationError as error:
        logger.debug("a word of a worker is passed over: %s", error)
        return None
    return answer
