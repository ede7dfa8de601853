"""What a host says where limits are shared: words that each become one command to Redis, said for one host.

A host that reaches Redis runs its words itself; for one that does not the control plane runs them. So a word names
neither the host nor the environment: whoever runs it knows them. Shapes: msgpack, as `Saying`; answers are Redis' own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Protocol

import msgspec

from gateway_sync.runtime.lease_scripts import BEGIN, DECLARE, DECLARED, ENTER, GIVE_BACK, LEASE, MEET, Names
from gateway_sync.runtime.push import Command

AT_ONCE: Final = 500  # words in one go
NOT_CONFIRMED, COUNTS_ALONE = "limits.E001", "limits.E002"  # what is told where words find no answer
_MOST: Final = 2**53  # Lua's numbers are exact up to there
_MOST_ASKED: Final = 524_288

Cell = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Epoch = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.]{1,100}\Z")]
Hexadecimal = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]*\Z", max_length=_MOST_ASKED)]
Disk = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Number = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Moment = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]
Position = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Word(Protocol):
    """Something said by a host."""

    def command(self, names: Names, host: str) -> Command:
        """What says it to Redis for the host."""


class _Form(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """How words are written: as an array, their name first."""


class Enter(_Form, frozen=True):
    """Here I am anew; answered by the run of Redis and the number of this connection."""

    def command(self, names: Names, host: str) -> Command:
        """The command."""
        return call(ENTER, [names.session(host)])


class Look(_Form, frozen=True):
    """Which epoch is open, and which is to be."""

    def command(self, names: Names, host: str) -> Command:  # noqa: ARG002 - the interface of a word
        """The command."""
        return ("MGET", names.epoch, names.opening)


class Begin(_Form, frozen=True):
    """Let an epoch of this run of Redis be opened, unless one waits for it."""

    mark: Disk

    def command(self, names: Names, host: str) -> Command:  # noqa: ARG002 - the interface of a word
        """The command."""
        return call(BEGIN, [names.opening], self.mark)


class Declare(_Form, frozen=True):
    """I have used so much of a window."""

    epoch: Epoch
    cell: Cell
    position: Position
    start: Moment
    used: Number
    end: Moment

    def command(self, names: Names, host: str) -> Command:
        """The command."""
        key = names.count(self.epoch, self.cell, self.position, self.start)
        return call(DECLARE, [key], host, self.used, self.end)


class Declared(_Form, frozen=True):
    """I have said all that I used, for an epoch that is not open yet."""

    opening: Epoch

    def command(self, names: Names, host: str) -> Command:
        """The command."""
        return call(DECLARED, [names.declared(self.opening)], host)


class Meet(_Form, frozen=True):
    """I am here, and asked so much of rates; answered by the time, the epoch, and what each other host asked.

    Shapes: is_recalled = also by the windows of which somebody needs more than is left; who does not know of it is not
    answered so.
    """

    asked: Hexadecimal
    is_recalled: bool = False

    def command(self, names: Names, host: str) -> Command:
        """The command."""
        keys = [names.hosts, names.asked(host), names.epoch, *([names.recalled] if self.is_recalled else ())]
        return call(MEET, keys, host, self.asked, names.asked(""))


class Lease(_Form, frozen=True):
    """I would like some of a window, of which I used so much and believe that I was granted so much.

    Shapes: less than `least` to spend is of no use to me; I lease at most `most` at once, and of what is left the
    part-th part is for all hosts together.
    """

    epoch: Epoch
    session: Number
    cell: Cell
    position: Position
    start: Moment
    limit: Number
    used: Number
    granted: Number
    hosts: Number
    end: Moment
    least: Number = 1
    most: Number = 1_000
    part: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 4

    def command(self, names: Names, host: str) -> Command:
        """The command."""
        count = names.count(self.epoch, self.cell, self.position, self.start)
        keys = [names.epoch, names.session(host), count, names.recalled]
        words = (self.limit, self.used, self.granted, max(2, self.hosts), self.end, self.least, self.most, self.part)
        window = names.window(self.cell, self.position, self.start)
        return call(LEASE, keys, self.epoch, self.session, host, *words, window)


class GiveBack(_Form, frozen=True):
    """Of a window I keep so much."""

    epoch: Epoch
    session: Number
    cell: Cell
    position: Position
    start: Moment
    kept: Number

    def command(self, names: Names, host: str) -> Command:
        """The command."""
        keys = [names.epoch, names.session(host), names.count(self.epoch, self.cell, self.position, self.start)]
        return call(GIVE_BACK, keys, self.epoch, self.session, host, self.kept)


Said = Enter | Look | Begin | Declare | Declared | Meet | Lease | GiveBack


class Saying(msgspec.Struct, frozen=True):
    """What a host sends to whoever runs its words. Shapes: disk = what tells its counts from those before it."""

    environment: str
    disk: Disk
    words: Annotated[list[Said], msgspec.Meta(min_length=1, max_length=AT_ONCE)]


_saying = msgspec.msgpack.Decoder(Saying)


def decode_saying(content: bytes) -> Saying:
    """What was sent. Errors: ValueError."""
    return _saying.decode(content)


def commands_of(words: Sequence[Word], names: Names, host: str) -> list[Command]:
    """The commands that say the words for the host, one each."""
    return [word.command(names, host) for word in words]


def call(script: str, keys: Sequence[str], *words: object) -> Command:
    """The command that runs a script which Redis has loaded."""
    digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    return ("EVALSHA", digest, str(len(keys)), *keys, *[str(word) for word in words])
