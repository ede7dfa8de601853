"""Filters of the pages of analytics: read from the URL, written back into links, shown as chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import User
from apim.accounts.permissions import is_admin
from apim.analytics import reading
from apim.analytics.questions import Question
from apim.analytics.windows import LENGTHS, Window, between, last
from apim.console.gate import ConsoleRequest
from apim.console.insight.names import Versions, caller_word, callers_in, versions_in
from apim.console.scope import plans_of, products_of
from apim.gateways.models import Environment

NONE = "none"  # in the URL: the group of what has no such thing
RANGES: dict[str, str | Promise] = {
    "1h": _("Last hour"),
    "6h": _("6 hours"),
    "24h": _("24 hours"),
    "7d": _("7 days"),
    "30d": _("30 days"),
    "90d": _("90 days"),
}
DEFAULT_RANGE = "24h"
MOST_ROWS = 5_000  # of a table that is downloaded
CHOSEN = ("environment", "product", "plan")  # by controls that list what there is
_LONGEST_VALUE = 300
_FILTERS = ("api", "version", "environment", "operation", "application", "product", "plan", "status", "code")
LABELS: dict[str, str | Promise] = {
    "api": _("API"),
    "version": _("Version"),
    "environment": _("Environment"),
    "operation": _("Operation"),
    "application": _("Application"),
    "product": _("Product"),
    "plan": _("Plan"),
    "status": _("Status"),
    "code": _("Problem"),
}


class Chip(NamedTuple):
    """An active filter, and where it is taken away."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page was asked: its window, its question, and the URL it came with.

    Shapes: fixed are filters of the path, which no link carries; downloaded is the key of the figure whose table is
    wanted as a file, "" = the page.
    """

    path: str
    params: Mapping[str, str]
    fixed: Mapping[str, str]
    window: Window
    question: Question
    versions: Versions
    chips: tuple[Chip, ...]
    is_admin: bool
    downloaded: str = ""

    @property
    def range(self) -> str:
        """The name of the preset; "" for a window by its ends."""
        return "" if "from" in self.params else self.params.get("range", DEFAULT_RANGE)

    @property
    def api(self) -> str:
        """The API that was asked for; "" for all."""
        return self.fixed.get("api") or self.params.get("api", "")

    @property
    def version(self) -> str:
        """The version that was asked for; "" for all."""
        return self.fixed.get("version") or self.params.get("version", "")

    @property
    def is_everything(self) -> bool:
        """Whether versions are not narrowed, for somebody who sees them all."""
        return self.question.version_ids is None

    def url(self, path: str = "", **changes: str | None) -> str:
        """The page, or the one of path, with changed filters; None takes one away."""
        kept = {**self.fixed, **self.params} if path else dict(self.params)
        for name, value in changes.items():
            if value is None:
                kept.pop(name, None)
            else:
                kept[name] = value
        return f"{path or self.path}?{urlencode(kept)}" if kept else path or self.path

    def rows_of(self, figure: str, shown: int) -> int:
        """How many rows a figure has: those that the page shows, or as a file all there are, within reason."""
        return MOST_ROWS if figure == self.downloaded else shown

    @property
    def has_controls(self) -> bool:
        """Whether the page offers what one may narrow to: where the fold is open, and after a choice."""
        return bool({"filters", "from", *CHOSEN} & self.params.keys())

    @property
    def url_of_controls(self) -> str:
        """The page with them."""
        return self.url(filters="open")

    def without(self, name: str) -> str:
        """The link that takes a filter away; a version goes with its API."""
        gone: dict[str, str | None] = {name: None, **({"version": None} if name == "api" else {})}
        return self.url("", **gone)

    def with_value(self, name: str, value: str) -> str:
        """The link that narrows to a value; "" is the group of none."""
        return self.url(**{name: value or NONE})

    def ranges(self) -> list[tuple[str, str, bool]]:
        """Each preset: its URL, its words, whether it is the present one."""
        ends: dict[str, str | None] = {"from": None, "to": None}
        return [(self.url("", range=name, **ends), str(words), name == self.range) for name, words in RANGES.items()]

    def hidden(self) -> list[tuple[str, str]]:
        """What the form of the two times sends along."""
        return [(name, value) for name, value in self.params.items() if name not in {"from", "to", "range", "csv"}]


def asked(request: ConsoleRequest, **fixed: str) -> Asked:
    """The filters of a request. Errors: 404 for an API or version that the person does not see."""
    given = request.GET
    params = {
        name: given[name][:_LONGEST_VALUE]
        for name in (*_FILTERS, "range", "from", "to", "kind", "a", "b", "a_from", "a_to", "filters")
        if given.get(name) and name not in fixed
    }
    if params.get("range") not in LENGTHS:
        params.pop("range", None)
    now = timezone.now()
    since, until = moment_of(params.get("from", "")), moment_of(params.get("to", ""))
    if since is None:
        params.pop("from", None)
        params.pop("to", None)
    window = between(since, until or now, now) if since else last(params.get("range", DEFAULT_RANGE), now)
    wanted = {**params, **fixed}
    versions = versions_in(request.user)
    question = _question(request.user, wanted, versions)
    found = Asked(
        request.path, params, fixed, window, question, versions, (), is_admin(request.user), given.get("csv", "")
    )
    names = _names(request.user, wanted, versions)
    chips = tuple(
        Chip(str(LABELS[name]), names.get(name, params[name]), found.without(name))
        for name in _FILTERS
        if name in params
    )
    return replace(found, chips=chips)


def moment_of(text: str) -> datetime | None:
    """A time as forms and links write it, in UTC; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    year = found.year
    return found.astimezone(UTC) if 2000 < year < 9000 else None  # noqa: PLR2004 - sums of times stay in reach


