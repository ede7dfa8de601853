"""Drafts tried before anybody publishes them: real gateway code in a process of its own, and nothing left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apim.accounts.models import Organization
from apim.catalog import services
from apim.catalog.models import APIVersion
from apim.catalog.trial_calls import SHOWN_BYTES, Call
from apim.errors import Conflict, Invalid
from apim.gateways.models import AccessRecord, Environment
from apim.products.limits import Terms
from apim.products.models import Plan
from gateway_sync.delivery.candidates import NOBODY, As, Trial, callers_of, state_of, try_call, trying
from gateway_sync.delivery.models import Publication
from gateway_sync.runtime import candidate
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.factories.products import plan, product
from tests.upstreams import Arrival, Reply, Upstream, echo

GET = Call("GET", "/accounts")


@pytest.fixture
def place(environment: Environment) -> Environment:
    """An environment whose upstreams may be on this host."""
    environment.allowed_networks = ["127.0.0.0/8"]
    environment.save(update_fields=["allowed_networks"])
    return environment


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Neither a process nor a folder remains of any trial."""
    yield
    listed = subprocess.run(["ps", "-eo", "ppid,args"], check=True, capture_output=True, text=True).stdout
    ours = [line for line in listed.splitlines() if line.split(maxsplit=1)[0] == str(os.getpid())]
    assert not [line for line in ours if "gateway_sync.runtime.candidate" in line]
    folders = Path(tempfile.gettempdir()).glob("apim-trial-*")
    assert not [folder for folder in folders if folder.stat().st_uid == os.getuid() and _is_of_now(folder)]


def _is_of_now(folder: Path) -> bool:
    """Others test beside us: what stands for longer than any of their trials is left over."""
    return time.time() - folder.stat().st_mtime > 60


def draft(acme: Organization, upstream: str, policies: list[dict[str, Any]], **more: Any) -> APIVersion:
    """A version with one revision that nobody published."""
    version = services.create_version(api=catalog.api(organization=acme, name="bank"), name="v1", by=TESTER)
    services.save_revision(
        version=version,
        by=TESTER,
        operations=catalog.OPERATIONS,
        upstream={"targets": [{"url": upstream}], **more},
        policies=policies,
    )
    return version


def tried(place: Environment, version: APIVersion, call: Call = GET, caller: As = NOBODY) -> Trial:
    """What comes of a call to the newest revision."""
    revision = version.revisions.select_related("version__api", "version__successor").latest("number")
    stated = state_of(place, revision, caller)
    assert stated.is_there, stated.problems
    return try_call(place, version, stated, call, address="192.0.2.7", whose="usr_tester")


def answered(trial: Trial) -> Any:
    """What the service echoed."""
    assert trial.answer is not None, (trial.failure, trial.hint)
    assert trial.answer.status == 200, trial.answer
    return json.loads(trial.answer.body)


ANONYMOUS: dict[str, Any] = {"key-auth": {"anonymous": True}}


def test_without_a_key_a_draft_refuses_as_its_gateway_will(place: Environment, acme: Organization) -> None:
    with Upstream() as service:
        trial = tried(place, draft(acme, service.url, []))
        assert trial.answer is not None
        assert (trial.answer.status, trial.answer.code) == (401, "unauthenticated")
        assert trial.trace is not None
        assert (trial.trace.status, trial.trace.code) == (401, "unauthenticated")
        assert not service.arrivals


def test_as_a_subscriber_of_a_plan_the_call_reaches_the_service_by_the_draft_s_policies(
    place: Environment, acme: Organization
) -> None:
    with Upstream() as service:
        version = draft(acme, service.url, [{"request-headers": {"set": {"X-Draft": "yes"}}}])
        plan(organization=acme, name="starter")
        (starter,) = callers_of(version, Plan.objects.all())
        trial = tried(place, version, Call("GET", "/accounts/7", "a=1"), starter)
        assert answered(trial)["target"] == "/accounts/7?a=1"
        assert service.arrivals[0].all("x-draft") == ["yes"]
        assert not service.arrivals[0].all("x-api-key")
        assert trial.trace is not None
        assert trial.trace.operation == "GET /accounts/{id}"
        assert [each.kind for each in trial.trace.policies if each.kind == "request-headers"]
        assert trial.trace.tries[0].status == 200


def test_nothing_of_it_is_stored_published_or_counted(place: Environment, acme: Organization) -> None:
    with Upstream() as service:
        version = draft(acme, service.url, [])
        plan(organization=acme, name="starter", terms=Terms(quotas=({"requests": 1, "per": "day"},)))
        before = Publication.objects.count(), AccessRecord.objects.count()
        for _ in range(2):  # its quota is one: each trial begins anew
            answered(tried(place, version, GET, callers_of(version, Plan.objects.all())[0]))
        place.refresh_from_db()
        version.refresh_from_db()
        assert (Publication.objects.count(), AccessRecord.objects.count()) == before
        assert version.state == APIVersion.State.DRAFT


def test_a_product_opens_what_it_opens(place: Environment, acme: Organization) -> None:
    with Upstream() as service:
        version = draft(acme, service.url, [])
        services.publish_version(version=version, by=TESTER)
        product(version=version, operations=["GET /accounts/{id}"], plans=[plan(organization=acme)], name="some")
        plan(organization=acme, name="zz-other")
        offered, other = callers_of(version, Plan.objects.all())
        assert (offered.product_name, other.product_name) == ("some", "")
        refused = tried(place, version, GET, offered).answer
        assert refused is not None
        assert refused.code == "no-subscription"
        answered(tried(place, version, GET, other))


