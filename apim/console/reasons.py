"""Why something was published, in words: publishing keeps the acts of the audit log, which programs read."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext, gettext_lazy

from apim.listing import clauses

_BETWEEN: Final = "; "  # as it is stored
_REST: Final = re.compile(r"(.*?)(?: \+(\d+))?", re.DOTALL)
_ACT: Final = re.compile(r"([a-z_]+\.[a-z_]+) (.+)", re.DOTALL)
_TRIAL: Final = re.compile(r"The trial of publication (?P<number>\d+) failed: (?P<why>.+)", re.DOTALL)
_WORKER: Final = re.compile(
    r"(?P<gateway>\S+): Revision \d+ was refused on trial: of (?P<calls>\d+) calls of (?P<version>.+) the worker on"
    r" trial refused (?P<failed>\d+) or answered them with 5xx, where (?P<usual>\d+) were to be expected by the workers"
    r" beside it\."
)
_GATEWAYS: Final = re.compile(
    r"of (?P<calls>\d+) calls of (?P<version>.+) the gateways on trial refused (?P<failed>\d+) or answered them with"
    r" 5xx, where (?P<usual>\d+) were to be expected by the others"
)
_WORDS: Final = {
    "api.archive": gettext_lazy("API %(name)s was archived"),
    "api.create": gettext_lazy("API %(name)s was added"),
    "api.delete": gettext_lazy("API %(name)s was deleted"),
    "api.restore": gettext_lazy("API %(name)s was restored"),
    "api.set_capacity": gettext_lazy("The capacity of API %(name)s was set"),
    "api.update": gettext_lazy("API %(name)s was changed"),
    "arms.shift": gettext_lazy("Traffic of %(name)s was shifted"),
    "ceiling.set": gettext_lazy("Ceiling %(name)s was set"),
    "certificate.create": gettext_lazy("Certificate %(name)s was added"),
    "certificate.delete": gettext_lazy("Certificate %(name)s was deleted"),
    "certificate.replace": gettext_lazy("Certificate %(name)s was replaced"),
    "demo.off": gettext_lazy("The demo was switched off"),
    "demo.on": gettext_lazy("The demo was switched on"),
    "demo.remove": gettext_lazy("The demo was removed"),
    "environment.create": gettext_lazy("Environment %(name)s was made"),
    "environment.promote": gettext_lazy("Another environment was promoted to %(name)s"),
    "environment.promotion_undone": gettext_lazy("The promotion to %(name)s was undone"),
    "environment.resumed_after_restore": gettext_lazy("The database of %(name)s was restored"),
    "environment.update": gettext_lazy("Settings of %(name)s were changed"),
    "gateway.enroll": gettext_lazy("Gateway %(name)s joined"),
    "gateway.remove": gettext_lazy("Gateway %(name)s was removed"),
    "host.create": gettext_lazy("Host %(name)s was added"),
    "host.delete": gettext_lazy("Host %(name)s was deleted"),
    "host.order_certificate": gettext_lazy("A certificate was ordered for host %(name)s"),
    "host.update": gettext_lazy("Host %(name)s was changed"),
    "issuer.create": gettext_lazy("Issuer %(name)s was registered"),
    "issuer.delete": gettext_lazy("Issuer %(name)s was removed"),
    "issuer.update": gettext_lazy("Issuer %(name)s was changed"),
    "plan.add_version": gettext_lazy("Plan %(name)s got new terms"),
    "plan.archive": gettext_lazy("Plan %(name)s was archived"),
    "plan.create": gettext_lazy("Plan %(name)s was added"),
    "plan.move_subscriptions": gettext_lazy("Subscriptions of plan %(name)s were moved"),
    "plan.restore": gettext_lazy("Plan %(name)s was restored"),
    "plan.update": gettext_lazy("Plan %(name)s was changed"),
    "product.archive": gettext_lazy("Product %(name)s was archived"),
    "product.create": gettext_lazy("Product %(name)s was added"),
    "product.restore": gettext_lazy("Product %(name)s was restored"),
    "product.update": gettext_lazy("Product %(name)s was changed"),
    "revision.deploy": gettext_lazy("%(name)s was deployed"),
    "revision.rollback": gettext_lazy("%(name)s went back to an earlier revision"),
    "version.bind_to_groups": gettext_lazy("Which gateways serve %(name)s was chosen"),
    "version.block": gettext_lazy("%(name)s was blocked"),
    "version.create": gettext_lazy("Version %(name)s was added"),
    "version.deprecate": gettext_lazy("%(name)s was deprecated"),
    "version.publish": gettext_lazy("%(name)s was published"),
    "version.reinstate": gettext_lazy("%(name)s was reinstated"),
    "version.retire": gettext_lazy("%(name)s was retired"),
    "version.return": gettext_lazy("%(name)s was returned to its owner"),
    "version.sandbox": gettext_lazy("The sandbox of %(name)s was changed"),
    "version.submit": gettext_lazy("%(name)s was submitted for review"),
    "version.unblock": gettext_lazy("%(name)s was unblocked"),
    "version.update": gettext_lazy("%(name)s was changed"),
}


def reason_words(reason: str) -> str:
    """The reason of a publication as people read it; what people wrote themselves stays as it is."""
    if (trial := _TRIAL.fullmatch(reason)) is not None:
        return _trial_words(trial["number"], trial["why"])
    acts, rest = _split(reason)
    if not acts:
        return reason
    told = clauses(acts)
    if not rest:
        return told
    return gettext("%(acts)s; and %(count)s more") % {"acts": told, "count": rest}


def _trial_words(number: str, why: str) -> str:
    if (gateways := _GATEWAYS.fullmatch(why)) is not None:
        text = gettext(
            "The trial of publication %(number)s failed: of %(calls)s calls of %(version)s the gateways on trial"
            " refused %(failed)s or answered them with 5xx, where %(usual)s were to be expected by the others"
        )
        return text % {"number": number, **gateways.groupdict()}
    worker = _WORKER.fullmatch(why)
    if worker is None:
        told = {"number": number, "why": why.rstrip(".")}
        return gettext("The trial of publication %(number)s failed: %(why)s") % told
    text = gettext(
        "The trial of publication %(number)s failed at gateway %(gateway)s: of %(calls)s calls of %(version)s its"
        " worker on trial refused %(failed)s or answered them with 5xx, where %(usual)s were to be expected by its"
        " other workers"
    )
    return text % {"number": number, **worker.groupdict()}


def _split(reason: str) -> tuple[list[str], str]:
    """(acts in words, how many more there were); no acts for a text of another form."""
    found = _REST.fullmatch(reason)
    whole, rest = (found[1], found[2] or "") if found is not None else (reason, "")
    acts = [_ACT.fullmatch(part) for part in whole.split(_BETWEEN)]
    named = [act for act in acts if act is not None and act[1] in _WORDS]
    if len(named) != len(acts):
        return [], ""
    return [_WORDS[act[1]] % {"name": act[2]} for act in named], rest
