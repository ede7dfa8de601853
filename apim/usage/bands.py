"""Latencies as rows: the calls of a bucket of usage.histogram, and of the buckets after it. So one row tells a dozen.

Owns: which row holds a bucket, and how rows are read as buckets. Rows of earlier releases hold one bucket each: all
their calls are in the first. They say the same in more rows, and both kinds add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.db import models

WIDTH: Final = 16
SUMS: Final = ("calls", *(f"after_{place}" for place in range(1, WIDTH)))


class BandOfBuckets(models.Model):
    """Calls by how long they took.

    Shapes: calls are all of the row; of them after_n took as long as the n-th bucket after `bucket` says, the rest as
    long as `bucket` itself. New rows begin at a multiple of WIDTH.
    """

    bucket = models.PositiveSmallIntegerField()
    after_1 = models.BigIntegerField(db_default=0)
    after_2 = models.BigIntegerField(db_default=0)
    after_3 = models.BigIntegerField(db_default=0)
    after_4 = models.BigIntegerField(db_default=0)
    after_5 = models.BigIntegerField(db_default=0)
    after_6 = models.BigIntegerField(db_default=0)
    after_7 = models.BigIntegerField(db_default=0)
    after_8 = models.BigIntegerField(db_default=0)
    after_9 = models.BigIntegerField(db_default=0)
    after_10 = models.BigIntegerField(db_default=0)
    after_11 = models.BigIntegerField(db_default=0)
    after_12 = models.BigIntegerField(db_default=0)
    after_13 = models.BigIntegerField(db_default=0)
    after_14 = models.BigIntegerField(db_default=0)
    after_15 = models.BigIntegerField(db_default=0)

    class Meta:
        abstract = True


class _SumsOfBand(models.Aggregate):
    """SUMS of a group, written with commas: to make one expression takes Django a tenth of the time of sixteen."""

    template = "SUM(%(expressions)s)"
    arg_joiner = ") || ',' || SUM("
    output_field = models.TextField()

    def __init__(self) -> None:
        super().__init__(*SUMS)


def sums_by(rows: models.QuerySet[Any], *names: str) -> Iterator[tuple[Any, ...]]:
    """What rows that are alike in these fields add up to, for buckets_by. One query."""
    for *key, bucket, told in rows.order_by().values_list(*names, "bucket").annotate(told=_SumsOfBand()):
        yield (*key, bucket, *map(int, told.split(",")))


def in_bands(buckets: Iterable[tuple[tuple[Any, ...], int]]) -> dict[tuple[Any, ...], list[int]]:
    """The values of SUMS by dimensions and the first bucket of the row.

    Shapes: buckets are (dimensions and the bucket as the last of them, calls); the same one may come several times.
    """
    rows: dict[tuple[Any, ...], list[int]] = {}
    for (*dimensions, bucket), calls in buckets:
        place = bucket % WIDTH
        key = (*dimensions, bucket - place)
        row = rows.get(key)
        if row is None:
            row = rows[key] = [0] * WIDTH
        row[0] += calls
        if place:
            row[place] += calls
    return rows


def buckets_of(bucket: int, sums: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The buckets that a row tells and their calls, but those without any. Shapes: sums are the values of SUMS."""
    calls, *after = sums
    for place, count in enumerate((calls - sum(after), *after), bucket):
        if count:
            yield place, count


def buckets_by(rows: Iterable[Sequence[Any]]) -> dict[tuple[Any, ...], dict[int, int]]:
    """Calls by bucket, of each group of rows. Shapes: a row is what it is told apart by, its first bucket, its SUMS."""
    found: dict[tuple[Any, ...], dict[int, int]] = {}
    for row in rows:
        add_buckets(found.setdefault(tuple(row[: -WIDTH - 1]), {}), row[-WIDTH - 1], row[-WIDTH:])
    return found


def add_buckets(to: dict[int, int], bucket: int, sums: Iterable[int]) -> None:
    """Add what a row tells to calls by bucket."""
    for each, count in buckets_of(bucket, sums):
        to[each] = to.get(each, 0) + count
