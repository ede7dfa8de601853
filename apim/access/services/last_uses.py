"""When keys were last used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Case, Q, Value, When

from apim.access.models import Credential

_BATCH: Final = 500
# An expression of a case a key takes a tenth of the time that its usage takes to be stored.
_NOTE_USES: Final = """
WITH used AS (SELECT * FROM unnest(%s::varchar[], %s::timestamptz[]) AS used (id, at)),
older AS (
    SELECT credential.id, used.at FROM access_credential AS credential JOIN used USING (id)
    WHERE credential.last_used_at IS NULL OR credential.last_used_at < used.at
    ORDER BY credential.id FOR NO KEY UPDATE OF credential
)
UPDATE access_credential AS credential SET last_used_at = older.at FROM older WHERE credential.id = older.id
"""


@transaction.atomic
def note_last_used(pairs: Iterable[tuple[str, datetime]]) -> None:
    """Remember when keys were last used, by credential id; an older report never overwrites a newer one."""
    latest: dict[str, datetime] = {}
    for credential_id, at in pairs:
        latest[credential_id] = max(at, latest.get(credential_id, at))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_USES, [list(latest), list(latest.values())])
        return
    ids = sorted(latest)  # one order for all writers, so that two reports cannot wait for each other
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        newest = Case(*(When(id=credential_id, then=Value(latest[credential_id])) for credential_id in batch))
        Credential.objects.filter(id__in=batch).filter(Q(last_used_at=None) | Q(last_used_at__lt=newest)).update(
            last_used_at=newest
        )
