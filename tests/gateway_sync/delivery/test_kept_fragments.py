"""Fragments of a whole state are read and encoded once for all gateways that ask within a moment."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway_sync.delivery.kept_fragments import KeptFragments
from gateway_sync.delivery.models import Fragment
from gateway_sync.delivery.push import AccessPage, Update, encode_update
from gateway_sync.runtime.updates import decode_update

pytestmark = pytest.mark.django_db

BODIES = {f"{number:064x}": f'{{"text":"é {number}"}}' for number in range(120)}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_gateway_reads_the_same_and_the_database_is_asked_once() -> None:
    Fragment.objects.bulk_create(Fragment(digest=digest, body=body) for digest, body in BODIES.items())
    clock = Clock()
    kept = KeptFragments(clock)
    asked = []
    for clock.now in (0.0, 9.0, 19.0):
        with CaptureQueriesContext(connection) as queries:
            update = Update("default", AccessPage(0, 0), fragments=kept.texts(set(BODIES)))
        assert decode_update(encode_update(update)).fragments == BODIES
        asked.append(len(queries))
    assert asked == [1, 0, 1]


def test_few_are_read_as_they_are() -> None:
    Fragment.objects.create(digest="a" * 64, body="{}")
    assert KeptFragments().texts({"a" * 64, "b" * 64}) == {"a" * 64: "{}"}
