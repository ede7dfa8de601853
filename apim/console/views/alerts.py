"""Alert rules: what fires, the rules with a preview of the last week, and what the detector noted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.permissions import is_admin
from apim.accounts.services import actor_of
from apim.alerts import services
from apim.alerts.anomalies import rule_query, sentence
from apim.alerts.models import AlertRule, Anomaly, Firing
from apim.alerts.telling import traffic_path
from apim.alerts.templates import TEMPLATES
from apim.alerts.words import condition, place, value_words
from apim.catalog.models import API
from apim.console.alert_picture import limit_of, preview_picture
from apim.console.forms.alerts import RuleForm, SnoozeForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.scope import apis_of, can_edit, find_api_to_edit
from apim.errors import Forbidden
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.console.gate import ConsoleRequest

ANOMALIES_SHOWN = 10
RULES_SHOWN = 200


def firing_rows(firings: Iterable[Firing]) -> list[dict[str, Any]]:
    """What tables show of firings. Shapes: firings come with rule, API, version and environment."""
    return [
        {
            "firing": firing,
            "rule": firing.rule,
            "place": place(firing.rule),
            "value": value_words(firing.rule.kind, firing.worst),
            "traffic": traffic_path(firing.rule, firing),
        }
        for firing in firings
    ]


def firings_of(user: User) -> Any:
    """The firings that the console shows to the person, newest first, with what their rows print."""
    rows = Firing.objects.visible_to(user).order_by("-started_at", "-id")
    return rows.select_related("rule__api", "rule__version", "rule__environment")


@publisher_page
def alert_list(request: ConsoleRequest) -> HttpResponse:
    """What fires, the rules, past firings and anomalies; ?api= narrows it to one."""
    name = request.GET.get("api", "")
    rules = AlertRule.objects.visible_to(request.user).select_related("api", "version", "environment")
    firings, anomalies = firings_of(request.user), Anomaly.objects.visible_to(request.user).select_related("api")
    if name:
        rules, anomalies = rules.filter(api__name=name), anomalies.filter(api__name=name)
        firings = firings.filter(rule__api__name=name)
    shown = listing(request, firings)
    now = timezone.now()
    return page(
        request,
        "console/alerts/list.html",
        api_name=name,
        rules=[
            {"rule": rule, "place": place(rule), "condition": condition(rule), "is_snoozed": rule.is_snoozed(now),
             "value": value_words(rule.kind, rule.value)}
            for rule in rules.order_by("api__name", "name", "id")[:RULES_SHOWN]
        ],
        shown=shown,
        firings=firing_rows(shown),
        anomalies=[
            {"anomaly": row, "sentence": sentence(row), "query": rule_query(row)}
            for row in anomalies.order_by("-at", "-id")[:ANOMALIES_SHOWN]
        ],
        has_apis=apis_of(request.user).exists(),
    )  # fmt: skip


@publisher_page
def alert_new(request: ConsoleRequest) -> HttpResponse:
    """First what to watch and where, then its numbers beside a preview."""
    apis = API.objects.editable_by(request.user).filter(archived_at=None).order_by("name")
    kind, name = request.GET.get("kind", ""), request.GET.get("api", "")
    is_of_gateways = kind in TEMPLATES and TEMPLATES[kind].is_of_gateways
    if is_of_gateways and not is_admin(request.user):
        raise Forbidden("console.admins_only", _("Gateways are the business of administrators."))
    if kind not in TEMPLATES or not (name or is_of_gateways):
        return page(
            request,
            "console/alerts/choose.html",
            apis=apis[:RULES_SHOWN],
            chosen=name or (apis[0].name if apis else ""),
            templates=[each for each in TEMPLATES.values() if not each.is_of_gateways],
        )
    api = None if is_of_gateways else find_api_to_edit(request.user, name)
    given = {
        setting.name: request.GET[setting.name] for setting in TEMPLATES[kind].settings if setting.name in request.GET
    }
    form = RuleForm(posted(request), api=api, kind=kind, is_new=True, initial=given)
    rule = AlertRule(api=api, kind=kind, settings=services.checked_settings(kind, {}))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            if request.POST.get("act") != "preview":
                made = services.create_rule(api=api, kind=kind, by=actor_of(request.user), **form.values())
                _promote(request, made)
                messages.success(request, _("The rule is watched from the next minute on."))
                return redirect("console:alert", made.pk)
            rule.settings = services.checked_settings(kind, form.values()["settings"])
            rule.version, rule.environment = form.cleaned_data.get("version"), form.cleaned_data["environment"]
    return page(request, "console/alerts/new.html", form=form, api=api, template=TEMPLATES[kind], **_previewed(rule))


@publisher_page
def alert_page(request: ConsoleRequest, rule_id: str) -> HttpResponse:
    """A rule: how it stands, what it would have done, its numbers, its firings, and snoozing."""
    rule = _find(request.user, rule_id)
    may_edit = _may_edit(request.user, rule)
    act = request.POST.get("act", "")
    snooze = SnoozeForm(request.POST if act == "snooze" else None)
    form = RuleForm(
        request.POST if request.method == "POST" and act in {"", "preview"} else None,
        api=rule.api,
        kind=rule.kind,
        initial=RuleForm.initial_of(rule),
    )
    previewed = rule
    if request.method == "POST":
        if not may_edit:
            raise Forbidden("console.other_team", _("This API belongs to another team."))
        if act == "wake" or (act == "snooze" and snooze.is_valid()):
            return _snoozed(request, rule, timedelta(hours=snooze.cleaned_data["hours"]) if act == "snooze" else None)
        if form.is_bound and form.is_valid():
            with errors_on(form):
                if act != "preview":
                    services.update_rule(rule=rule, changes=form.values(), by=actor_of(request.user))
                    messages.success(request, _("The rule is saved."))
                    return redirect("console:alert", rule.pk)
                previewed = _as_written(rule, form)
    shown = listing(request, firings_of(request.user).filter(rule=rule))
    return page(
        request,
        "console/alerts/rule.html",
        rule=rule,
        place=place(rule),
        condition=condition(rule),
        value=value_words(rule.kind, rule.value),
        template=TEMPLATES[rule.kind],
        is_snoozed=rule.is_snoozed(timezone.now()),
        may_edit=may_edit,
        form=form,
        snooze=snooze,
        shown=shown,
        firings=firing_rows(shown),
        **_previewed(previewed),
    )


def _snoozed(request: ConsoleRequest, rule: AlertRule, pause: timedelta | None) -> HttpResponse:
    """Nobody is told during the pause; None = firings are told again."""
    until = timezone.now() + pause if pause else None
    services.snooze_rule(rule=rule, until=until, by=actor_of(request.user))
    messages.success(request, _("Nobody is told until then.") if until else _("Firings are told again."))
    return redirect("console:alert", rule.pk)


def _as_written(rule: AlertRule, form: RuleForm) -> AlertRule:
    """The rule that the form asks for, unsaved. Errors: those of checked_settings."""
    return AlertRule(
        api=rule.api,
        kind=rule.kind,
        settings=services.checked_settings(rule.kind, form.values()["settings"]),
        version=form.cleaned_data.get("version"),
        environment=form.cleaned_data["environment"],
    )


@publisher_page
def alert_delete(request: ConsoleRequest, rule_id: str) -> HttpResponse:
    """Ask, then delete the rule."""
    rule = _find(request.user, rule_id)
    if rule.api is not None:
        find_api_to_edit(request.user, rule.api.name)
    confirmation = Confirmation(
        title=_("Delete the rule %(rule)s?") % {"rule": rule.name},
        consequences=(_("Nobody is told any more, and the list of its firings goes with it."),),
        verb=_("Delete the rule"),
        back=reverse("console:alerts"),
        done=_("The rule is deleted."),
    )
    return confirm(request, confirmation, lambda _data, by: services.delete_rule(rule=rule, by=by))


def _find(user: User, rule_id: str) -> AlertRule:
    rows = AlertRule.objects.visible_to(user).select_related("api", "version", "environment")
    return get_object_or_404(rows, pk=rule_id)


def _may_edit(user: User, rule: AlertRule) -> bool:
    """True also for an admin and a rule about gateways."""
    return is_admin(user) if rule.api is None else can_edit(user, rule.api)


def _promote(request: ConsoleRequest, rule: AlertRule) -> None:
    """Note which anomaly the rule was made of, when it was made of one."""
    asked = request.GET.get("anomaly", "")
    Anomaly.objects.editable_by(request.user).filter(pk=asked, api=rule.api).update(promoted_to=rule)


def _previewed(rule: AlertRule) -> dict[str, object]:
    preview = services.preview(AlertRule(api=rule.api, kind=rule.kind, settings=rule.settings, version=rule.version,
                                         environment=rule.environment), timezone.now())  # fmt: skip
    times = len(preview.episodes)
    summary = _("%(title)s over the last 7 days; the rule would have fired %(times)d times") % {
        "title": _(TEMPLATES[rule.kind].title),
        "times": times,
    }
    return {
        "picture": preview_picture(preview, rule.kind, limit_of(rule.kind, rule.settings), summary),
        "times": times,
        "unit": _(TEMPLATES[rule.kind].unit),
        "episodes": [
            {"start": each.start, "end": each.end, "value": value_words(rule.kind, each.worst)}
            for each in reversed(preview.episodes)
        ][:20],
    }
