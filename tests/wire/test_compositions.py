"""Composite operations on the wire: the bank's transfer, whatever its service, its caller or its worker does."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upstreams import Reply
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.composed import (
    ORDER,
    Bank,
    ask,
    hold,
    leave,
    log_of,
    metric,
    snapshot_of,
    transfer,
)
from tests.wire.gateways import KEY, GatewayProcess, Home


@pytest.fixture(scope="module")
def running() -> Iterator[Bank]:
    with Bank() as bank:
        yield bank


@pytest.fixture(scope="module")
def gateway(running: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    home = Home(tmp_path_factory.mktemp("compositions"))
    home.install(snapshot_of(running))
    process = GatewayProcess(home).wait_ready()
    yield process
    process.stop()


@pytest.fixture
def bank(running: Bank) -> Bank:
    running.begin()
    return running


def test_a_transfer_is_checked_withdrawn_and_deposited(gateway: GatewayProcess, bank: Bank):
    status, document = transfer(gateway)
    assert (status, document["id"], document["amount"]) == (201, "trf-1", "100.00")
    assert (bank.balance("acc-1"), bank.balance("acc-2")) == ("5279.50", "976.40")
    assert bank.calls() == [
        "GET /accounts/acc-1",
        "GET /accounts/acc-2",
        "POST /accounts/acc-1/withdrawals",
        "POST /accounts/acc-2/deposits",
    ]


def test_services_are_told_whose_call_it_is_and_which_one(gateway: GatewayProcess, bank: Bank):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, _, fields = ask(gateway, "POST", "/bank/v1/transfers", ORDER, Traceparent=parent, **{"Idempotency-Key": "mine"})
    keys = {arrival.all("idempotency-key")[0] for arrival in bank.arrivals}
    assert keys == {f"{fields['X-Request-Id']}.{name}" for name in ("payer", "payee", "withdraw", "deposit")}
    for arrival in bank.arrivals:
        assert arrival.all("x-apim-application") == ["app_1"]
        assert arrival.all("x-request-id") == [fields["X-Request-Id"]]
        assert arrival.all("x-api-key") == []
        assert arrival.all("traceparent")[0].split("-")[1] == parent.split("-")[1]


def test_steps_of_one_call_share_a_trace_though_the_caller_began_none(gateway: GatewayProcess, bank: Bank):
    transfer(gateway)
    assert len({arrival.all("traceparent")[0].split("-")[1] for arrival in bank.arrivals}) == 1


def test_too_little_money_is_the_answer_and_nothing_is_booked(gateway: GatewayProcess, bank: Bank):
    status, document = transfer(gateway, amount="9999.00")
    assert (status, document["code"], document["step"]) == (409, "step-failed", "payer")
    assert document["detail"] == "The paying account is unknown or does not hold enough."
    assert [call for call in bank.calls() if call.startswith("POST")] == []


def test_a_deposit_that_fails_undoes_the_withdrawal(gateway: GatewayProcess, bank: Bank):
    before = metric(gateway, "apim_composites_undone_total")
    status, document = transfer(gateway, to="acc-6")
    assert (status, document["step"], document["undone"]) == (502, "deposit", ["withdraw"])
    assert bank.balance("acc-1") == "5379.50"
    assert bank.calls()[-1] == "POST /reversals"
    assert metric(gateway, "apim_composites_undone_total") == before + 1


def test_a_withdrawal_that_cannot_be_undone_is_told_to_all(gateway: GatewayProcess, bank: Bank):
    before = metric(gateway, "apim_composites_not_undone_total")
    bank.faults["/reversals"] = lambda: Reply(b"{}", 503)
    status, document = transfer(gateway, "v2", to="acc-6")
    assert (status, document["code"], document["not_undone"]) == (500, "not-undone", ["withdraw"])
    assert bank.calls().count("POST /reversals") == 2
    assert metric(gateway, "apim_composites_not_undone_total") == before + 1
    assert f"of request {document['request_id']} failed and is not undone" in log_of(gateway)


def test_a_reversal_that_works_at_the_second_time_is_enough(gateway: GatewayProcess, bank: Bank):
    answers = iter([Reply(b"{}", 503)])
    bank.faults["/reversals"] = lambda: next(answers, None)
    status, document = transfer(gateway, "v2", to="acc-6")
    assert (status, document["undone"]) == (502, ["withdraw"])
    assert bank.balance("acc-1") == "5379.50"


def test_a_step_that_takes_too_long_may_have_taken_effect_and_is_undone_too(gateway: GatewayProcess, bank: Bank):
    _, release, bank.faults["/deposits"] = hold()
    status, document = transfer(gateway, "v7")
    assert (status, document["step"], document["undone"]) == (502, "deposit", ["withdraw", "deposit"])
    assert "did not answer in time" in document["detail"]
    release.set()
    wait_until(lambda: bank.calls().count("POST /reversals") >= 2, "both reversals")
    assert (bank.balance("acc-1"), bank.balance("acc-2")) == ("5379.50", "876.40")


def test_the_time_for_all_steps_ends_the_call(gateway: GatewayProcess, bank: Bank):
    _, release, bank.faults["/accounts/acc-2"] = hold()
    status, document = transfer(gateway, "v3")
    release.set()
    assert (status, document["code"]) == (504, "upstream-timeout")


def test_an_answer_beyond_the_bound_fails_the_step(gateway: GatewayProcess, bank: Bank):
    status, document = transfer(gateway, "v4")
    assert (status, document["code"]) in {(409, "step-failed"), (502, "step-failed")}
    assert [call for call in bank.calls() if call.startswith("POST")] == []


def test_a_body_beyond_the_bound_is_refused(gateway: GatewayProcess, bank: Bank):
    status, document = transfer(gateway, text="x" * 20_000)
    assert (status, document["code"], bank.arrivals) == (413, "body-too-large", [])


@pytest.mark.parametrize("body", [b"", b"[1", b'{"to": "acc-2", "amount": "1.00"}'], ids=["none", "broken", "partial"])
def test_a_body_that_lacks_a_value_is_the_callers_fault(gateway: GatewayProcess, bank: Bank, body: bytes):
    failed = metric(gateway, "apim_upstream_errors_total")
    status, document, _ = ask(gateway, "POST", "/bank/v1/transfers", body)
    assert (status, document["code"]) == (400, "invalid-request")
    assert "{request.body.from} is not there" in document["detail"]
    assert metric(gateway, "apim_upstream_errors_total") == failed


def test_a_body_in_chunks_is_as_good(gateway: GatewayProcess, bank: Bank):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_S)
    content = json.dumps(ORDER).encode()
    pieces = iter([content[:9], content[9:]])
    connection.request("POST", "/bank/v1/transfers", pieces, {"X-API-Key": KEY}, encode_chunked=True)
    assert connection.getresponse().status == 201
    connection.close()


def test_a_step_may_call_another_api_of_the_same_organization(gateway: GatewayProcess, bank: Bank):
    assert transfer(gateway, "v5")[0] == 201


def test_a_step_never_calls_an_api_of_another_organization(gateway: GatewayProcess, bank: Bank):
    status, document = transfer(gateway, "v6")
    assert (status, document["step"], document["undone"]) == (502, "deposit", ["withdraw"])
    assert "does not run here" in document["detail"]


def test_what_the_upstream_is_set_to_holds_for_steps_too(gateway: GatewayProcess, bank: Bank):
    answers = iter([Reply(b"{}", 503)])
    bank.faults["/accounts/acc-1"] = lambda: next(answers, None)
    assert transfer(gateway, "v8")[0] == 201
    assert sum(arrival.target == "/accounts/acc-1" for arrival in bank.arrivals) == 2


def test_a_step_that_was_never_sent_is_not_undone(gateway: GatewayProcess, bank: Bank):
    status, document = transfer(gateway, "v9")
    assert (status, document["step"], document["undone"]) == (502, "deposit", ["withdraw"])
    assert "cannot be reached" in document["detail"]
    assert bank.calls().count("POST /reversals") == 1


def test_a_stranger_is_refused_before_anything_is_called(gateway: GatewayProcess, bank: Bank):
    status, _, _ = ask(gateway, "POST", "/bank/v1/transfers", ORDER, **{"X-API-Key": "apim_live_no"})
    assert (status, bank.arrivals) == (401, [])


def test_what_was_withdrawn_is_given_back_when_the_caller_leaves(gateway: GatewayProcess, bank: Bank):
    reached, release, bank.faults["/deposits"] = hold()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_S)
    connection.request("POST", "/bank/v1/transfers", json.dumps(ORDER), {"X-API-Key": KEY})
    assert reached.wait(PATIENCE_S)
    aborted = metric(gateway, "apim_aborted_total")
    leave(connection)
    wait_until(lambda: metric(gateway, "apim_aborted_total") > aborted, "the gateway notices")
    wait_until(lambda: metric(gateway, "apim_kept_body_bytes") > len(json.dumps(ORDER)), "its bodies still count")
    release.set()
    wait_until(lambda: bank.calls().count("POST /reversals") >= 2, "both bookings are undone")
    wait_until(lambda: metric(gateway, "apim_kept_body_bytes") == 0, "its bodies count no more")
    wait_until(lambda: bank.balance("acc-1") == "5379.50", "the money is back")
    assert bank.balance("acc-2") == "876.40"


def test_hanging_composites_are_bounded_and_leave_plain_routes_alone(bank: Bank, tmp_path: Path):
    home = Home(tmp_path)
    home.install(snapshot_of(bank, most=4))  # a caller gets half of them
    process = GatewayProcess(home)
    _, release, fault = hold()
    arrived = threading.Semaphore(0)

    def stall() -> Reply | None:
        arrived.release()
        return fault()

    bank.faults["/withdrawals"] = stall
    statuses: list[int] = []
    callers = [threading.Thread(target=lambda: statuses.append(transfer(process)[0])) for _ in range(2)]
    try:
        process.wait_ready()
        for caller in callers:
            caller.start()
            assert arrived.acquire(timeout=PATIENCE_S)
        status, document, fields = ask(process, "POST", "/bank/v1/transfers", ORDER)
        assert (status, document["code"], fields["Retry-After"]) == (503, "overloaded", "1")
        assert [ask(process, "GET", "/bank/v1/accounts")[0] for _ in range(20)] == [200] * 20
        assert metric(process, "apim_composites_refused_total") == 1
        wait_until(lambda: metric(process, "apim_composites_under_way") == 2, "the gauge tells")
        release.set()
        for caller in callers:
            caller.join(PATIENCE_S)
        assert statuses == [201, 201]
        assert transfer(process)[0] == 201
    finally:
        release.set()
        process.stop()


def test_a_worker_that_is_killed_leaves_word_of_what_nobody_undoes(bank: Bank, tmp_path: Path):
    home = Home(tmp_path)
    home.install(snapshot_of(bank))
    process = GatewayProcess(home)
    reached, release, bank.faults["/deposits"] = hold()
    try:
        process.wait_ready()
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE_S)
        connection.request("POST", "/bank/v1/transfers", json.dumps(ORDER), {"X-API-Key": KEY})
        assert reached.wait(PATIENCE_S)
        process.kill_worker(0)
        wait_until(lambda: "nobody undoes it" in log_of(process), "the next worker tells")
        told = next(line for line in log_of(process).splitlines() if "nobody undoes it" in line)
        assert told.endswith("called payer, called payee, called withdraw, called deposit")
        wait_until(lambda: metric(process, "apim_composites_interrupted_total") == 1, "it is counted")
        connection.close()
    finally:
        release.set()
        process.stop()


def test_a_worker_that_is_told_to_end_finishes_what_is_under_way(bank: Bank, tmp_path: Path):
    home = Home(tmp_path)
    home.install(snapshot_of(bank))
    process = GatewayProcess(home)
    reached, release, bank.faults["/deposits"] = hold()
    try:
        process.wait_ready()
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE_S)
        connection.request("POST", "/bank/v1/transfers", json.dumps(ORDER), {"X-API-Key": KEY})
        assert reached.wait(PATIENCE_S)
        aborted = metric(process, "apim_aborted_total")
        leave(connection)
        wait_until(lambda: metric(process, "apim_aborted_total") > aborted, "the gateway notices")
        process.process.terminate()
        release.set()
        wait_until(lambda: bank.calls().count("POST /reversals") >= 2, "both bookings are undone")
    finally:
        release.set()
        process.stop()
