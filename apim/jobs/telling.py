"""Telling who asked that long work has ended: under the bell, and by mail to who wants that.

Owns: when it is worth telling. Must not know: what the work was.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy

from apim.accounts.links import absolute_url
from apim.jobs.models import Job
from apim.notifications.models import MailChoices
from apim.notifications.notices import tell
from apim.notifications.posting import post
from apim.ui.language import filled
from apim.ui.said import said

KIND: Final = "job"
LONGER_THAN: Final = timedelta(seconds=10)  # who asked for less is still on its page
_TITLES: Final = {
    Job.State.DONE: gettext_lazy("Done: %(title)s"),
    Job.State.FAILED: gettext_lazy("Failed: %(title)s"),
}


def tell_end(job_id: str) -> None:
    """Tell the asker of a job that is done or has failed, once, in the transaction that ends it."""
    job = Job.objects.select_related("asked_by").defer("wanted", "cursor").get(pk=job_id)
    asker, title = job.asked_by, _TITLES.get(Job.State(job.state))
    if asker is None or title is None or job.ended_at is None or job.ended_at - job.asked_at < LONGER_THAN:
        return
    path = reverse("console:job", args=[job.pk])
    words = filled(title, {"title": _said(job.title)})
    text = _said(job.problems[0]["message"]) if job.problems else ""
    told = tell(user_ids=[asker.pk], kind=KIND, cause=f"job:{job.pk}", title=words, text=text, path=path)
    if not told or not MailChoices.objects.filter(user=asker, jobs=True).exists():
        return
    links = {"link": absolute_url(path), "choices_link": absolute_url("/my/notifications")}
    post("jobs.ended", to=asker.email, values={"headline": words, "reason": text, **links})


_said = lazy(said, str)  # in the language of whoever it is told to
