"""`apim trace` in a terminal's table and for programs."""

from __future__ import annotations

import json

import pytest

from apim.usage.traces import keep_traces
from gateway_sync.trace_wire import Rival
from tests.apim.cli.conftest import Run
from tests.factories.gateways import enrolled_gateway
from tests.factories.traces import SECRET_ARM, TARGET, trace

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_call_is_explained_in_tables_and_whole_for_programs(apim: Run) -> None:
    told = trace(rivals=[Rival("sub_1", "prd_1", 0, "payment-required"), Rival("sub_2", "prd_2", 2)], detail="Because.")
    keep_traces(gateway=enrolled_gateway().gateway, traces=[told])

    table = apim("trace", told.request_id, "-o", "table")
    assert table.returncode == 0, table.stderr
    lines = [line.split() for line in table.stdout.splitlines()]
    assert ["detail", "Because."] in lines
    assert ["key-auth", "request", "passed", "0.009", "ms"] in lines
    assert ["rate-limit", "request", "would", "have", "refused", "-"] in lines
    assert ["compression", "answer", "changed", "0.080", "ms"] in lines
    assert [TARGET, SECRET_ARM, "unreached", "0.120", "ms", "0.000", "ms", "-", "unreached"] in lines
    assert [TARGET, "-", "200", "1.100", "ms", "0.400", "ms", "4.000", "ms", "-"] in lines
    assert ["withdraw", "POST", "/withdrawals", "201", "-", "0.010", "ms", "0.020", "ms"] in lines
    assert ["sub_1", "prd_1", "0", "payment-required"] in lines

    whole = json.loads(apim("trace", told.request_id, "-o", "json").stdout)
    assert len(whole["explanation"]["tries"]) == 2