def _question(user: User, wanted: Mapping[str, str], versions: Versions) -> Question:
    ids = None if is_admin(user) else list(versions)
    api, version = wanted.get("api", ""), wanted.get("version", "")
    if api == NONE:
        ids = [""] if is_admin(user) else []
    elif api:
        named = {name.id for name in versions.values() if name.api == api}
        if not named:
            raise Http404(gettext("There is no such API."))
        ids = [each for each in named if version in {"", versions[each].name}]
        if not ids:
            raise Http404(gettext("There is no such version."))
    environment = wanted.get("environment")
    status = wanted.get("status", "")
    return Question(
        version_ids=ids,
        environment_id=_id_of_environment(environment) if environment else None,
        operation=_of_none(wanted.get("operation")),
        application_id=_of_none(wanted.get("application")),
        product_id=_id_by_name(products_of, user, wanted.get("product")),
        plan_id=_id_by_name(plans_of, user, wanted.get("plan")),
        status=int(status) if status.isdecimal() and len(status) == len("200") else None,
        code=_of_none(wanted.get("code")),
    )


def _of_none(value: str | None) -> str | None:
    return "" if value == NONE else value


def _id_of_environment(name: str) -> str:
    return Environment.objects.filter(name=name).values_list("id", flat=True).first() or NONE


def _id_by_name(rows_of: Callable[[User], QuerySet[Any]], user: User, name: str | None) -> str | None:
    """The id of the row of this name; what nothing has for a name that is not seen."""
    if name is None or name == NONE:
        return _of_none(name)
    return rows_of(user).filter(name=name).values_list("id", flat=True).first() or NONE


def _names(user: User, wanted: Mapping[str, str], versions: Versions) -> dict[str, str]:
    """How chips call what the URL names by an id, or calls none."""
    found = {name: gettext("none") for name, value in wanted.items() if value == NONE}
    if wanted.get("code") == NONE:
        found["code"] = gettext("none: the service's own answer")
    application = wanted.get("application", NONE)
    if application != NONE:
        # By its name only for whom it called: the applications of strangers stay ids.
        is_known = is_admin(user) or reading.has_called(application, list(versions))
        found["application"] = caller_word(callers_in([application]), application) if is_known else application
    return found