def test_addresses_that_the_environment_forbids_are_not_reached(environment: Environment, acme: Organization) -> None:
    with Upstream() as service:
        environment.allowed_networks, environment.allow_public_networks = [], True
        environment.save()
        named = service.url.replace("127.0.0.1", "localhost")  # what a name leads to is known at the call alone
        trial = tried(environment, draft(acme, named, [ANONYMOUS]))
        assert trial.answer is not None
        assert trial.answer.status in {502, 503}
        assert not service.arrivals


def test_the_caller_s_address_is_that_of_who_tries(place: Environment, acme: Organization) -> None:
    with Upstream() as service:
        allowed = tried(place, draft(acme, service.url, [ANONYMOUS, {"ip-filter": {"allow": ["192.0.2.0/24"]}}]))
        answered(allowed)


def test_a_service_that_hangs_is_told_with_how_far_the_call_came(
    place: Environment, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "ANSWERS_S", 0.7)
    over = threading.Event()

    def hang(arrival: Arrival) -> Reply:
        over.wait(20)
        return echo(arrival)

    with Upstream(hang) as service:
        trial = tried(place, draft(acme, service.url, [ANONYMOUS]))
        over.set()
    assert trial.answer is None
    assert "slow or hangs" in trial.hint
    assert trial.trace is not None
    assert trial.trace.tries[0].target.endswith(service.url.rpartition(":")[2])


def test_the_draft_s_own_timeout_answers_before_ours(place: Environment, acme: Organization) -> None:
    over = threading.Event()

    def hang(arrival: Arrival) -> Reply:
        over.wait(20)
        return echo(arrival)

    with Upstream(hang) as service:
        trial = tried(place, draft(acme, service.url, [ANONYMOUS], timeout_s=0.5))
        over.set()
    assert trial.answer is not None
    assert trial.answer.status == 504


def test_of_a_giant_answer_the_beginning_is_shown(place: Environment, acme: Organization) -> None:
    with Upstream(lambda _: Reply(b"x" * 20_000_000, content_type="text/plain")) as service:
        trial = tried(place, draft(acme, service.url, [ANONYMOUS]))
    assert trial.answer is not None
    assert trial.answer.is_cut
    assert len(trial.answer.body) == SHOWN_BYTES


@pytest.mark.parametrize(
    ("end", "told"),
    [(signal.SIGKILL, "came to an end"), (signal.SIGXCPU, "more than 10 seconds of the processor")],
    ids=["dies", "spins"],
)
def test_a_gateway_that_ends_amid_the_call_is_told_with_why(
    place: Environment, acme: Organization, end: signal.Signals, told: str
) -> None:
    def kill(arrival: Arrival) -> Reply:
        for pid in _candidates():
            os.kill(pid, end)
        return echo(arrival)

    with Upstream(kill) as service:
        trial = tried(place, draft(acme, service.url, [ANONYMOUS]))
    assert trial.answer is None
    assert told in trial.failure


def test_a_gateway_that_stands_still_is_ended_and_told(
    place: Environment, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "ANSWERS_S", 0.7)
    monkeypatch.setattr(trying, "_LAST_WORD_S", 0.5)

    def freeze(arrival: Arrival) -> Reply:
        for pid in _candidates():
            os.kill(pid, signal.SIGSTOP)
        return echo(arrival)

    with Upstream(freeze) as service:
        trial = tried(place, draft(acme, service.url, [ANONYMOUS]))
    assert trial.answer is None
    assert "no sign of life" in trial.failure


def test_a_candidate_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    program = (
        "import os, socket, subprocess, sys\n"
        "ours, theirs = socket.socketpair()\n"
        "child = subprocess.Popen([sys.executable, '-m', 'gateway_sync.runtime.candidate', str(os.getpid()),"
        " str(theirs.fileno())], pass_fds=(theirs.fileno(),), stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=trying._ROOT
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for pipe in (parent.stdin, parent.stdout):
        assert pipe is not None
        pipe.close()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_cannot_be_put_on_the_wire_is_refused(place: Environment, acme: Organization) -> None:
    version = draft(acme, "http://127.0.0.1:1", [])
    with pytest.raises(Invalid):
        tried(place, version, Call("GET", "/../x"))
    with pytest.raises(Invalid):
        tried(place, version, Call("GET", "/accounts", headers={"X-A": "b\r\nc: d"}))


def test_only_so_many_run_at_once(place: Environment, acme: Organization) -> None:
    version = draft(acme, "http://127.0.0.1:1", [])
    others = [f"usr_{number}" for number in range(trying.AT_ONCE)]
    assert all(trying._places.take(each) for each in others)
    try:
        with pytest.raises(Conflict):
            tried(place, version)
    finally:
        for each in others:
            trying._places.give_back(each)


def test_who_waits_for_one_keeps_no_place_from_others(place: Environment, acme: Organization) -> None:
    version = draft(acme, "http://127.0.0.1:1", [])
    assert trying._places.take("usr_other")
    try:
        assert not trying._places.take("usr_other")
        assert tried(place, version).answer is not None
    finally:
        trying._places.give_back("usr_other")


def test_what_no_gateway_would_load_is_told_and_not_tried(place: Environment, acme: Organization) -> None:
    version = draft(acme, "http://127.0.0.1:1", [])
    revision = version.revisions.select_related("version__api").latest("number")
    revision.upstream = {}
    stated = state_of(place, revision, NOBODY)
    assert not stated.is_there
    assert stated.problems


def _candidates() -> list[int]:
    """The candidates of this process."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], check=True, capture_output=True, text=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [int(row[0]) for row in rows if row[1] == str(os.getpid()) and candidate.__name__ in row[2]]
