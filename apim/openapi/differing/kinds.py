"""Kinds of change between two documents, and what each does to callers.

Owns: the classification. What callers send may only widen, what they receive may only narrow: so most kinds of a schema
break on one side and not on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Impact = Literal["breaking", "safe", "text"]
Direction = Literal["request", "response"]
IMPACTS: Final[tuple[Impact, ...]] = ("breaking", "safe", "text")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change. Shapes: request and response say the impact on what callers send and receive."""

    id: str
    request: Impact
    response: Impact
    reason: str

    def impact(self, direction: Direction) -> Impact:
        """What it does to callers in a direction."""
        return self.request if direction == "request" else self.response


def _any(kind: str, impact: Impact, reason: str) -> Kind:
    return Kind(kind, impact, impact, reason)


def _narrows(kind: str, reason: str) -> Kind:
    return Kind(kind, "breaking", "safe", reason)


def _widens(kind: str, reason: str) -> Kind:
    return Kind(kind, "safe", "breaking", reason)


_REFUSED = "What callers send today may be refused; what they receive stays within what they know."
_UNKNOWN = "What callers send stays allowed; they may receive what they do not know."

KINDS: Final[tuple[Kind, ...]] = (
    _any("info-changed", "text", "The title, version or description of the API: nothing that a call notices."),
    _any("tags-changed", "text", "Tags order references; no call notices."),
    _any("server-added", "safe", "Callers come by the gateway, whose address does not change."),
    _any("server-removed", "safe", "Callers come by the gateway; tell those who call this server themselves."),
    _any("operation-added", "safe", "Nobody calls it yet."),
    _any("operation-removed", "breaking", "Its callers get 404."),
    _any("operation-deprecated", "safe", "It works as before; callers are told to move."),
    _any("operation-reinstated", "safe", "It works as before."),
    _any("operation-id-changed", "safe", "Calls are the same; generated clients rename a method."),
    _any("operation-text-changed", "text", "Summary, description or tags: no call notices."),
    _any("parameter-renamed", "safe", "The name of a part of the path: calls are the same."),
    _any("parameter-added", "safe", "It may be left out."),
    _any("parameter-added-required", "breaking", "Calls without it are refused."),
    _any("parameter-removed", "breaking", "What callers send there has no effect any more, or is refused."),
    _any("parameter-became-required", "breaking", "Calls without it are refused."),
    _any("parameter-became-optional", "safe", "It may be left out now."),
    _any("parameter-style-changed", "breaking", "What callers send is read otherwise."),
    _any("parameter-deprecated", "safe", "It works as before."),
    _any("parameter-text-changed", "text", "Its description: no call notices."),
    _any("body-added", "safe", "It may be left out."),
    _any("body-added-required", "breaking", "Calls without it are refused."),
    _any("body-removed", "breaking", "What callers send there has no effect any more, or is refused."),
    _any("body-became-required", "breaking", "Calls without it are refused."),
    _any("body-became-optional", "safe", "It may be left out now."),
    _any("media-type-added", "safe", "Callers choose it or not."),
    _any("media-type-removed", "breaking", "Callers that send or ask for it are refused."),
    _any("body-text-changed", "text", "Its description or examples: no call notices."),
    _any("response-added", "safe", "An answer that callers were not told of before."),
    _any("response-removed", "breaking", "Callers wait for this success, and it no longer comes."),
    _any("error-removed", "safe", "An error that no longer comes."),
    _any("response-text-changed", "text", "Its description or examples: no call notices."),
    _any("header-added", "safe", "Callers may pass over it."),
    _any("header-removed", "breaking", "Callers that read it find nothing."),
    _any("header-became-optional", "breaking", "Callers that rely on it may find nothing."),
    _any("header-became-required", "safe", "It always comes now."),
    Kind("property-added", "safe", "safe", "It may be left out of requests; readers pass over what they do not know."),
    Kind("property-added-required", "breaking", "safe", "Requests without it are refused; readers pass over it."),
    _any("property-removed", "breaking", "It has no effect in requests, or is refused; readers of answers miss it."),
    Kind(
        "property-became-required", "breaking", "safe", "Requests without it are refused; in answers it always comes."
    ),
    Kind("property-became-optional", "safe", "breaking", "Readers that rely on it may find nothing."),
    Kind("properties-closed", "breaking", "safe", "Requests with properties that are not described are refused."),
    _any("properties-opened", "safe", "Properties that are not described are allowed now."),
    _narrows("type-narrowed", _REFUSED),
    _widens("type-widened", _UNKNOWN),
    _any("type-changed", "breaking", "Values of the old type are refused, and those of the new one not understood."),
    _narrows("null-forbidden", _REFUSED),
    _widens("null-allowed", _UNKNOWN),
    _narrows("enum-added", _REFUSED),
    _widens("enum-removed", _UNKNOWN),
    _narrows("enum-value-removed", _REFUSED),
    _widens("enum-value-added", "Callers that know all values of an answer by name meet a new one."),
    _narrows("bound-tightened", _REFUSED),
    _widens("bound-loosened", _UNKNOWN),
    _narrows("rule-added", _REFUSED),
    _widens("rule-removed", _UNKNOWN),
    _any("rule-changed", "breaking", "Neither rule holds the other: some values of before are outside of the new one."),
    _narrows("variant-removed", _REFUSED),
    _widens("variant-added", _UNKNOWN),
    _any("discriminator-changed", "breaking", "Callers tell the variants apart by another property."),
    Kind("default-changed", "breaking", "text", "Requests that leave it out mean something else now."),
    _any("default-added", "safe", "What requests that leave it out mean is said now."),
    _any("schema-deprecated", "safe", "It works as before."),
    _any("schema-text-changed", "text", "Title, description or examples: no call notices."),
    _any("security-stated", "safe", "Nothing was said before; what the gateway asks for does not change."),
    _any("security-added", "breaking", "It was open to all; calls without credentials are refused."),
    _any("security-removed", "safe", "It is open to all now."),
    _any("security-alternative-added", "safe", "One more way to be let in."),
    _any("security-alternative-removed", "breaking", "Callers that come this way are refused."),
    _any("scope-added", "breaking", "Tokens without the scope are refused."),
    _any("scope-removed", "safe", "Tokens need less."),
)
BY_ID: Final = {kind.id: kind for kind in KINDS}
