"""Names and limits that services and tasks of this app share."""

from __future__ import annotations

from datetime import timedelta

SEND_TASK = "apim.notifications.tasks.send_message"
MOST_ATTEMPTS = 8
FIRST_PAUSE = timedelta(minutes=1)  # doubles with each attempt: the last one is about two hours after the first
NOWHERE = "unconfirmed.invalid"  # the domain of people whose address is not known yet; RFC 6761: never resolves
