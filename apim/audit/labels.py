"""Labels of the audit log as people read them: stored in English when it happened, said in the reader's language.

Owns: the forms that labels have, by kind of object. A label of no such form, of an earlier release say, stays as it is.
"""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext_lazy as _

_FORMS: Final = {
    "applicationtransfer": (r"(?P<what>.+) to (?P<whom>.+)", _("%(what)s to %(whom)s")),
    "ceiling": (r"ceiling of (?P<whose>.+)", _("ceiling of %(whose)s")),
    "credential": (r"(?P<what>\S+) of (?P<whose>.+)", _("%(what)s of %(whose)s")),
    "deployment": (
        r"(?P<version>.+) revision (?P<number>\d+) in (?P<place>.+)",
        _("%(version)s revision %(number)s in %(place)s"),
    ),
    "installation": (r"this installation", _("this installation")),
    "invitation": (r"(?P<what>\S+) to (?P<whom>.+)", _("%(what)s to %(whom)s")),
    "membership": (
        r"(?P<who>\S+) in (?P<place>.+) as (?P<role>owner|developer)",
        _("%(who)s in %(place)s as %(role)s"),
    ),
    "planmigration": (r"(?P<version>.+) from (?P<day>[\d-]+)", _("%(version)s from %(day)s")),
    "planversion": (r"(?P<plan>.+) version (?P<number>\d+)", _("%(plan)s version %(number)s")),
    "promotion": (r"(?P<what>\S+) to (?P<whom>\S+)", _("%(what)s to %(whom)s")),
    "rehearsal": (r"rehearsal of (?P<plan>.+)", _("rehearsal of %(plan)s")),
    "retentionrule": (r"(?P<family>.+) for (?P<days>\d+) days", _("%(family)s for %(days)s days")),
    "revision": (r"(?P<version>.+) revision (?P<number>\d+)", _("%(version)s revision %(number)s")),
    "subscription": (r"(?P<what>.+) to (?P<whom>.+)", _("%(what)s to %(whom)s")),
}
_ROLES: Final = {"owner": _("Owner"), "developer": _("Developer")}


def label_words(label: str, kind: str) -> str:
    """The label of an object of this kind, in the language that is spoken here."""
    pattern, words = _FORMS.get(kind, ("", ""))
    found = re.fullmatch(pattern, label) if pattern else None
    if found is None:
        return label
    return str(words) % {
        name: str(_ROLES.get(text, text)) if name == "role" else text for name, text in found.groupdict().items()
    }
