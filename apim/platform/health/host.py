"""The machine itself: room on its disk, the keys, and how old the last backup is."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from apim.billing.connection import find_connection
from apim.gateways.certificates import private_key_of
from apim.gateways.models import Certificate
from apim.platform.health.verdicts import Verdict, amber, green, red

BACKUP_NOTE: Final = "last-backup.json"  # apim.backups writes it, and these of its words
RECORDS_KEPT, RECORDS_LEFT_OUT = "kept", "left-out"
OLD_AFTER: Final = timedelta(days=2)
TOO_OLD_AFTER: Final = timedelta(days=8)
_GIB: Final = 2**30
_LITTLE: Final = 0.15
_NOTHING: Final = 0.05
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def disk() -> Verdict:
    """How much room the folder of data has."""
    home = settings.ENV.home
    usage = shutil.disk_usage(home)
    share = usage.free / usage.total if usage.total else 0.0
    facts = {"gib": f"{usage.free / _GIB:.1f}", "percent": round(100 * share), "folder": home}
    if share < _NOTHING or usage.free < _GIB:
        text = gettext("%(folder)s has %(gib)s GiB left (%(percent)d %%). Make room before writes fail.")
        return red(text % facts, command=f"du -sh {home}/*")
    if share < _LITTLE:
        text = gettext("%(folder)s has %(gib)s GiB left (%(percent)d %%).")
        return amber(text % facts, command=f"du -sh {home}/*")
    return green(gettext("%(gib)s GiB are free (%(percent)d %%).") % facts)


def backup() -> Verdict:
    """When `apim backup` last wrote one for this folder of data."""
    try:
        note = json.loads((settings.ENV.home / BACKUP_NOTE).read_text())
        made_at = datetime.fromisoformat(note["made_at"])
    except (OSError, ValueError, KeyError):
        return amber(gettext("No backup was ever made here."), command="apim backup")
    age = timezone.now() - made_at
    facts = {"days": age.days, "file": note.get("file", "")}
    if age > TOO_OLD_AFTER:
        return red(gettext("The last backup is %(days)d days old.") % facts, command="apim backup")
    if age > OLD_AFTER:
        return amber(gettext("The last backup is %(days)d days old.") % facts, command="apim backup")
    hours = {"hours": int(age.total_seconds() // 3600), "file": facts["file"], "folder": settings.RECORDS_FOLDER}
    if settings.RECORDS_FOLDER is not None and note.get("records") == RECORDS_LEFT_OUT:
        text = gettext("The last backup is %(hours)d h old and leaves out the records in %(folder)s: %(file)s")
        return green(text % hours)
    if settings.RECORDS_FOLDER is not None and note.get("records") != RECORDS_KEPT:
        text = gettext(
            "The last backup has none of the records in %(folder)s. Set APIM_RECORDS_FOLDER where it is made, or leave"
            " them out by --without-records."
        )
        return amber(text % hours, command="apim backup")
    return green(gettext("The last backup is %(hours)d h old: %(file)s") % hours)


def keyring() -> Verdict:
    """Whether the keys are private, and open what the database holds."""
    file = settings.ENV.keys_file
    try:
        mode = file.stat().st_mode
    except OSError as error:
        text = gettext("The keys cannot be read: %(reason)s. Restore them from a backup; without them nothing opens.")
        return red(text % {"reason": error.strerror or error})
    if mode & _FOR_OTHERS:
        return red(gettext("Others may read %(file)s.") % {"file": file}, command=f"chmod 600 {file}")
    try:
        find_connection()
        for certificate in Certificate.objects.all()[:1]:
            private_key_of(certificate)
    except InvalidTag:
        text = gettext("The keys in %(file)s are not those that this database was written with.")
        return red(text % {"file": file}, command="apim restore FILE --replace")
    return green(gettext("The keys are private and open what is kept."))
