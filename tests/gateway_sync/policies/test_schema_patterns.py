"""Patterns of schemas: those that could be matched for long are refused, where they stand (hostile input H26)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from gateway_sync.policies.contracts import OperationContract
from gateway_sync.policies.schema_patterns import fault_of_pattern, patterns_in
from gateway_sync.policies.validate_request import ValidateRequest, bind
from gateway_sync.policies.views import RouteFacts, Unbindable


@dataclass(frozen=True)
class Written:
    """A schema of a body."""

    schema: object
    definitions: tuple[tuple[str, str], ...] = ()

    def bind(self) -> None:
        contract = OperationContract((), True, (("application/json", json.dumps(self.schema)),), ())  # noqa: FBT003
        bind(ValidateRequest(), RouteFacts("POST /a", "POST", "/a", contract, self.definitions))


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]+$", "(x+x+)+y", "^(a|b|ab)*c$", "^.{0,255}$", "^[a-zA-Z0-9]{1,1000}$", r"^\p{L}+$",
        r"^[\w.-]+@[\w-]+\.[a-z]{2,63}$",
        "^(?:[0-9a-f]{8}-){3}[0-9a-f]{12}$", r"^\d{4}-\d{2}(?:-\d{2})?$", "(?<year>[0-9]{4})", "a{,5}", "{",
        "^[]]$", "",
    ],
)  # fmt: skip
def test_what_is_matched_in_one_go_is_taken(pattern: str) -> None:
    assert fault_of_pattern(pattern) == ""


@pytest.mark.parametrize(
    "pattern",
    [
        "([a-z]{1,200}){1,50}[0-9]", "([a-z]{1,50}){1,60}[0-9]", "(a?){1001}", "((a{10}){10}){11}", "a{32}{32}",
        "a{1000,}", "([a-z]{,50}){,60}",
        "[]([a-z]{1,50}){1,60}]", "[[]([a-z]{1,50}){1,60}]", r"\[([a-z]{1,50}){1,60}", r"(\p{L}{50}){30}",
    ],
)  # fmt: skip
def test_repetitions_that_multiply_are_refused(pattern: str) -> None:
    assert "parts when written out" in fault_of_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"^(?=.*\d).+$", "^(?!admin)", "(?<=a)b", "(?<!a)b", r"(a)\1", r"(?<n>a)\k<n>", "(?x) a {9}", "(?i)a"]
)
def test_what_looks_around_or_back_or_sets_flags_is_refused(pattern: str) -> None:
    assert fault_of_pattern(pattern)


def test_patterns_are_found_wherever_they_stand_and_data_is_none() -> None:
    schema = {
        "properties": {
            "pattern": {"type": "string", "pattern": "a"},
            "b/c": {"items": [{"anyOf": [{"pattern": "b"}]}]},
            "d": {"const": {"pattern": "no"}, "enum": [{"pattern": "no"}], "default": {"pattern": "no"}},
        },
        "patternProperties": {"^x-": {"pattern": "c"}},
    }
    assert list(patterns_in(schema)) == [
        ("#/properties/pattern/pattern", "a"),
        ("#/properties/b~1c/items/0/anyOf/0/pattern", "b"),
        ("#/patternProperties", "^x-"),
        ("#/patternProperties/^x-/pattern", "c"),
    ]


def test_a_schema_with_a_slow_pattern_cannot_be_bound_and_its_place_is_named() -> None:
    Written({"$ref": "#/$defs/Account"}, (("Account", '{"properties":{"owner":{"pattern":"^[a-z]+$"}}}'),)).bind()
    slow = json.dumps({"properties": {"owner": {"pattern": "^(?=a).*(b|b)*$"}}})
    with pytest.raises(Unbindable, match=r"the pattern at #/\$defs/Account/properties/owner/pattern of its document"):
        Written({"$ref": "#/$defs/Account"}, (("Account", slow),)).bind()
    with pytest.raises(Unbindable, match="#/patternProperties"):
        Written({"patternProperties": {"([a-z]{1,50}){1,60}": True}}).bind()
    with pytest.raises(Unbindable, match="malformed, too large"):
        Written({"items": {"pattern": r"^\p{L}{900}$"}}).bind()
