"""Two schemas compared, keyword by keyword, for one direction; what stands within them is left to the walk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apim.openapi.contract import Contract, Located
from apim.openapi.differing.flat import ALL_TYPES, Flat, bound, flatten, is_number
from apim.openapi.differing.kinds import Direction
from apim.openapi.differing.ledger import Found, label_of
from apim.openapi.differing.work import Work
from apim.openapi.values import Node, Place, node, same, written

_LOWER = ("minimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
_RULES = (
    "pattern", "format", "multipleOf", "uniqueItems", "not", "if", "then", "else", "patternProperties", "propertyNames",
    "contains", "minContains", "maxContains", "prefixItems", "dependentRequired", "dependentSchemas",
    "unevaluatedProperties", "unevaluatedItems", "contentEncoding", "contentMediaType",
)  # fmt: skip
_TEXTS = ("title", "description", "example", "examples", "externalDocs")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two schemas that stand for the same, and the direction in which they are used."""

    before: Located
    after: Located
    direction: Direction


class SchemaComparison:
    """What changed from one schema to another, and the pairs of schemas within them."""

    def __init__(self, contracts: tuple[Contract, Contract], pair: Pair, work: Work) -> None:
        self._contracts = contracts
        self._pair = pair
        self._same = work.is_same
        self._before = flatten(contracts[0], pair.before, work)
        self._after = flatten(contracts[1], pair.after, work)
        self._label = f"`{label_of(pair.after.at)}`"
        self.inner: list[Pair] = []

    def changes(self) -> Iterator[Found]:
        """What differs here; `inner` is filled on the way. Nothing of schemas that are too large to be looked at."""
        if not (self._before.is_whole and self._after.is_whole):
            return
        yield from self._types()
        yield from self._enum()
        yield from self._bounds()
        yield from self._rules()
        yield from self._properties()
        yield from self._other_properties()
        yield from self._items()
        yield from self._variants()
        yield from self._default()
        yield from self._texts()

    def _found(self, kind: str, message: str, name: str = "") -> Found:
        return Found(kind, message, (_place(self._before, name), _place(self._after, name)))

    def _types(self) -> Iterator[Found]:
        old, new = self._before.types, self._after.types
        if old is None or new is None:
            old, new = old or ALL_TYPES, new or ALL_TYPES
        elif ("null" in old) != ("null" in new):
            is_allowed = "null" in new
            kind = "null-allowed" if is_allowed else "null-forbidden"
            yield self._found(kind, f"{self._label} {'may be' if is_allowed else 'may no longer be'} null.", "type")
            old, new = old - {"null"}, new - {"null"}
        if old != new:
            kind = "type-narrowed" if new < old else "type-widened" if new > old else "type-changed"
            yield self._found(kind, f"The type of {self._label} was {_listed(old)} and is {_listed(new)}.", "type")

    def _enum(self) -> Iterator[Found]:
        old, new = _values(self._before), _values(self._after)
        if old is None and new is not None:
            yield self._found("enum-added", f"{self._label} is one of {', '.join(new.values())} now.", "enum")
        elif old is not None and new is None:
            yield self._found("enum-removed", f"{self._label} is no longer one of a list.", "enum")
        elif old is not None and new is not None:
            for key in old.keys() - new.keys():
                yield self._found("enum-value-removed", f"{self._label} is no longer {old[key]}.", "enum")
            for key in new.keys() - old.keys():
                yield self._found("enum-value-added", f"{self._label} may be {new[key]} too.", "enum")

    def _bounds(self) -> Iterator[Found]:
        for name, is_lower in (*((name, True) for name in _LOWER), *((name, False) for name in _UPPER)):
            old, new = bound(self._before, name), bound(self._after, name)
            if name in _LOWER[1:]:
                old, new = old or (0, False), new or (0, False)
            if old != new:
                is_tighter = old is None or (new is not None and _is_tighter(old, new, is_lower=is_lower))
                kind = "bound-tightened" if is_tighter else "bound-loosened"
                yield self._found(kind, f"`{name}` of {self._label} was {_shown(old)} and is {_shown(new)}.", name)

    def _rules(self) -> Iterator[Found]:
        for name in _RULES:
            old, new = self._before.word(name), self._after.word(name)
            old, new = (None if value is False else value for value in (old, new))
            if self._same(old, new):
                continue
            if old is None:
                yield self._found("rule-added", f"{self._label} has a `{name}` now: {written(new)}.", name)
            elif new is None:
                yield self._found("rule-removed", f"{self._label} has no `{name}` any more.", name)
            else:
                message = f"`{name}` of {self._label} was {written(old)} and is {written(new)}."
                yield self._found("rule-changed", message, name)
        discriminators = [node(flat.word("discriminator")).get("propertyName") for flat in (self._before, self._after)]
        if discriminators[0] != discriminators[1]:
            message = f"The variants of {self._label} are told apart by {written(discriminators[1])} now."
            yield self._found("discriminator-changed", message, "discriminator")

    def _properties(self) -> Iterator[Found]:
        old, new = self._visible(self._before), self._visible(self._after)
        for name, schema in old.items():
            if name not in new:
                where = (schema.at, self._pair.after.at)
                yield Found("property-removed", f"{self._label} has no `{name}` any more.", where)
        for name, schema in new.items():
            if name in old:
                self.inner.append(Pair(old[name], schema, self._pair.direction))
                continue
            is_required = name in self._after.required
            kind = "property-added-required" if is_required else "property-added"
            message = f"{self._label} has a new `{name}`{', which is required' if is_required else ''}."
            yield Found(kind, message, (self._pair.before.at, schema.at))
        described = self._before.properties.keys() | self._after.properties.keys()
        yield from self._required(described - (old.keys() & new.keys()))

    def _required(self, besides: set[str]) -> Iterator[Found]:
        old, new = self._before.required, self._after.required
        for name in sorted((old.keys() ^ new.keys()) - besides):
            is_now = name in new
            kind = "property-became-required" if is_now else "property-became-optional"
            message = f"`{name}` of {self._label} {'is required now' if is_now else 'may be missing now'}."
            yield Found(kind, message, (old.get(name, self._pair.before.at), new.get(name, self._pair.after.at)))

    def _visible(self, flat: Flat) -> dict[str, Located]:
        """The properties that this direction has: neither asks for what is of the other."""
        other = "readOnly" if self._pair.direction == "request" else "writeOnly"
        return {name: schema for name, schema in flat.properties.items() if schema.value.get(other) is not True}

    def _other_properties(self) -> Iterator[Found]:
        name = "additionalProperties"
        old, new = self._before.word(name), self._after.word(name)
        if isinstance(old, dict) and old and isinstance(new, dict) and new:
            yield from self._within(name, name)
        elif (old is False) != (new is False):
            kind = "properties-closed" if new is False else "properties-opened"
            message = (
                f"{self._label} {'no longer has' if new is False else 'may have'} properties that are not described."
            )
            yield self._found(kind, message, name)
        elif bool(isinstance(old, dict) and old) != bool(isinstance(new, dict) and new):
            kind = "rule-added" if isinstance(new, dict) and new else "rule-removed"
            yield self._found(kind, f"What other properties of {self._label} hold is said otherwise.", name)

    def _items(self) -> Iterator[Found]:
        yield from self._within("items", "items")

    def _within(self, name: str, noun: str) -> Iterator[Found]:
        """Pairs the two schemas of a keyword; one alone is a rule more or less."""
        found = [
            contract.follow(flat.word(name), _place(flat, name))
            for contract, flat in zip(self._contracts, (self._before, self._after), strict=True)
        ]
        if found[0] is not None and found[1] is not None:
            self.inner.append(Pair(found[0], found[1], self._pair.direction))
        elif found[0] is not None or found[1] is not None:
            kind = "rule-added" if found[1] is not None else "rule-removed"
            yield self._found(kind, f"What the {noun} of {self._label} are is said otherwise.", name)

    def _variants(self) -> Iterator[Found]:
        old, new = _by_key(self._before), _by_key(self._after)
        if bool(old) != bool(new):
            kind = "rule-added" if new else "rule-removed"
            yield self._found(kind, f"{self._label} {'has' if new else 'no longer has'} variants (`oneOf`, `anyOf`).")
            return
        gone = [key for key in old if key not in new]
        come = [key for key in new if key not in old]
        pairs = [(key, key) for key in old if key in new]
        if len(gone) == len(come) == 1:
            pairs.append((gone.pop(), come.pop()))
        for left, right in pairs:
            found = self._contracts[0].follow(*old[left]), self._contracts[1].follow(*new[right])
            if found[0] is not None and found[1] is not None:
                self.inner.append(Pair(found[0], found[1], self._pair.direction))
        for key in gone:
            where = (old[key][1], self._pair.after.at)
            yield Found("variant-removed", f"{self._label} is no longer {_named(old[key][0])}.", where)
        for key in come:
            where = (self._pair.before.at, new[key][1])
            yield Found("variant-added", f"{self._label} may be {_named(new[key][0])} too.", where)

    def _default(self) -> Iterator[Found]:
        old, new = ("default" in flat.words for flat in (self._before, self._after))
        values = self._before.word("default"), self._after.word("default")
        if new and not old:
            yield self._found("default-added", f"{self._label} is {written(values[1])} when it is left out.", "default")
        elif old and (not new or not self._same(*values)):
            now = written(values[1]) if new else "none"
            message = f"The default of {self._label} was {written(values[0])} and is {now}."
            yield self._found("default-changed", message, "default")

    def _texts(self) -> Iterator[Found]:
        if (self._after.word("deprecated") is True) and self._before.word("deprecated") is not True:
            yield self._found("schema-deprecated", f"{self._label} is deprecated.", "deprecated")
        changed = [name for name in _TEXTS if not self._same(self._before.word(name), self._after.word(name))]
        if changed:
            names = ", ".join(f"`{name}`" for name in changed)
            yield self._found("schema-text-changed", f"{names} of {self._label}.", changed[0])


