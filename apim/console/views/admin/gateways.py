"""The fleet: what each worker runs, gateways that join, and their removal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.alerts.models import Firing
from apim.alerts.words import value_words
from apim.console.convergence import fleet_of, gateways_of
from apim.console.forms.gateways import NewGatewayForm
from apim.console.forms.versions import ReasonForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, page, posted
from apim.gateways.joining import issue_join_token, remove_gateway, withdraw_join_token
from apim.gateways.models import Gateway, JoinToken
from apim.gateways.standing import SILENT_AFTER, ask_for_rotation, set_state
from apim.ui.forms import errors_on
from apim.ui.typed import TypedForm
from apim.usage.sides import gateways_since
from gateway_sync.delivery.canaries import set_canary
from gateway_sync.runtime.joining import JOIN_TOKEN

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.console.gate import ConsoleRequest

TOKENS_SHOWN = 50
_INSTALL: Final = """\
# in the checkout that this site runs from; then copy it to the host
.venv/bin/pip wheel --no-deps --wheel-dir dist .
# on the host
pip install ./apim-*.whl"""
_WHOLE_HOURS: Final = timedelta(hours=23)  # whose calls are shown, beside those of the hour that is under way


@admin_page
def gateway_list(request: ConsoleRequest) -> HttpResponse:
    """Workers, what each runs, how far a change has come, and who is expected."""
    now = timezone.now()
    gateways = gateways_of(request.user)
    fleet = fleet_of(gateways, now, gateways_since([each.pk for each in gateways], now - _WHOLE_HOURS))
    if request.headers.get("HX-Request"):
        return page(request, "console/admin/_fleet.html", fleet=fleet)
    expected = JoinToken.objects.visible_to(request.user).open_at(now).select_related("environment")[:TOKENS_SHOWN]
    return page(request, "console/admin/gateways.html", fleet=fleet, expected=expected, lagging=_lagging(request.user))


def _lagging(user: User) -> list[dict[str, Any]]:
    """What rules about gateways tell just now."""
    firing = Firing.objects.visible_to(user).open().filter(rule__api=None).select_related("rule")[:TOKENS_SHOWN]
    return [
        {"rule": each.rule, "detail": each.detail, "since": each.started_at,
         "value": value_words(each.rule.kind, each.worst)}
        for each in firing
    ]  # fmt: skip


@admin_page
def gateway_new(request: ConsoleRequest) -> HttpResponse:
    """A token for a gateway on another host, and the command that it starts by; shown this once."""
    form = NewGatewayForm(posted(request), viewer=request.user)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            issued = issue_join_token(**form.cleaned_data, by=actor_of(request.user))
            return page(
                request,
                "console/admin/gateway_expected.html",
                issued=issued,
                install=_INSTALL,
                command=_command(issued.secret),
                is_loopback="://127.0.0.1" in settings.BASE_URL or "://localhost" in settings.BASE_URL,
            )
    return page(request, "console/admin/gateway_new.html", form=form)


@admin_page
def gateway_remove(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks for its name, then ends a gateway's credentials."""
    row = get_object_or_404(Gateway.objects.editable_by(request.user), name=name)
    confirmation = Confirmation(
        title=gettext("Remove the gateway %(row)s?") % {"row": row.name},
        consequences=(
            gettext("The control plane refuses it from now on: it gets no change any more, and no revocation."),
            gettext("It goes on answering by what it knows until its process is ended: end that first."),
            gettext("Usage that it has not handed in yet is lost; what it handed in stays."),
        ),
        verb=gettext("Remove it"),
        back=reverse("console:admin-gateways"),
        done=gettext("%(row)s is removed.") % {"row": row.name},
    )
    form = TypedForm(posted(request), name=row.name)
    return confirm(request, confirmation, lambda _, by: remove_gateway(gateway=row, by=by), form)


