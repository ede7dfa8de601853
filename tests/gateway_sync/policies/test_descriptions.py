"""What is written about policies is what they do."""

from __future__ import annotations

import pytest
import yaml12

from gateway_sync.policies import DESCRIPTIONS, KINDS, dump_policy, parse_policy
from gateway_sync.problems import Where
from gateway_sync.runtime.core.refusals import CODES

# Kinds of which something must be said, and nothing is required.
ONE_OF: dict[str, dict[str, object]] = {
    "ip-filter": {"deny": ["10.0.0.0/8"]},
    "request-headers": {"remove": ["X-A"]},
    "response-headers": {"remove": ["X-A"]},
    "query": {"remove": ["a"]},
    "path-rewrite": {"prefix": "/v2"},
    "fault": {"delay": "1s"},
}


def where_of(kind: str) -> Where:
    return Where("environment" if DESCRIPTIONS[kind].is_of_environment else "version", "x", "policies")


def test_every_kind_is_described_in_the_order_in_which_kinds_act() -> None:
    assert tuple(DESCRIPTIONS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_accepted(kind: str) -> None:
    (policy,) = yaml12.parse_yaml(f"- {DESCRIPTIONS[kind].example}")
    value, problems = parse_policy(kind, policy[kind], where_of(kind))
    assert problems == ()
    assert value is not None


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_described_with_its_default_and_what_is_required(kind: str) -> None:
    description = DESCRIPTIONS[kind]
    (policy,) = yaml12.parse_yaml(f"- {description.example}")
    value, _ = parse_policy(kind, policy[kind], where_of(kind))
    assert value is not None
    assert [setting.name for setting in description.settings] == list(dump_policy(value))
    _, problems = parse_policy(kind, {}, where_of(kind))
    missing = {problem.where.field.rpartition(".")[2] for problem in problems if problem.code.endswith("E003")}
    assert {setting.name for setting in description.settings if setting.is_required} == missing & set(
        dump_policy(value)
    )

    required = {setting.name: policy[kind][setting.name] for setting in description.settings if setting.is_required}
    required |= ONE_OF.get(kind, {})
    plain, problems = parse_policy(kind, required, where_of(kind))
    written = {
        setting.name: _written(setting.type, setting.default) for setting in description.settings if setting.default
    }
    explicit, more = parse_policy(kind, {**required, **written}, where_of(kind))
    assert (plain, problems + more) == (explicit, ())


def test_every_refusal_is_a_code_of_the_gateway() -> None:
    assert {each.refusal for each in DESCRIPTIONS.values() if each.refusal} <= set(CODES)


def _written(type_name: str, default: str) -> object:
    if type_name == "flag":
        return default == "true"
    if type_name == "number":
        return int(default)
    return default.split(", ") if type_name in {"words", "methods", "networks"} else default
