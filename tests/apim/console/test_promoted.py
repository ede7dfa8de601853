"""What a promotion would change has names that people read, each of them."""

from __future__ import annotations

import pytest
from django.utils import translation

from apim.console.promoted import field_words, item_words, kept_words, side_words
from apim.gateways.hosts import FIELDS as HOST_FIELDS
from apim.platform.promotion.changes import Change, Field
from apim.platform.promotion.states import ISSUER_FIELDS, LIMITS, Item
from apim.products.models import Ceiling

_OTHERS = ("revision", "operations", "targets", "policies", "settings", "organization", "organizations", "hosts")
_VERSION = Change(Item("version", "bank/v1", "bank v1", {}), {})
_ON = True
_POLICY = Change(Item("policy", "rate-limit", "rate-limit", {}), {})


@pytest.mark.parametrize("name", [*HOST_FIELDS, *ISSUER_FIELDS, *LIMITS, *Ceiling.LIMITS, *_OTHERS])
def test_every_field_that_may_differ_has_a_name(name: str) -> None:
    with translation.override("ja"):
        words = field_words(Field(name, None, None))

    assert words != name
    assert "_" not in words


def test_values_are_said_as_forms_say_them() -> None:
    sides = [
        side_words(["cors", "rate-limit"], _VERSION, Field("policies", [], [])),
        side_words({"limit": "5/s"}, _POLICY, Field("settings", None, None)),
        side_words({}, _POLICY, Field("settings", None, None)),
        side_words("required", _VERSION, Field("client_certificates", "off", "required")),
        side_words(_ON, _VERSION, Field("is_for_all", None, _ON)),
        side_words(None, _VERSION, Field("revision", None, 3)),
        side_words(0, _VERSION, Field("hsts_max_age_s", 5, 0)),
    ]

    assert sides == [
        "Cross-origin calls (CORS), Rate limit",
        "Limit: 5/s",
        "nothing",
        "Required",
        "yes",
        "nothing",
        "0",
    ]
    assert item_words(_POLICY) == "Rate limit"


def test_what_stays_is_told_by_kind() -> None:
    kept = ("host:a.example.com", "host:b.example.com", "policy:rate-limit")

    assert kept_words(kept) == "Hosts: a.example.com, b.example.com; Policies of the environment: Rate limit"
