"""What gateways tell of their hosts: usage that waits on disk, disks, updates, limits, workers. Each with its own mend.

Owns: what each code of theirs means to an operator. Codes that are not named here tell of states, see `fleet`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.gateways.models import Worker
from apim.platform.health.fleet import names_of
from apim.platform.health.verdicts import Colour, Verdict, amber, green, red

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_PAGE: Final = "/console/admin/gateways"
_LOOK_AT_DISK: Final = "df -h"
_LOOK_AT_LOG: Final = "journalctl -u apim-gateway"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Shapes: text has a place for the names of gateways; command is for a shell on the gateway's machine."""

    colour: Colour
    text: str | _StrPromise
    command: str = ""


# The gravest first: its mend is the one that is shown.
USAGE: Final = {
    "spool.E002": _Meaning(
        Colour.RED,
        _(
            "Usage finds no room on disk, so metered calls are refused with 503: %(names)s. Make room there, give it"
            " more by --spool-mib, and see that the gateway reaches this site: what is delivered is deleted."
        ),
        _LOOK_AT_DISK,
    ),
    "spool.E006": _Meaning(
        Colour.RED,
        _(
            "Usage finds no room on disk, and calls were served without being recorded, as their plans want it:"
            " %(names)s. Make room there, and see that the gateway reaches this site."
        ),
        _LOOK_AT_DISK,
    ),
    "spool.E004": _Meaning(
        Colour.RED,
        _(
            "Batches of usage were refused here and wait on disk: %(names)s. Bring gateway and site to the same version"
            " and restart the gateway: it sends them again at its start."
        ),
        _LOOK_AT_LOG,
    ),
    "spool.E001": _Meaning(
        Colour.AMBER,
        _(
            "Usage that waits to be delivered fills more than half of its room on disk: %(names)s. See that the gateway"
            " reaches this site and that usage is taken in, or make room."
        ),
        _LOOK_AT_DISK,
    ),
    "spool.E003": _Meaning(
        Colour.AMBER,
        _(
            "Files of usage were damaged, as by a power cut, and what followed in them is not counted: %(names)s. They"
            " are kept as *.torn in the folder spool of the gateway; look at the disk, then move them away."
        ),
        "dmesg",
    ),
}
DISKS: Final = {
    "disk.E001": _Meaning(
        Colour.RED,
        _(
            "The newest changes of keys are in force but cannot be written to disk, so a restart would forget them:"
            " %(names)s. Make room."
        ),
        _LOOK_AT_DISK,
    ),
    "update.E002": _Meaning(
        Colour.RED,
        _("A new state cannot be written to disk, so the one before serves: %(names)s. Make room."),
        _LOOK_AT_DISK,
    ),
    "spool.E005": _Meaning(
        Colour.RED,
        _(
            "The disk does not keep what is written: %(names)s. Usage survives a kill, but no power cut until it is"
            " delivered, and while that goes on calls that must be recorded are refused with 503. Look at the disk."
        ),
        "dmesg",
    ),
}
UPDATES: Final = {
    "access.E002": _Meaning(
        Colour.RED,
        _(
            "Changes of keys came that this site did not sign, and were not taken: %(names)s. Find out who can write to"
            " Redis, and change its password."
        ),
        _LOOK_AT_LOG,
    ),
    "access.E001": _Meaning(
        Colour.RED,
        _(
            "The keys that this site knows are older than those of gateways, which take no more: %(names)s. If the"
            " database was restored from a backup, say so."
        ),
        "python manage.py resume_after_restore",
    ),
    "access.E004": _Meaning(
        Colour.RED,
        _(
            "Calls that need a key are refused with 503, for nobody vouched for the keys there for too long: %(names)s."
            " They reach this site, but what it says of keys is not taken; the page and their log say why."
        ),
        _LOOK_AT_LOG,
    ),
    "update.E001": _Meaning(
        Colour.RED,
        _("What was sent cannot be read: %(names)s. Bring gateway and site to the same version."),
        _LOOK_AT_LOG,
    ),
    "access.E003": _Meaning(
        Colour.AMBER,
        _("Keys there were not those of the database, and all are fetched anew: %(names)s. The page says why."),
    ),
}
LIMITS: Final = {
    "limits.": _Meaning(
        Colour.AMBER,
        _("They cannot share quotas with the other gateways now: %(names)s. The page says why."),
    ),
}
HANGING: Final = {
    "worker.E001": _Meaning(
        Colour.AMBER,
        _(
            "A worker gave no sign of life and was replaced: %(names)s. Calls that it had taken count as calls of"
            " unknown end. Is the machine short of processors or memory?"
        ),
        _LOOK_AT_LOG,
    ),
}


def usage() -> Verdict:
    """Whether what gateways counted finds room on their disks, and is taken here."""
    return _verdict(USAGE, lambda: gettext("Usage finds room on the disks of gateways and is taken here."))


def disks() -> Verdict:
    """Whether their disks keep what is written."""
    return _verdict(DISKS, lambda: gettext("The disks of gateways keep what is written."))


def updates() -> Verdict:
    """Whether gateways can read and believe what they are sent."""
    return _verdict(UPDATES, lambda: gettext("Gateways can read and believe what they are sent."))


def limits() -> Verdict:
    """Whether gateways count limits together."""
    return _verdict(LIMITS, lambda: gettext("No gateway counts limits alone that it shares."))


def workers() -> Verdict:
    """Whether all of their workers give signs of life."""
    return _verdict(HANGING, lambda: gettext("All workers of gateways give signs of life."))


def _verdict(meanings: dict[str, _Meaning], fine: Callable[[], str]) -> Verdict:
    """All that is told of the family, the worst colour, and the mend of the first."""
    telling: dict[str, dict[str, None]] = {}
    troubled = Worker.objects.exclude(problems=[]).select_related("gateway").order_by("gateway__name", "slot")
    for worker in troubled:
        for code in worker.problem_codes:
            for known in meanings:
                if code.startswith(known):
                    telling.setdefault(known, {})[str(worker.gateway)] = None
    found = [(meaning, telling[code]) for code, meaning in meanings.items() if code in telling]
    if not found:
        return green(fine())
    text = " ".join(str(meaning.text) % {"names": names_of(names)} for meaning, names in found)
    is_red = any(meaning.colour is Colour.RED for meaning, _by in found)
    return (red if is_red else amber)(text, command=found[0][0].command, page=_PAGE)
