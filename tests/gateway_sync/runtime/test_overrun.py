"""What takes too long is ended where it stands; what ends in time is not disturbed, then or later."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gateway_sync.runtime.overrun import Overrun, ended_after
from tests.wire.other_kinds import install

ROOT = Path(__file__).parents[3]

# Kinds of another package: one spins as it is bound to a route, whatever it catches, and one cannot read its settings.
SPINNING = """
from dataclasses import dataclass
from gateway_sync.policies.descriptions import Description

DESCRIPTION = Description("spinning", "Spinning", "Never ends.", (), "spinning: {}")

@dataclass(frozen=True)
class POLICY:
    pass

def parse(settings, where):
    if settings.get("is_broken"):
        raise ZeroDivisionError("no such number")
    return POLICY(), ()

def dump(policy):
    return {}

def bind(policy, facts):
    while True:
        try:
            sum(range(1000))
        except Exception:
            pass
"""
PROGRAM = """
from gateway_sync.policies import read_policy
from gateway_sync.problems import Where
from gateway_sync.runtime.rehearsal import Rehearsal
from gateway_sync.snapshot import API, Policy
from tests.gateway_sync.builders import KEY
from tests.wire.gateways import make_environment, make_version

for policies in ((Policy("spinning", {}),), ()):
    version = make_version(9101, policies=policies)
    api = API("api_1", "bank", "org_1", "X-API-Key", (version,))
    print([str(fault) for fault in Rehearsal(KEY, budget_s=0.3).version(api, version, make_environment())])
print([problem.code for problem in read_policy("spinning", {"is_broken": True}, Where("version", "ver_1"))[1]])
"""


def test_what_spins_is_ended_though_it_catches_exceptions() -> None:
    def spin() -> None:
        while True:
            with suppress(Exception):
                sum(range(1000))

    with pytest.raises(Overrun), ended_after(0.2):
        spin()


def test_what_ends_in_time_is_not_disturbed_even_later() -> None:
    for _ in range(3):
        with ended_after(0.05):
            pass
    assert sum(range(5_000_000)) > 0  # far more than that of the processor


def test_a_version_whose_policy_spins_is_refused_and_the_next_one_is_loaded(tmp_path: Path) -> None:
    install(tmp_path, "spinning", SPINNING)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    spun, loaded, broken = done.stdout.splitlines()
    assert "takes too long to load" in spun
    assert loaded == "[]"
    assert broken == "['policy.E012']"
