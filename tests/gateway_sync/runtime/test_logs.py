"""Logs of a gateway as JSON lines, in the fields of web's."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from apim.config import correlation
from gateway_sync.runtime.logs import JSONFormatter, of_request
from tests.waiting import PATIENCE_S
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version


def record(**extra: str) -> logging.LogRecord:
    return logging.getLogger("gateway.test").makeRecord(
        "gateway.test", logging.WARNING, "file.py", 1, "it %s", ("fails\nhere",), None, extra=extra
    )


def test_a_line_has_the_fields_of_the_webs_and_names_its_process_and_its_request() -> None:
    line = JSONFormatter("worker 7").format(record(**of_request(b"req-1")))
    told = json.loads(line)
    assert "\n" not in line
    assert told.keys() - {"process"} == json.loads(correlation.JSONFormatter().format(record())).keys()
    assert (told["process"], told["request_id"], told["message"], told["level"]) == (
        "worker 7", "req-1", "it fails\nhere", "WARNING",
    )  # fmt: skip
    assert json.loads(JSONFormatter("gateway").format(record()))["request_id"] == ""


def test_all_that_a_gateway_writes_is_json_also_why_it_does_not_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(make_snapshot([make_version(1)]))
    variables = {"APIM_LOG_FORMAT": "json"}
    gateway = GatewayProcess(home, variables=variables).wait_ready()
    try:
        second = GatewayProcess(home, variables=variables)
        assert second.process.wait(PATIENCE_S) == 1
        second.log.close()
    finally:
        gateway.stop()
    told = [json.loads(line) for line in (tmp_path / "gateway.log").read_text().splitlines()]
    assert any(line["message"].startswith("Another gateway runs in") for line in told)
    assert {line["process"].partition(" ")[0] for line in told} <= {"gateway", "worker"}


def test_what_no_utf8_can_hold_costs_no_line() -> None:
    odd = logging.getLogger("gateway.test").makeRecord(
        "gateway.test", logging.WARNING, "file.py", 1, "no file %s", ("\udcff",), None
    )
    assert json.loads(JSONFormatter("gateway").format(odd))["message"] == "no file \\udcff"
