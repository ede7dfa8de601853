"""RelayedDoor: what a host that does not reach Redis says of limits goes through the control plane, over HTTP.

Blocking, in threads, as the other doors of the control plane; but one connection is kept, for it is asked each second.
"""

from __future__ import annotations

import asyncio
import functools
import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from gateway_sync.runtime.control_plane import ControlPlaneDown, read_answer
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.lease_door import DoorLost
from gateway_sync.runtime.lease_words import Word
from gateway_sync.wire_values import read_body

ANSWER_S: Final = 2.0
CONTENT_TYPE: Final = "application/msgpack"

_answers = msgspec.msgpack.Decoder(list[object])


class RelayedDoor:
    """A door to Redis by way of the control plane, which knows by the token for whom it asks."""

    def __init__(self, doors: Callable[[], Doors], environment: str, disk: str) -> None:
        """Connects with the first words. doors is asked each time, for the token changes."""
        self._doors, self._environment, self._disk = doors, environment, disk
        parts = urlsplit(doors().control_url)  # it may have a path prefix
        self._path = f"{parts.path.rstrip('/')}/gateway/v1/limits"
        self._connection = (
            http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=ANSWER_S, context=_tls())
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
        )
        self._turn = asyncio.Lock()  # one question at a time on the connection

    async def ask(self, words: Sequence[Word], *, is_urgent: bool = False) -> list[object]:  # noqa: ARG002 - as Door's
        """The answer to each word. Errors: DoorLost."""
        body = msgspec.msgpack.encode({"environment": self._environment, "disk": self._disk, "words": words})
        async with self._turn:
            content = await asyncio.to_thread(self._post, body)
        try:
            answers = read_body(_answers.decode, content)
        except ValueError as error:
            raise DoorLost("the control plane's answer cannot be read") from error
        if len(answers) != len(words):
            raise DoorLost("the control plane did not answer each word")
        return answers

    def _post(self, body: bytes) -> bytes:
        fields = {"Authorization": f"Bearer {self._doors().token}", "Content-Type": CONTENT_TYPE}
        try:
            self._connection.request("POST", self._path, body, fields)
            answer = self._connection.getresponse()
            content = read_answer(answer, time.monotonic() + ANSWER_S)
            answer.close()  # which leaves the connection for the next question
        except (OSError, http.client.HTTPException, ControlPlaneDown) as error:
            raise DoorLost(f"the control plane does not answer: {error}") from error
        if answer.status != http.HTTPStatus.OK:
            raise DoorLost(f"the control plane answers {answer.status}")
        return content

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
