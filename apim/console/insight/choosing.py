"""Controls of the filters by environment, product and plan: those that have more than one choice."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext

from apim.accounts.models import User
from apim.console.insight.filters import CHOSEN, LABELS, NONE, Asked
from apim.console.scope import plans_of, products_of
from apim.gateways.models import Environment

MOST_CHOICES: Final = 50  # of which one chooses; of more one types the name, and these are proposed


class Control(NamedTuple):
    """One filter to set. Shapes: choices are (value, words); is_typed = there are more than these."""

    name: str
    label: str
    value: str
    choices: list[tuple[str, str]]
    is_typed: bool


class Controls(NamedTuple):
    """The filters to set, and what their form sends along."""

    shown: list[Control]
    hidden: list[tuple[str, str]]


def controls_of(asked: Asked, user: User) -> Controls:
    """What a person may narrow to, by few queries whose answers are bounded."""
    rows: dict[str, QuerySet[Any, tuple[str, str]]] = {
        "environment": Environment.objects.order_by("name").values_list("name", "display_name"),
        "product": products_of(user).order_by("name").values_list("name", "display_name"),
        "plan": plans_of(user).order_by("name").values_list("name", "display_name"),
    }
    shown = []
    for name in CHOSEN:
        found = list(rows[name][: MOST_CHOICES + 1])
        choices = [(value, words or value) for value, words in islice(found, MOST_CHOICES)]
        if len(choices) > 1:
            value, is_typed = asked.params.get(name, ""), len(found) > MOST_CHOICES
            if name != "environment":
                choices.append((NONE, gettext("none")))
            shown.append(Control(name, str(LABELS[name]), value, choices, is_typed))
    names = {control.name for control in shown}
    return Controls(shown, [(name, value) for name, value in asked.params.items() if name not in names])
