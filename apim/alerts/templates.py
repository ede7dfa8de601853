"""The templates of alert rules: what each watches, and its settings with their limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apim.errors import DomainError, Invalid, Problems
from apim.listing import enumerated

GATEWAY_LAG = "gateway_lag"


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of a template. Shapes: unit is a word for forms; whole ones take no fractions."""

    name: str
    label: str
    default: float
    least: float
    most: float
    unit: str = ""
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Template:
    """What can be watched. Shapes: settings beside `hold`, which every template has."""

    kind: str
    title: str
    text: str
    unit: str  # of the value that is compared
    settings: tuple[Setting, ...]

    @property
    def is_of_gateways(self) -> bool:
        """True when it watches gateways, which are the business of admins, and no API."""
        return self.kind == GATEWAY_LAG

    @property
    def defaults(self) -> dict[str, float]:
        """Each setting's default."""
        return {setting.name: setting.default for setting in self.settings}


_HOLD = Setting("hold", gettext_noop("Broken for at least"), 2, 0, 60, gettext_noop("minutes"))


def _minutes(default: float) -> Setting:
    return Setting("minutes", gettext_noop("Looked at over the last"), default, 1, 60, gettext_noop("minutes"))


def _calls(default: float) -> Setting:
    return Setting("calls", gettext_noop("Only from so many calls on"), default, 1, 1_000_000, gettext_noop("calls"))


TEMPLATES: dict[str, Template] = {
    template.kind: template
    for template in (
        Template(
            "error_share",
            gettext_noop("Share of failures"),
            gettext_noop("Answers of 500 and above, of the service or the gateway, as a share of all calls."),
            "%",
            (
                Setting("percent", gettext_noop("More than"), 5, 0.01, 100, "%", is_whole=False),
                _minutes(10),
                _calls(50),
                _HOLD,
            ),
        ),
        Template(
            "latency",
            gettext_noop("Slow answers"),
            gettext_noop("The time that 95 of 100 calls stayed within."),
            "ms",
            (Setting("ms", gettext_noop("More than"), 750, 1, 600_000, "ms"), _minutes(10), _calls(50), _HOLD),
        ),
        Template(
            "absence",
            gettext_noop("No traffic"),
            gettext_noop("Nobody calls any more, though somebody did in the six hours before."),
            gettext_noop("calls"),
            (_minutes(15), _HOLD),
        ),
        Template(
            "budget_burn",
            gettext_noop("Error budget burns"),
            gettext_noop(
                "Failures use the budget up too fast: over one hour by the fast factor, or over six by the slow one,"
                " and still so in the last twelfth of that time."
            ),
            "x",
            (
                Setting("objective", gettext_noop("Calls that must not fail"), 99.9, 50, 99.999, "%", is_whole=False),
                Setting("fast", gettext_noop("Fast, over one hour"), 14.4, 1, 1000, "x", is_whole=False),
                Setting("slow", gettext_noop("Slow, over six hours"), 6, 1, 1000, "x", is_whole=False),
                _calls(100),
                _HOLD,
            ),
        ),
        Template(
            "refusals",
            gettext_noop("Refusals of one credential"),
            gettext_noop("Answers of 401 and 403 to one key, or to callers without a known one: a leak, or a mistake."),
            gettext_noop("refusals"),
            (Setting("count", gettext_noop("At least"), 50, 1, 1_000_000), _minutes(5), _HOLD),
        ),
        Template(
            "gateway_lag",
            gettext_noop("A gateway lags"),
            gettext_noop("A gateway is silent, tells a problem, or a worker of it does not run what was sent to it."),
            gettext_noop("seconds"),
            (Setting("seconds", gettext_noop("For more than"), 120, 15, 86_400, gettext_noop("seconds")), _HOLD),
        ),
    )
}


def checked_settings(kind: str, given: Mapping[str, object]) -> dict[str, float]:
    """The settings of the kind, defaults where nothing is given.

    Errors: Problems with the field at fault; Invalid alerts.kind.
    """
    template = TEMPLATES.get(kind)
    if template is None:
        raise Invalid(
            "alerts.kind",
            gettext("There is no template %(kind)s.") % {"kind": kind},
            field="kind",
            hint=gettext("One of %(names)s.") % {"names": enumerated(TEMPLATES)},
        )
    known = {setting.name: setting for setting in template.settings}
    errors: list[DomainError] = [
        Invalid(
            "alerts.setting", gettext("%(kind)s has no setting %(name)s.") % {"kind": kind, "name": name}, field=name
        )
        for name in sorted(given.keys() - known)
    ]
    checked: dict[str, float] = {}
    for name, setting in known.items():
        value = given.get(name, setting.default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not setting.least <= value <= setting.most:
            message = _("Give a number from %(least)g to %(most)g.") % {"least": setting.least, "most": setting.most}
            errors.append(Invalid("alerts.setting", str(message), field=name))
        elif setting.is_whole and value != int(value):
            errors.append(Invalid("alerts.setting", str(_("Give a whole number.")), field=name))
        else:
            checked[name] = int(value) if setting.is_whole else float(value)
    if errors:
        raise Problems(tuple(errors))
    return checked
