"""Operations of two documents compared: what is there, parameters, bodies, answers. Schemas are left to the walk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apim.openapi.contract import SKIPPED_OPERATIONS, Contract, Located, Operation, template_names, template_shape
from apim.openapi.differing.kinds import Direction
from apim.openapi.differing.ledger import Found, Ledger
from apim.openapi.differing.schemas import Pair
from apim.openapi.differing.walk import SchemaWalk
from apim.openapi.differing.work import OPERATIONS, Work
from apim.openapi.values import Node, Place, node, text, texts, weight_of

_WORK_AN_OPERATION = 20
_STYLES = {"query": "form", "path": "simple", "header": "simple", "cookie": "form"}


@dataclass(slots=True)
class _Part:
    """What operations may share: a parameter, a body or an answer, before and after, and what changed of it."""

    old: Located
    new: Located
    changes: list[Found] = field(default_factory=list)
    operations: dict[str, None] = field(default_factory=dict)

    def note(self, kind: str, message: str, where: tuple[Place, Place] | None = None) -> None:
        """Notes a change; where it is unless it is said."""
        self.changes.append(Found(kind, message, where or (self.old.at, self.new.at)))


class OperationsComparison:
    """Two lists of operations. A webhook's caller is the service: what it sends, callers receive.

    What many operations refer to, such as an answer, is compared once: its part gains the operations, and `tell` puts
    what changed of it into the ledger.
    """

    def __init__(self, contracts: tuple[Contract, Contract], ledger: Ledger, walk: SchemaWalk, work: Work) -> None:
        self._contracts = contracts
        self._ledger = ledger
        self._walk = walk
        self._work = work
        self._parts: dict[tuple[object, ...], _Part] = {}
        self._sent: Direction = "request"
        self._received: Direction = "response"

    def compare(self, before: Iterable[Operation], after: Iterable[Operation]) -> list[tuple[Operation, Operation]]:
        """Tells the ledger what changed; the operations that both have."""
        old, new = _by_shape(before), _by_shape(after)
        is_whole = [SKIPPED_OPERATIONS not in contract.skipped for contract in self._contracts]
        for key, operation in old.items() if is_whole[1] else ():
            if key not in new:
                self._note("operation-removed", f"{operation.name} is removed.", (operation.at, None), operation.name)
        for key, operation in new.items() if is_whole[0] else ():
            if key not in old:
                self._note("operation-added", f"{operation.name} is new.", (None, operation.at), operation.name)
        pairs = [(old[key], new[key]) for key in old if key in new]
        compared = []
        for left, right in pairs:
            if not self._work.take(_WORK_AN_OPERATION + weight_of(left.value) + weight_of(right.value), OPERATIONS):
                break
            self._operation(left, right)
            compared.append((left, right))
        return compared

    def compare_webhooks(self) -> None:
        """The same for what the service calls."""
        self._sent, self._received = "response", "request"
        self.compare(self._contracts[0].webhooks, self._contracts[1].webhooks)

    def tell(self) -> None:
        """Puts the changes of parts into the ledger, each with every operation that has the part."""
        for part in self._parts.values():
            for found in part.changes:
                self._ledger.add_all(found, part.operations)

    def _operation(self, old: Operation, new: Operation) -> None:
        where, name = (old.at, new.at), old.name
        is_old, is_new = (one.value.get("deprecated") is True for one in (old, new))
        if is_old != is_new:
            kind = "operation-deprecated" if is_new else "operation-reinstated"
            self._note(kind, f"{name} {'is deprecated' if is_new else 'is kept'}.", where, name)
        ids = text(old.value.get("operationId")), text(new.value.get("operationId"))
        if ids[0] != ids[1]:
            self._note("operation-id-changed", f"`{ids[0]}` is `{ids[1]}` now.", where, name)
        if _words(old.value) != _words(new.value):
            self._note("operation-text-changed", f"{name} is described otherwise.", where, name)
        for left, right in zip(template_names(old.path), template_names(new.path), strict=True):
            if left != right:
                self._note("parameter-renamed", f"`{left}` in the path of {name} is `{right}` now.", where, name)
        self._parameters(old, new)
        self._body(old, new)
        self._responses(old, new)

    def _parameters(self, old: Operation, new: Operation) -> None:
        before, after = _parameters_of(old), _parameters_of(new)
        for key, found in before.items():
            if key not in after:
                message = f"The parameter `{text(found.value.get('name'))}` of {old.name} is removed."
                self._note("parameter-removed", message, (found.at, new.at), old.name)
        for key, found in after.items():
            if key in before:
                self._parameter(old, before[key], found)
                continue
            is_required = found.value.get("required") is True
            kind = "parameter-added-required" if is_required else "parameter-added"
            name = text(found.value.get("name"))
            message = f"{old.name} has a new{' required' if is_required else ''} parameter `{name}` in {key[0]}."
            self._note(kind, message, (old.at, found.at), old.name)

    def _parameter(self, operation: Operation, old: Located, new: Located) -> None:
        part, is_new_part = self._part("parameter", old, new, operation.name)
        if not is_new_part:
            return
        label = f"The parameter `{text(new.value.get('name'))}`"
        is_old, is_new = (one.value.get("required") is True for one in (old, new))
        if is_old != is_new:
            kind = "parameter-became-required" if is_new else "parameter-became-optional"
            part.note(kind, f"{label} {'is required now' if is_new else 'may be left out now'}.")
        if _style(old.value) != _style(new.value):
            part.note("parameter-style-changed", f"{label} is written in another way (`style`, `explode`).")
        if new.value.get("deprecated") is True and old.value.get("deprecated") is not True:
            part.note("parameter-deprecated", f"{label} is deprecated.")
        if any(not self._work.is_same(old.value.get(name), new.value.get(name)) for name in _WORDS):
            part.note("parameter-text-changed", f"{label} is described otherwise.")
        self._schemas(part, old, new, self._sent)
        self._contents(part, "parameter", self._sent)

    def _body(self, old: Operation, new: Operation) -> None:
        before, after = old.body, new.body
        if before is None or after is None:
            if before is not None:
                self._note("body-removed", f"{old.name} has no body any more.", (before.at, new.at), old.name)
            elif after is not None:
                is_required = after.value.get("required") is True
                kind = "body-added-required" if is_required else "body-added"
                message = f"{old.name} has a{' required' if is_required else ''} body now."
                self._note(kind, message, (old.at, after.at), old.name)
            return
        part, is_new_part = self._part("body", before, after, old.name)
        if not is_new_part:
            return
        is_old, is_new = (one.value.get("required") is True for one in (before, after))
        if is_old != is_new:
            kind = "body-became-required" if is_new else "body-became-optional"
            part.note(kind, f"The body {'is required now' if is_new else 'may be left out now'}.")
        if text(before.value.get("description")) != text(after.value.get("description")):
            part.note("body-text-changed", "The body is described otherwise.")
        self._contents(part, "body", self._sent)

    def _responses(self, old: Operation, new: Operation) -> None:
        before, after = old.responses, new.responses
        for status, found in before.items():
            if status not in after:
                kind = "response-removed" if status.startswith("2") else "error-removed"
                self._note(kind, f"{old.name} does not answer {status} any more.", (found.at, new.at), old.name)
        for status, found in after.items():
            if status not in before:
                self._note("response-added", f"{old.name} may answer {status}.", (old.at, found.at), old.name)
                continue
            part, is_new_part = self._part(f"answer {status}", before[status], found, old.name)
            if is_new_part:
                if text(part.old.value.get("description")) != text(found.value.get("description")):
                    part.note("response-text-changed", f"The answer {status} is described otherwise.")
                self._headers(part, status)
                self._contents(part, f"answer {status}", self._received)

    def _headers(self, part: _Part, status: str) -> None:
        both = part.old, part.new
        if not self._work.take(sum(len(node(one.value.get("headers"))) for one in both), OPERATIONS):
            return
        old, new = (_headers_of(contract, one) for contract, one in zip(self._contracts, both, strict=True))
        for name, header in old.items():
            if name not in new:
                message = f"The answer {status} has no header `{name}` any more."
                part.note("header-removed", message, (header.at, part.new.at))
        for name, header in new.items():
            if name not in old:
                part.note("header-added", f"The answer {status} has a new header `{name}`.", (part.old.at, header.at))
                continue
            is_old, is_new = (one.value.get("required") is True for one in (old[name], header))
            if is_old != is_new:
                kind = "header-became-required" if is_new else "header-became-optional"
                message = (
                    f"The header `{name}` of the answer {status} {'always comes' if is_new else 'may be missing'} now."
                )
                part.note(kind, message, (old[name].at, header.at))
            self._schemas(part, old[name], header, self._received)

    def _contents(self, part: _Part, noun: str, direction: Direction) -> None:
        old, new = (
            {kind.partition(";")[0].strip().lower(): media for kind, media in contract.contents(one)}
            for contract, one in zip(self._contracts, (part.old, part.new), strict=True)
        )
        for kind, media in old.items():
            if kind not in new:
                part.note("media-type-removed", f"The {noun} is not `{kind}` any more.", (media.at, part.new.at))
        for kind, media in new.items():
            if kind not in old:
                part.note("media-type-added", f"The {noun} may be `{kind}` too.", (part.old.at, media.at))
            else:
                self._schemas(part, old[kind], media, direction)

    def _schemas(self, part: _Part, old: Located, new: Located, direction: Direction) -> None:
        """Hands the schemas of two holders to the walk; a schema that is missing allows everything."""
        found = []
        for contract, holder in zip(self._contracts, (old, new), strict=True):
            found.append(contract.schema_of(holder.value, holder.at) or Located((holder.at, "schema"), {}))
        if "schema" in old.value or "schema" in new.value:
            self._walk.use(Pair(found[0], found[1], direction), part.operations)

    def _part(self, noun: str, old: Located, new: Located, operation: str) -> tuple[_Part, bool]:
        """(the part of two definitions, which gains the operation; whether it has still to be compared)."""
        key = (noun, old.at, new.at, self._sent)
        is_new = key not in self._parts
        part = self._parts.setdefault(key, _Part(old, new))
        part.operations[operation] = None
        return part, is_new

    def _note(self, kind: str, message: str, where: tuple[Place, Place], operation: str) -> None:
        self._ledger.add(Found(kind, message, where), operation)


_WORDS = ("description", "example", "examples")


def _words(operation: Node) -> tuple[object, ...]:
    texts_of = (text(operation.get("summary")), text(operation.get("description")))
    return (*texts_of, tuple(texts(operation.get("tags"))))


def _by_shape(operations: Iterable[Operation]) -> dict[tuple[str, str], Operation]:
    found: dict[tuple[str, str], Operation] = {}
    for operation in operations:
        found.setdefault((operation.method, template_shape(operation.path)), operation)
    return found


def _parameters_of(operation: Operation) -> dict[tuple[str, str], Located]:
    """By where they are and their names; those of the path by their position, which is what a call shows."""
    positions = {name: str(index) for index, name in enumerate(template_names(operation.path))}
    found = {}
    for (where, name), parameter in operation.parameters.items():
        if where == "path":
            if name in positions:
                found[where, positions[name]] = parameter
        else:
            found[where, name.lower() if where == "header" else name] = parameter
    return found


def _headers_of(contract: Contract, response: Located) -> Mapping[str, Located]:
    named = node(response.value.get("headers")).items()
    found = {str(name).lower(): contract.follow(value, ((response.at, "headers"), str(name))) for name, value in named}
    return {name: header for name, header in found.items() if header is not None}


def _style(parameter: Node) -> tuple[object, ...]:
    """How it is written on the wire, with the defaults of OpenAPI."""
    style = text(parameter.get("style")) or _STYLES.get(text(parameter.get("in")), "form")
    explode = parameter.get("explode")
    is_exploded = explode if isinstance(explode, bool) else style == "form"
    return style, is_exploded, parameter.get("allowReserved") is True