def _place(flat: Flat, name: str) -> Place:
    """Where a keyword stands; the schema when it is not there."""
    return flat.words[name][1] if name in flat.words else flat.at


def _values(flat: Flat) -> dict[str, str] | None:
    """What `enum` or `const` allows, by a text that equal values share; None when neither is there."""
    if "const" in flat.words:
        return {same(flat.word("const")): f"`{written(flat.word('const'))}`"}
    values = flat.word("enum")
    return {same(value): f"`{written(value)}`" for value in values} if isinstance(values, list) else None


def _by_key(flat: Flat) -> dict[str, tuple[Node, Place]]:
    return {_key(variant): (variant, at) for variant, at in flat.variants}


def _key(variant: Node) -> str:
    """What makes a variant the same in both documents: what it refers to, its title, or all of it."""
    return str(variant.get("$ref") or variant.get("title") or same(variant))


def _named(variant: Node) -> str:
    name = variant.get("$ref") or variant.get("title")
    return f"`{str(name).rpartition('/')[2]}`" if name else written(variant)


def _is_tighter(old: tuple[float, bool], new: tuple[float, bool], *, is_lower: bool) -> bool:
    if old[0] != new[0]:
        return new[0] > old[0] if is_lower else new[0] < old[0]
    return new[1] and not old[1]


def _shown(bound: tuple[float, bool] | None) -> str:
    if bound is None:
        return "none"
    return f"{bound[0]:g}{' itself excluded' if bound[1] else ''}" if is_number(bound[0]) else "none"


def _listed(types: frozenset[str]) -> str:
    if types == ALL_TYPES:
        return "any"
    shown = types - {"integer"} if "number" in types else types
    return " or ".join(sorted(shown)) or "none"
