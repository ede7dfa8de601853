"""What a stored mail must not show to others than its reader. Pure.

Owns: which links and codes let somebody in. Must not know: who looks at mails.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "\N{HORIZONTAL ELLIPSIS}"
# Links whose last part is a secret: to join, to accept an invitation, to decide by one press, to set up.
_LINK: Final = re.compile(r"(/(?:join|invite|console/decide|setup)/)[^\s)\]>\"'#]+")
_QUERY: Final = re.compile(r"([?&](?:token|key|code)=)[^\s&)\]>\"'#]+")
_CODE: Final = re.compile(
    r"^([ \t]*)(?=[A-Z0-9-]*[A-Z0-9]{3})[A-Z0-9]{3,12}(?:-[A-Z0-9]{3,12}){0,3}[ \t]*$", re.MULTILINE
)
# As people are sent them: no vowels, so hardly a word. Subjects say them too, and admins' own texts in a line.
_CODE_IN_A_LINE: Final = re.compile(
    r"(?<![A-Za-z0-9_-])[B-DF-HJ-NP-TV-XZ]{3,5}(?:-[B-DF-HJ-NP-TV-XZ]{3,5}){1,2}(?![A-Za-z0-9_-])"
)


def without_secrets(text: str) -> str:
    """The text or subject of a mail with its secret links cut short and its codes gone."""
    text = _CODE_IN_A_LINE.sub(HIDDEN, text)
    return _CODE.sub(rf"\1{HIDDEN}", _QUERY.sub(rf"\1{HIDDEN}", _LINK.sub(rf"\1{HIDDEN}", text)))
