"""Calls of a rehearsal: what the gateway answers to the customer's own key."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import httpx
from django.utils import timezone

from apim.billing.models import Rehearsal
from apim.billing.rehearsing.scene import key_of
from apim.billing.rehearsing.walk import StepFailed, Walk
from apim.catalog.models import APIVersion, Deployment
from apim.gateways.models import Gateway
from apim.products.models import ProductItem

PASSES: Final = ""  # what is expected when a call is let through; else the code of the refusal
_TIMEOUT_S: Final = 10.0
_PATIENCE_S: Final = 30.0  # what is promised is two seconds; how long it took is told
_ALIVE: Final = timedelta(seconds=60)
_REFUSALS: Final = frozenset({401, 402, 403, 410, 429})
_PARAMETER: Final = re.compile(r"\{[^{}]*\}")
_TOLD_FIELDS: Final = ("RateLimit-Policy", "RateLimit", "apim-overage", "Retry-After")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Shapes: code is of the gateway's own problem, "" when the service behind it answered."""

    status: int
    code: str
    detail: str
    fields: tuple[str, ...]

    def is_as(self, expected: str) -> bool:
        """True for the refusal that is expected, or for a call that was let through when that is."""
        return self.status not in _REFUSALS if expected == PASSES else self.code == expected


def obstacle_to_calls(rehearsal: Rehearsal) -> str:
    """Why no gateway can be asked; "" when one can."""
    if not rehearsal.environment.base_url:
        return f"Nobody has said where the gateway of {rehearsal.environment} is, so nothing was asked."
    alive = Gateway.objects.filter(environment=rehearsal.environment, seen_at__gte=timezone.now() - _ALIVE)
    if not alive.exists():
        return "No gateway is connected, so nothing was asked."
    return "" if _target(rehearsal) else "The product has no operation that can be called without a body."


def call(rehearsal: Rehearsal) -> Answer | None:
    """The answer to one call with the customer's key; None where no gateway answers."""
    target = _target(rehearsal)
    if target is None:
        return None
    version, path = target
    url = f"{rehearsal.environment.base_url.rstrip('/')}/{version.api.name}/{version.name}{path}"
    headers = {version.api.key_header: key_of(rehearsal)}
    try:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            return _answer(client.get(url, headers=headers))
    except httpx.HTTPError:
        return None


def ask_gateway(walk: Walk, expected: str) -> None:
    """Keep in the step what the gateway answers, once it answers as expected.

    Errors: StepFailed when it still answers otherwise after a while; Canceled.
    """
    if why := obstacle_to_calls(walk.rehearsal):
        walk.step.gateway_said = [why]
        return
    begun, answers = time.monotonic(), list[Answer | None]()

    def is_as_expected() -> bool:
        answers[:] = [call(walk.rehearsal)]
        return answers[0] is not None and answers[0].is_as(expected)

    is_met = walk.wait(is_as_expected, at_most_s=_PATIENCE_S)
    answer = answers[0]
    if answer is None:
        walk.step.gateway_said = [f"Nothing answers at {walk.rehearsal.environment.base_url}."]
        return
    walk.step.gateway_status = answer.status
    walk.step.gateway_said = [_sentence(answer), *answer.fields]
    if not is_met:
        wanted = "let the call through" if expected == PASSES else f"have refused with {expected}"
        raise StepFailed(f"The gateway answered {answer.status} {answer.code}; it should {wanted}.")
    walk.note(f"The gateway answered so {time.monotonic() - begun:.1f} s after the ledger.")


def _answer(response: httpx.Response) -> Answer:
    problem = {}
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        try:
            problem = response.json()
        except ValueError:
            problem = {}
    fields = tuple(f"{name}: {response.headers[name]}" for name in _TOLD_FIELDS if name in response.headers)
    code = str(problem.get("type", "")).rsplit("/", 1)[-1].rsplit("#", 1)[-1]
    return Answer(response.status_code, code, str(problem.get("detail", "")), fields)


def _sentence(answer: Answer) -> str:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    told = f" ({answer.code})" if answer.code else ""
    return f"{answer.status} {phrase}{told}" + (f": {answer.detail}" if answer.detail else "")


def _target(rehearsal: Rehearsal) -> tuple[APIVersion, str] | None:
    """A version of the product and the path of something to GET there, one without parameters if there is one."""
    items = ProductItem.objects.filter(product=rehearsal.product_id, version__state__in=APIVersion.CALLABLE)
    granted = {item.version_id: item.operations for item in items}
    deployments = Deployment.objects.filter(environment=rehearsal.environment_id, version__in=granted)
    found: list[tuple[APIVersion, str]] = []
    for each in deployments.select_related("revision", "version__api").order_by("version__api__name", "version__name"):
        if each.revision.passthrough is not None:
            found.append((each.version, each.revision.passthrough.get("prefix") or "/"))
        for operation in each.revision.operations:
            name = f"{operation['method']} {operation['path']}"
            if operation["method"] == "GET" and _is_granted(name, granted[each.version_id]):
                found.append((each.version, operation["path"]))
    plain = [each for each in found if "{" not in each[1]]
    version, path = next(iter(plain or found), (None, ""))
    return None if version is None else (version, _PARAMETER.sub("1", path))


def _is_granted(name: str, granted: Sequence[str]) -> bool:
    """True for an operation that the product has: all when it names none, else by name or by how it begins."""
    return not granted or any(
        name == each or (each.endswith("*") and name.startswith(each.removesuffix("*"))) for each in granted
    )
