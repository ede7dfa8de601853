"""The access log as gateways read it: pages of records in the order of their sequence numbers."""

from __future__ import annotations

import msgspec

from apim.gateways.models import AccessRecord
from gateway_sync.delivery.kept_pages import KeptPages, Page
from gateway_sync.delivery.push import AccessEntry, AccessPage

PAGE = 10_000
_MAX_PUSHED = 1_000  # more are a page worth keeping: whoever asks for it is not alone
_kept = KeptPages()
RENUMBERED = 500_000  # a gap this wide before the first record: the log was numbered anew


def page_to_push(environment_id: str, *, after: int, upto: int) -> AccessPage:
    """The records after one number up to another; when there are too many, a gap that makes gateways pull."""
    records = _records(environment_id, after, upto, _MAX_PUSHED + 1)
    if len(records) > _MAX_PUSHED:
        return AccessPage(after=upto, upto=upto)
    return AccessPage(after=after, upto=upto, records=[entry for _, entry in records])


def page_after(environment_id: str, *, after: int, reached: int) -> AccessPage:
    """The next page for a gateway that has everything up to `after`, of a log that reached `reached`.

    Shapes: after 0, or beyond what this log ever reached (its database was restored), starts anew with a full table;
    so does one far below that of every record, as `resume_after_restore` leaves them.
    """
    is_full = after == 0 or after > reached or (after < reached - RENUMBERED and not _has_near(environment_id, after))
    start = 0 if is_full else after
    if reached in {0, start}:
        return AccessPage(after=after, upto=reached, is_full=after > reached)
    if reached - start > _MAX_PUSHED:
        page = _kept.page(environment_id, start, reached, lambda: _page(environment_id, start, reached))
    else:
        page = _page(environment_id, start, reached)
    return AccessPage(after=after, upto=page.upto, is_full=is_full, records=page.records, more=page.more)


def is_behind(after: int, reached: int) -> bool:
    """Whether a gateway that has everything up to `after` lacks so much that many may be asking for the same."""
    return after == 0 or not 0 <= reached - after <= _MAX_PUSHED


def _page(environment_id: str, start: int, reached: int) -> Page:
    """The records after start; a table that begins anew needs none that says what is gone."""
    records = _records(environment_id, start, reached, PAGE + 1)
    more = len(records) > PAGE
    upto = records[PAGE - 1][0] if more else reached
    told = [entry for _, entry in records[:PAGE] if start or entry[2] is not None]
    return Page(msgspec.Raw(msgspec.json.encode(told)), upto, more)


def _has_near(environment_id: str, seq: int) -> bool:
    return AccessRecord.objects.filter(environment_id=environment_id, seq__lte=seq + RENUMBERED).exists()


def _records(environment_id: str, after: int, upto: int, limit: int) -> list[tuple[int, AccessEntry]]:
    """Records with their numbers. One that changed since `upto` was read is missing here and comes in the next page."""
    found = (
        AccessRecord.objects.filter(environment_id=environment_id, seq__gt=after, seq__lte=upto)
        .order_by("seq")
        .values_list("seq", "kind", "key", "body")[:limit]
    )
    return [(seq, (kind, key, body)) for seq, kind, key, body in found]
