"""Rules and firings in words, for pages and mails."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from apim.access.models import Credential
from apim.alerts.models import AlertRule
from apim.alerts.templates import TEMPLATES


def value_words(kind: str, value: float | None) -> str:
    """A value in the unit of its kind; a dash for none."""
    if value is None:
        return "–"  # noqa: RUF001 - a dash
    unit = _(TEMPLATES[kind].unit)
    digits = 0 if value >= 100 or value == int(value) else 1  # noqa: PLR2004
    return f"{value:,.{digits}f} {unit}"


def condition(rule: AlertRule) -> str:
    """What the rule watches, in one sentence."""
    given = {**TEMPLATES[rule.kind].defaults, **rule.settings}
    shown = {name: f"{value:g}" for name, value in given.items()}
    return _SENTENCES[rule.kind]() % shown


def whose(detail: str, kind: str) -> str:
    """Who was refused, for refusals, or which gateway lagged; nothing for other kinds."""
    if kind == AlertRule.Kind.GATEWAY_LAG:
        return detail
    if kind != AlertRule.Kind.REFUSALS:
        return ""
    if not detail:
        return _("callers without a known credential")
    credential = Credential.objects.select_related("application").filter(pk=detail).first()
    return str(credential) if credential else detail


def place(rule: AlertRule) -> str:
    """The API, version and environment that are watched, or whose gateways."""
    if rule.api is None:
        return (
            _("gateways of %(environment)s") % {"environment": rule.environment} if rule.environment else _("gateways")
        )
    parts = [rule.api.name, rule.version.name if rule.version else "", str(rule.environment or "")]
    return " ".join(part for part in parts if part)


_SENTENCES: dict[str, Callable[[], str]] = {
    AlertRule.Kind.ERROR_SHARE: lambda: _(
        "More than %(percent)s %% of at least %(calls)s calls fail within %(minutes)s minutes"
    ),
    AlertRule.Kind.LATENCY: lambda: _(
        "95 of 100 calls take up to more than %(ms)s ms within %(minutes)s minutes, of at least %(calls)s calls"
    ),
    AlertRule.Kind.ABSENCE: lambda: _("No call within %(minutes)s minutes, after calls in the six hours before"),
    AlertRule.Kind.BUDGET_BURN: lambda: _(
        "The error budget of %(objective)s %% burns %(fast)s times too fast over an hour, or %(slow)s times over six"
    ),
    AlertRule.Kind.GATEWAY_LAG: lambda: _(
        "A gateway is silent, tells a problem, or does not run what was sent to it for more than %(seconds)s seconds"
    ),
    AlertRule.Kind.REFUSALS: lambda: _("One credential is refused %(count)s times within %(minutes)s minutes"),
}
