"""Usage: whether nothing that was counted is missing, and sums are those of the records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.platform.health.verdicts import Verdict, amber, green, red
from apim.usage import conservation
from apim.usage.models import ConservationCheck

LATE_AFTER: Final = timedelta(hours=2)
_GATEWAYS: Final = "/console/admin/gateways"
_SHOWN: Final = 3


def conserved() -> Verdict:
    """What the last check of records against numbers and sums found, and whether it is in time."""
    check = conservation.last_check()
    if check is None:
        return green(gettext("Nothing was checked yet: the first check is within the hour."))
    if check.findings:
        return red(faults_of(check), page=_GATEWAYS)
    if timezone.now() - check.at > LATE_AFTER:
        text = gettext("Records and sums agreed at %(at)s UTC. No check was made since: start the workers.")
        return amber(text % {"at": f"{check.at:%Y-%m-%d %H:%M}"}, command="celery -A apim.config worker -Q default")
    text = ngettext(
        "Nothing is missing, and sums are those of the records: %(count)d call since %(since)s UTC.",
        "Nothing is missing, and sums are those of the records: %(count)d calls since %(since)s UTC.",
        check.records,
    )
    return green(text % {"count": check.records, "since": f"{check.since:%Y-%m-%d %H:%M}"})


def faults_of(check: ConservationCheck) -> str:
    """What it found, in sentences: the first few, and how many there are."""
    sentences = [_sentence(code, values) for code, values in check.findings[:_SHOWN]]
    rest = len(check.findings) - _SHOWN
    if rest > 0:
        more = ngettext("%(count)d difference more was found.", "%(count)d differences more were found.", rest)
        sentences.append(more % {"count": rest})
    return " ".join(sentences)


def _sentence(code: str, values: dict[str, Any]) -> str:
    values = {**values, "at": str(values.get("at", ""))[:16], "since": str(values.get("since", ""))[:16]}
    texts = {
        conservation.GAP: gettext(
            "Of gateway %(gateway)s %(one)d records are missing since %(since)s UTC, from number %(other)d "
            "of worker life %(boot)s on. They may wait in the folder of refused batches on its disk."
        ),
        conservation.LACKING: gettext(
            "Of gateway %(gateway)s %(one)d records that it counted have not come since %(since)s UTC, from number "
            "%(other)d of worker life %(boot)s on. They wait on its disk, or its spool was lost."
        ),
        conservation.RECORDS: gettext("The hour of %(at)s UTC has %(one)d records, and %(other)d calls in its sums."),
        conservation.PERIODS: gettext(
            "At %(at)s UTC the finer sums have %(one)d calls and the coarser ones %(other)d."
        ),
        conservation.UNMETERED: gettext(
            "On the day of %(at)s UTC %(one)d calls were answered without being recorded: a gateway had no room on its"
            " disk, and their plans have them served."
        ),
        conservation.SUMMARIES: gettext(
            "The hour of %(at)s UTC has %(one)d calls by operation and %(other)d in its summaries. "
            "Run manage.py sum_up_usage."
        ),
    }
    return texts[code] % values
