"""Gateway, mesh or both: six answers to a verdict with reasons. Pure: the console and the command line ask it alike.

Source: docs/explain/gateway-or-mesh.md tells why the questions are these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


def gettext_noop(text: str) -> str:
    """The text; marks it for the catalogues of translations, which pages look it up in."""
    return text


class Verdict(StrEnum):
    """What to put between the two sides."""

    GATEWAY = "gateway"
    MESH = "mesh"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Question:
    """One of the six. Shapes: key is the name of the answer everywhere; help tells what yes means."""

    key: str
    text: str
    help: str


QUESTIONS: tuple[Question, ...] = (
    Question(
        "every_replica",
        gettext_noop("Do you run every replica of both sides?"),
        gettext_noop("Yes: the same people deploy callers and services, and could put a proxy beside each of them."),
    ),
    Question(
        "one_authority",
        gettext_noop("Do both sides trust one certificate authority?"),
        gettext_noop("Yes: one authority issues the certificates of both, and both learn of a new root in time."),
    ),
    Question(
        "outside_developers",
        gettext_noop("Do outside developers call?"),
        gettext_noop("Yes: partners, customers or a public programme write some of the callers."),
    ),
    Question(
        "one_product",
        gettext_noop("Is it all within one product boundary?"),
        gettext_noop("Yes: one team can change both sides together, in one release, without asking anybody."),
    ),
    Question(
        "other_than_http",
        gettext_noop("Does anything other than HTTP flow between them?"),
        gettext_noop("Yes: database connections, message brokers or protocols of your own. gRPC is HTTP."),
    ),
    Question(
        "offered_as_product",
        gettext_noop("Is it offered as a product?"),
        gettext_noop("Yes: with plans, keys, documentation, versions and somebody who answers for them."),
    ),
)
KEYS = tuple(question.key for question in QUESTIONS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. Shapes: speaks_for is what it argues for; key is the question it follows from."""

    key: str
    speaks_for: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A verdict. Shapes: notes are what to mind besides; step is the next thing to do."""

    verdict: Verdict
    title: str
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...]
    step: str


_TITLES = {
    Verdict.GATEWAY: gettext_noop("A gateway"),
    Verdict.MESH: gettext_noop("A mesh"),
    Verdict.BOTH: gettext_noop("Both: a gateway at the edge, a mesh inside"),
}
_STEPS = {
    Verdict.GATEWAY: gettext_noop(
        "Import the OpenAPI document of the side that is called, and offer it in a product with a plan."
    ),
    Verdict.MESH: gettext_noop(
        "Leave these calls to a mesh, and write down who owns the interface: the day a second team calls, ask again."
    ),
    Verdict.BOTH: gettext_noop(
        "Begin with the gateway: import the API that others call. Let the mesh carry what stays inside, later."
    ),
}
_OUTSIDE = Reason(
    "outside_developers",
    Verdict.GATEWAY,
    gettext_noop("Outside developers need keys, limits and documentation, and cannot run your mesh's proxies."),
)
_OFFERED = Reason(
    "offered_as_product",
    Verdict.GATEWAY,
    gettext_noop("What is offered needs plans, quotas, versions and a page to find it on: a mesh has none of them."),
)
_BOUNDARY = Reason(
    "one_product",
    Verdict.GATEWAY,
    gettext_noop("Between two products stands a contract: who calls is known by name, and old versions live on."),
)
_NO_REPLICAS = Reason(
    "every_replica",
    Verdict.GATEWAY,
    gettext_noop("A mesh needs a proxy beside every replica of both sides; a gateway needs one address."),
)
_NO_AUTHORITY = Reason(
    "one_authority",
    Verdict.GATEWAY,
    gettext_noop("A mesh knows its members by certificates of one authority; a gateway ends the trust of each side."),
)
_INSIDE = Reason(
    "one_product",
    Verdict.MESH,
    gettext_noop("Within one product, with every replica and one authority yours, calls need encryption, not plans."),
)
_OTHER = Reason(
    "other_than_http",
    Verdict.MESH,
    gettext_noop("What is not HTTP passes a mesh as connections; an API gateway has nothing to say about it."),
)
_NOTE_OTHER = gettext_noop(
    "What is not HTTP cannot go through the gateway, and a mesh is out of reach: give it TLS of its own."
)
_NOTE_REPLICAS = gettext_noop(
    "Outside developers run their own callers: your answer about replicas was read as of what lies behind the edge."
)
_NOTE_PRODUCTS = gettext_noop("Each product may run a mesh of its own inside; its neighbours need not know.")
_NOTE_OWNER = gettext_noop("One team may still want limits and a log of who calls: a gateway inside is no mistake.")


def advise(answers: Mapping[str, bool]) -> Advice:
    """The advice for six answers by key. Total: every combination has a verdict and a reason.

    Errors: KeyError for a missing answer.
    """
    asked = {key: answers[key] for key in KEYS}
    can_mesh = asked["every_replica"] and asked["one_authority"]
    for_gateway = [
        reason
        for applies, reason in (
            (asked["outside_developers"], _OUTSIDE),
            (asked["offered_as_product"], _OFFERED),
            (not asked["one_product"], _BOUNDARY),
        )
        if applies
    ]
    for_mesh = [
        reason
        for applies, reason in (
            (can_mesh and asked["one_product"], _INSIDE),
            (can_mesh and asked["other_than_http"], _OTHER),
        )
        if applies
    ]
    if not can_mesh:
        for_gateway += [
            reason
            for applies, reason in (
                (not asked["every_replica"], _NO_REPLICAS),
                (not asked["one_authority"], _NO_AUTHORITY),
            )
            if applies
        ]
    verdict = Verdict.MESH if not for_gateway else Verdict.BOTH if for_mesh else Verdict.GATEWAY
    return Advice(verdict, _TITLES[verdict], (*for_gateway, *for_mesh), tuple(_notes(asked, verdict)), _STEPS[verdict])


def _notes(asked: Mapping[str, bool], verdict: Verdict) -> list[str]:
    notes = []
    if asked["other_than_http"] and verdict is Verdict.GATEWAY:
        notes.append(_NOTE_OTHER)
    if asked["outside_developers"] and asked["every_replica"]:
        notes.append(_NOTE_REPLICAS)
    if not asked["one_product"]:
        notes.append(_NOTE_PRODUCTS)
    if verdict is Verdict.MESH:
        notes.append(_NOTE_OWNER)
    return notes
