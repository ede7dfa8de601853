"""Contract: an OpenAPI document as rules and comparisons look at it, whatever stands in it.

Owns: following references, finding operations and schemas, and how much of them is looked at. Each definition is
found once, however often it is referred to. Total: a value of a wrong type counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from apim.openapi.references import resolve_pointer
from apim.openapi.values import Node, Place, is_short, node, place_of, sequence, weight_of
from apim.openapi.walks import LONG_NAME, references_in, schemas_in

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# In units of values.weight_of. GitHub's API, 13 MB, has 1,200 operations of 43,000 units.
OPERATIONS_WORK: Final = 300_000
OPERATIONS_AT_MOST: Final = 20_000
MEDIA_TYPES_AT_MOST: Final = 20
ALTERNATIVES_AT_MOST: Final = 20
_WORK_AN_OPERATION: Final = 10
_HOPS_AT_MOST: Final = 20
_TEMPLATE = re.compile(r"\{[^{}/]+\}")
SKIPPED_OPERATIONS: Final = (
    f"Some operations: there are more than {OPERATIONS_AT_MOST:,}, or judging them takes more than "
    f"{OPERATIONS_WORK:,} steps."
)


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where its definition stands, behind any reference."""

    at: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. Shapes: method is GET and the like; parameters by (in, name), the operation's own win."""

    method: str
    path: str
    at: Place
    item_at: Place
    value: Node
    parameters: Mapping[tuple[str, str], Located]
    body: Located | None
    responses: Mapping[str, Located]

    @property
    def name(self) -> str:
        """How people name it: `GET /accounts/{id}`."""
        return f"{self.method} {self.path}"


