"""Groups of upstream settings: round trips, faults that say how to mend them, words that match the code."""

from __future__ import annotations

import pytest
import yaml12

from gateway_sync.problems import Where
from gateway_sync.upstreams import DESCRIPTIONS, KINDS, UpstreamSettings, dump_settings, parse_settings

WHERE = Where("version", "ver_1", "upstream")

FAULTS = [
    ({"caching": {}}, "upstream.E007", "upstream.caching"),
    ({"balancing": []}, "upstream.E008", "upstream.balancing"),
    ({"balancing": {"algorithm": "fastest"}}, "balancing.E002", "upstream.balancing.algorithm"),
    ({"balancing": {"algorithm": "consistent-hash", "hashOn": "header"}}, "balancing.E003", "upstream.balancing.name"),
    ({"balancing": {"name": "a b"}}, "balancing.E002", "upstream.balancing.name"),
    ({"balancing": {"bound": 99}}, "balancing.E002", "upstream.balancing.bound"),
    ({"healthCheck": {"path": "health"}}, "health_check.E002", "upstream.healthCheck.path"),
    ({"healthCheck": {"path": "/a b"}}, "health_check.E002", "upstream.healthCheck.path"),
    ({"healthCheck": {"interval": "10ms"}}, "health_check.E002", "upstream.healthCheck.interval"),
    ({"healthCheck": {"pfad": "/"}}, "health_check.E001", "upstream.healthCheck.pfad"),
    ({"ejection": {"most": 101}}, "ejection.E002", "upstream.ejection.most"),
    ({"slowStart": {"over": "soon"}}, "slow_start.E002", "upstream.slowStart.over"),
    ({"breaker": {"trials": 0}}, "breaker.E002", "upstream.breaker.trials"),
    ({"limits": {"connections": 0}}, "limits.E002", "upstream.limits.connections"),
    ({"retries": {"methods": ["POST"]}}, "retries.E002", "upstream.retries.methods"),
    ({"retries": {"statuses": ["200"]}}, "retries.E002", "upstream.retries.statuses"),
    ({"retries": {"errors": ["all"]}}, "retries.E002", "upstream.retries.errors"),
    ({"canary": {}}, "canary.E003", "upstream.canary.arms"),
    ({"canary": {"arms": ["a=1", "a=2"]}}, "canary.E002", "upstream.canary.arms"),
    ({"canary": {"arms": ["a=0"]}}, "canary.E002", "upstream.canary.arms"),
    ({"canary": {"arms": ["a"]}}, "canary.E002", "upstream.canary.arms"),
    ({"mirror": {"share": 10}}, "mirror.E003", "upstream.mirror.url"),
    ({"discovery": {"every": "10ms"}}, "discovery.E002", "upstream.discovery.every"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_group_is_good_and_survives_a_round_trip(kind: str) -> None:
    written = yaml12.parse_yaml(DESCRIPTIONS[kind].example)
    settings, problems = parse_settings(written, WHERE)
    assert not problems
    dumped = dump_settings(settings)
    assert parse_settings(dumped, WHERE) == (settings, ())
    assert dump_settings(parse_settings(dumped, WHERE)[0]) == dumped


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"canary", "mirror"}])
def test_the_defaults_that_a_group_tells_are_those_it_has(kind: str) -> None:
    told = {setting.name: _written(setting.type, setting.default) for setting in DESCRIPTIONS[kind].settings}
    given = {name: value for name, value in told.items() if value != ""}
    assert parse_settings({kind: given}, WHERE) == parse_settings({kind: {}}, WHERE)


@pytest.mark.parametrize(("given", "code", "field"), FAULTS)
def test_what_is_wrong_is_told_where_it_is(given: dict[str, object], code: str, field: str) -> None:
    _, problems = parse_settings(given, WHERE)
    assert [(problem.code, problem.where.field) for problem in problems] == [(code, field)]


def test_nothing_given_is_nothing_set() -> None:
    assert parse_settings({}, WHERE) == (UpstreamSettings(), ())
    assert dump_settings(UpstreamSettings()) == {}


def _written(kind: str, text: str) -> object:
    if not text:
        return ""
    if kind in {"words", "methods"}:
        return text.split(", ")
    if kind == "flag":
        return text == "true"
    return int(text) if kind == "number" else text
