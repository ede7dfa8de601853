"""Which files hold records that left the database: a file counts from the commit that notes it, and not before."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models


class RecordFileQuerySet(models.QuerySet):
    """The files, as those read them who look for records."""

    def within(self, since: datetime | None, until: datetime | None) -> Self:
        """Those that may hold records of [since, until); None is without an end."""
        files = self if since is None else self.filter(last_at__gte=since)
        return files if until is None else files.filter(first_at__lt=until)


class RecordFile(models.Model):
    """A Parquet file of records, written once and never changed.

    Shapes: name within the folder of files; its records are of [first_at, last_at], both included.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120, unique=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    records = models.PositiveBigIntegerField()
    bytes = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()

    objects = RecordFileQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("last_at",), name="record_file_by_time"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.records} records"