@admin_page
def gateway_state(request: ConsoleRequest, name: str, state: str) -> HttpResponse:
    """Asks why, then has a gateway drain, puts it in quarantine, or lets it serve as ever."""
    row = get_object_or_404(Gateway.objects.editable_by(request.user), name=name)
    names = {"row": row.name}
    asked: dict[str, tuple[str, tuple[str, ...], str, str]] = {
        Gateway.State.DRAINING: (
            gettext("Drain %(row)s?") % names,
            (
                gettext("Its health page says that it is not ready, so that a balancer sends it nobody new."),
                gettext("It answers whoever comes all the same, and finishes what it has."),
                gettext("It stays so, after a restart too, until you let it serve again."),
            ),
            gettext("Drain it"),
            gettext("%(row)s drains within seconds.") % names,
        ),
        Gateway.State.QUARANTINED: (
            gettext("Put %(row)s in quarantine?") % names,
            (
                gettext("It is sent no new state any more, and serves the one it has."),
                gettext("What is revoked is still refused there, and what it counts is still taken."),
                gettext("It is shown apart and no longer expected to follow."),
            ),
            gettext("Put it in quarantine"),
            gettext("%(row)s is in quarantine.") % names,
        ),
        Gateway.State.SERVING: (
            gettext("Let %(row)s serve as ever?") % names,
            (gettext("It says that it is ready, and takes the state in force within seconds."),),
            gettext("Let it serve"),
            gettext("%(row)s serves as ever.") % names,
        ),
    }
    if state not in asked:
        raise Http404
    title, consequences, verb, done = asked[state]
    if state == Gateway.State.DRAINING:
        consequences = (*_left_without(row), *consequences)
    is_back = state == Gateway.State.SERVING
    confirmation = Confirmation(
        title, consequences, verb, reverse("console:admin-gateways"), done, is_danger=not is_back
    )  # fmt: skip
    form = None if is_back else ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: set_state(gateway=row, state=state, by=by, **data), form)


def _left_without(row: Gateway) -> tuple[str, ...]:
    """A warning where nobody would be ready instead; () where another gateway of its kind serves."""
    now = timezone.now()
    heard = Gateway.objects.filter(environment=row.environment_id, state=Gateway.State.SERVING).exclude(pk=row.pk)
    ready = heard.filter(seen_at__gt=now - SILENT_AFTER)
    names = {"row": row.name, "environment": row.environment, "group": row.group}
    if not ready.exists():
        told = gettext(
            "No other gateway of %(environment)s is ready: behind a balancer, callers are answered by nobody meanwhile."
        )
        return (told % names,)
    if not ready.filter(group=row.group).exists():
        told = (
            gettext("No other gateway of group %(group)s is ready: its callers are answered by nobody meanwhile.")
            if row.group
            else gettext("No other gateway without a group is ready: its callers are answered by nobody meanwhile.")
        )
        return (told % names,)
    return ()


@admin_page
def gateway_rotate(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then has a gateway fetch another credential."""
    row = get_object_or_404(Gateway.objects.editable_by(request.user), name=name)
    confirmation = Confirmation(
        title=gettext("Change the credential of %(row)s?") % {"row": row.name},
        consequences=(
            gettext("It fetches another one with its next report and uses that from then on."),
            gettext("The one it has works until then, and never after. Nobody is refused meanwhile."),
        ),
        verb=gettext("Change it"),
        back=reverse("console:admin-gateways"),
        done=gettext("%(row)s changes its credential with its next report.") % {"row": row.name},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: ask_for_rotation(gateway=row, by=by))


@admin_page
def gateway_canary(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then makes a gateway a canary, or one like the others again."""
    row = get_object_or_404(Gateway.objects.editable_by(request.user), name=name)
    names = {"row": row.name}
    if row.is_canary:
        title, told = gettext("Let %(row)s be no canary any more?"), gettext("It is sent publications with all others.")
    else:
        title = gettext("Make %(row)s a canary?")
        told = gettext(
            "Where the environment says for how long, it is sent each publication first; others follow if it did well."
        )
    confirmation = Confirmation(
        title=title % names,
        consequences=(told,),
        verb=gettext("No canary") if row.is_canary else gettext("Make it a canary"),
        back=reverse("console:admin-gateways"),
        done=gettext("%(row)s is changed.") % names,
        is_danger=False,
    )
    wanted = not row.is_canary
    return confirm(request, confirmation, lambda _, by: set_canary(gateway=row, is_canary=wanted, by=by))


@admin_page
def join_token_withdraw(request: ConsoleRequest, join_token_id: str) -> HttpResponse:
    """Asks, then voids a token that nobody used."""
    tokens = JoinToken.objects.editable_by(request.user).open_at(timezone.now())
    row = get_object_or_404(tokens, pk=join_token_id)
    confirmation = Confirmation(
        title=gettext("Withdraw the token of %(row)s?") % {"row": row.name},
        consequences=(gettext("Whoever has it can join no more. You can make another at any time."),),
        verb=gettext("Withdraw it"),
        back=reverse("console:admin-gateways"),
        done=gettext("The token of %(row)s is withdrawn.") % {"row": row.name},
    )
    return confirm(request, confirmation, lambda _, by: withdraw_join_token(token=row, by=by))


def _command(secret: str) -> str:
    """What starts it. The token stands in the environment: arguments of a process can be listed by everybody."""
    return f"{JOIN_TOKEN}={secret} \\\n  apim gateway run --join {settings.BASE_URL} --bind 0.0.0.0"