class Contract:
    """The document's operations and schemas."""

    def __init__(self, data: Node) -> None:
        """Nothing is read yet. Shapes: skipped = what was not looked at, as sentences, each once."""
        self.data = data
        self.is_31 = str(data.get("openapi", "")).startswith("3.1")
        self.skipped: dict[str, None] = {}
        self._operations_work = OPERATIONS_WORK
        self._followed: dict[str, Located | None] = {}
        self._contents: dict[Place, tuple[tuple[str, Located], ...]] = {}

    @cached_property
    def paths(self) -> Mapping[str, Located]:
        """The path items by their templates."""
        return self._items("paths", lambda name: name.startswith("/"))

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation of the paths, in the document's order."""
        return tuple(self._operations(self.paths))

    @cached_property
    def webhooks(self) -> tuple[Operation, ...]:
        """What the service calls (OpenAPI 3.1); the name stands in place of the path."""
        return tuple(self._operations(self._items("webhooks", bool)))

    @cached_property
    def schemas(self) -> tuple[Located, ...]:
        """Every schema that is written out, each once, references not followed."""
        return tuple(Located(at, value) for at, value in schemas_in(self.data, self.skip))

    @cached_property
    def references(self) -> tuple[tuple[Place, str], ...]:
        """Every `$ref`: where it stands, and where it leads."""
        return tuple(references_in(self.data, self.skip))

    @cached_property
    def answers(self) -> tuple[tuple[Operation, str, Located], ...]:
        """The responses with their statuses: a definition once as a success, once as an error and once as any other.

        The operation is the first that has it.
        """
        found: dict[tuple[Place, str], tuple[Operation, str, Located]] = {}
        for operation in self.operations:
            for status, response in operation.responses.items():
                kind = status[:1] if status[:1] in {"2", "4", "5"} or status == "default" else ""
                found.setdefault((response.at, kind), (operation, status, response))
        return tuple(found.values())

    def follow(self, value: object, at: Place) -> Located | None:
        """What value is behind its references; None when they lead nowhere or it is no mapping."""
        if not isinstance(value, Mapping):
            return None
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return Located(at, value)
        if reference not in self._followed:
            self._followed[reference] = self._behind(reference)
        return self._followed[reference]

    def schema_of(self, holder: Node, at: Place) -> Located | None:
        """The schema in a parameter, header or media type, its reference followed."""
        return self.follow(holder["schema"], (at, "schema")) if "schema" in holder else None

    def contents(self, holder: Located | None) -> tuple[tuple[str, Located], ...]:
        """The media types of a body or response, with what each says."""
        if holder is None:
            return ()
        if holder.at not in self._contents:
            named = node(holder.value.get("content"))
            if len(named) > MEDIA_TYPES_AT_MOST:
                self.skip(f"Media types of a body or an answer beyond its first {MEDIA_TYPES_AT_MOST}.")
            self._contents[holder.at] = tuple(
                (str(name), Located(((holder.at, "content"), str(name)), value))
                for name, value in islice(named.items(), MEDIA_TYPES_AT_MOST)
                if isinstance(value, Mapping) and self._is_short(name)
            )
        return self._contents[holder.at]

    def requirements(self, holder: Node) -> list[Node] | None:
        """The alternatives of a `security`; None when there is none."""
        listed = holder.get("security")
        if not isinstance(listed, list):
            return None
        if len(listed) > ALTERNATIVES_AT_MOST:
            self.skip(f"Alternatives of a `security` beyond its first {ALTERNATIVES_AT_MOST}.")
        return [node(one) for one in listed[:ALTERNATIVES_AT_MOST]]

    def skip(self, sentence: str) -> None:
        """Notes what is not looked at."""
        self.skipped[sentence] = None

    def _behind(self, reference: str) -> Located | None:
        at: Place = None
        for _ in range(_HOPS_AT_MOST):
            is_found, value = resolve_pointer(self.data, reference)
            if not is_found or not isinstance(value, Mapping):
                return None
            at, further = place_of(reference), value.get("$ref")
            if not isinstance(further, str):
                return Located(at, value)
            reference = further
        return None

    def _items(self, kind: str, is_wanted: Callable[[str], bool]) -> dict[str, Located]:
        named = node(self.data.get(kind))
        if len(named) > OPERATIONS_AT_MOST:
            self.skip(SKIPPED_OPERATIONS)
        found = {
            str(name): self.follow(value, ((None, kind), str(name)))
            for name, value in islice(named.items(), OPERATIONS_AT_MOST)
            if (kind != "paths" or isinstance(name, str)) and self._is_short(name) and is_wanted(str(name))
        }
        return {name: item for name, item in found.items() if item is not None}

    def _operations(self, items: Mapping[str, Located]) -> Iterator[Operation]:
        methods: dict[Place, list[tuple[str, Node]]] = {}  # of each path item, which many paths may refer to
        for path, item in items.items():
            if item.at not in methods:
                named = item.value.items()
                methods[item.at] = [
                    (name, value) for name, value in named if name in METHODS and isinstance(value, Mapping)
                ]
            shared = len(sequence(item.value.get("parameters")))
            for name, value in methods[item.at]:
                self._operations_work -= _WORK_AN_OPERATION + shared + weight_of(value)
                if self._operations_work < 0:
                    self.skip(SKIPPED_OPERATIONS)
                    return
                yield self._operation(path, item, name, value)

    def _operation(self, path: str, item: Located, name: str, value: Node) -> Operation:
        at = (item.at, name)
        return Operation(
            method=name.upper(),
            path=path,
            at=at,
            item_at=item.at,
            value=value,
            parameters={**self._parameters(item), **self._parameters(Located(at, value))},
            body=self.follow(value.get("requestBody"), (at, "requestBody")),
            responses=self._responses(value, (at, "responses")),
        )

    def _parameters(self, holder: Located) -> dict[tuple[str, str], Located]:
        found = {}
        for index, value in enumerate(sequence(holder.value.get("parameters"))):
            parameter = self.follow(value, ((holder.at, "parameters"), str(index)))
            if parameter is not None:
                found[str(parameter.value.get("in")), str(parameter.value.get("name"))] = parameter
        return found

    def _responses(self, operation: Node, at: Place) -> dict[str, Located]:
        found = {}
        for status, value in node(operation.get("responses")).items():
            response = self.follow(value, (at, str(status)))
            if response is not None and not str(status).startswith("x-") and self._is_short(status):
                found[str(status)] = response
        return found

    def _is_short(self, name: object) -> bool:
        """True for a name that places may hold; notes one that is not."""
        if not is_short(name):
            self.skip(LONG_NAME)
            return False
        return True


def template_shape(path: str) -> str:
    """path without the names of its parameters: two templates of one shape match the same requests."""
    return _TEMPLATE.sub("{}", path)


def template_names(path: str) -> list[str]:
    """The names of the parameters of a path."""
    return [each[1:-1] for each in _TEMPLATE.findall(path)]
