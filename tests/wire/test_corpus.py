"""The corpus: hundreds of malformed and ambiguous messages, each sent raw, with a recording upstream as the witness.

Promises R1, R2, H1, H2, H3, H4, H6, H10, H14, H15.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from gateway_sync.snapshot import Policy, Route
from tests.wire.corpus.answering import AnswerRun
from tests.wire.corpus.answers import AnswerRule
from tests.wire.corpus.case import MARK, Case, Forwarded, Rule, chunked
from tests.wire.corpus.conversation import Marks, Run, boundaries, send_all
from tests.wire.corpus.recorder import Answer, Recorder
from tests.wire.corpus.rules import ANSWER_RULES, REQUEST_RULES
from tests.wire.gateways import GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawClient

ROUTES = (
    Route("GET /accounts", "GET", "/accounts", ("prd_1",)),
    Route("POST /accounts", "POST", "/accounts", ("prd_1",)),
    Route("GET /users/{id}", "GET", "/users/{id}", ("prd_1",)),
    Route("GET /users/me", "GET", "/users/me", ("prd_other",)),
    Route("GET /closed", "GET", "/closed", ("prd_other",)),
    Route("* /open/{*}", "*", "/open/{*}", ("prd_1",)),
)
SHORT_BYTES = 700  # of a case that is sent byte by byte
GROUPS = 4
MARKS = Marks()


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A gateway in front of a recorder; at the end, nothing has arrived that no case sent."""
    with Recorder() as recorder:
        home = Home(tmp_path_factory.mktemp("corpus"))
        policies = (Policy("size-limit", {"max": 2**20}),)
        version = make_version(recorder.port, policies=policies, routes=ROUTES, timeout_ms=5000)
        environment = make_environment(address_rate_per_s=1_000_000, address_burst=1_000_000)
        home.install(make_snapshot([version], environment=environment))
        process = GatewayProcess(home)
        try:
            process.wait_ready()
            pids = process.pids()
            yield SimpleNamespace(recorder=recorder, port=process.port)
            assert process.pids() == pids, "a worker died"
        finally:
            process.stop()
        assert [message.head for message in recorder.messages if message.mark[:1] not in {b"c", b"f"}] == []


@pytest.mark.parametrize("rule", REQUEST_RULES, ids=lambda rule: rule.__name__)
def test_every_request_of_a_rule_comes_to_what_it_says(wire: SimpleNamespace, rule: Rule) -> None:
    """Twice, for the gateway remembers lines that it has judged, and what the heads of a connection have in common."""
    for warmth in (0, 3):
        runs = [Run(case, MARKS, warmth=warmth) for case in rule()]
        asyncio.run(send_all(runs, wire.port))
        assert _faults(runs, wire.recorder) == {}


@pytest.mark.parametrize("group", range(GROUPS))
def test_requests_come_to_the_same_however_they_are_cut(wire: SimpleNamespace, group: int) -> None:
    """Many rules at once: most of the time is waiting for one piece to be read apart from the next."""
    runs = []
    for rule in REQUEST_RULES[group::GROUPS]:
        cases = [case for case in rule() if len(case.raw) < SHORT_BYTES]
        runs += [Run(case, MARKS, range(1, len(case.raw))) for case in (*cases[:1], *cases[-1:])]
        runs += [Run(case, MARKS, [place]) for case in cases[:1] for place in boundaries(case)]
    asyncio.run(send_all(runs, wire.port, at_once=128))
    assert _faults(runs, wire.recorder) == {}


def _faults(runs: list[Run], recorder: Recorder) -> dict[str, list[str]]:
    """What went wrong, by case and by the mark that leads to it in the recorder."""
    found = {
        f"{run.case.name} {run.mark.decode()}": [*run.faults(recorder), run.answers.decode("latin-1")[:80]]
        for run in runs
    }
    return {name: faults for name, faults in found.items() if len(faults) > 1}


@pytest.mark.parametrize("rule", ANSWER_RULES, ids=lambda rule: rule.__name__)
def test_every_answer_of_a_rule_comes_to_what_it_says(wire: SimpleNamespace, rule: AnswerRule) -> None:
    """One after another: which connection serves the next request is a part of it."""
    found = {}
    for case in rule():
        run = AnswerRun(case, MARKS, wire.recorder)
        asyncio.run(run.send(wire.port))
        found[case.name] = [*run.faults()]
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_chunk_whose_size_alone_came_before_the_upstream_was_connected_is_read_on(wire: SimpleNamespace) -> None:
    """Nothing of its content is there to be sent yet, so nothing but the connection itself tells to read on."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    case = Case("", chunked(body), Forwarded(method=b"POST", length=-1, content=b"hello"))
    runs = [Run(case, MARKS, [len(case.raw) - len(body) + 1]) for _ in range(200)]  # more than are connected already
    asyncio.run(send_all(runs, wire.port, at_once=200))
    assert _faults(runs, wire.recorder) == {}


@pytest.mark.parametrize("bad", [b"zz\r\n", b"5\nhello", b"0\r\n X: folded\r\n\r\n", b"+1\r\nx\r\n"])
def test_malformed_chunk_after_the_answer_began_is_not_answered_in_its_midst(wire: SimpleNamespace, bad: bytes) -> None:
    """The client would read the refusal as content of the answer that it is being sent."""
    mark, _ = MARKS.take()
    wire.recorder.answers[mark] = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nbegun", is_early=True)
    with RawClient(wire.port) as client:
        client.send(chunked(b"5\r\nhello\r\n").replace(MARK, mark))
        began = client.socket.recv(65_536)
        while not began.endswith(b"begun"):
            began += client.socket.recv(65_536)
        client.send(bad)
        assert client.read_to_end() == b""
    assert [message.is_whole for message in wire.recorder.of(mark)] == [False]


def test_the_corpus_has_hundreds_of_cases_with_a_name_each() -> None:
    names = [(rule.__name__, case.name) for rule in (*REQUEST_RULES, *ANSWER_RULES) for case in rule()]
    assert len(names) == len(set(names))
    assert len(names) > 1000
