"""Who may call, before and after: by what a caller holds, not by how a scheme is named."""

from __future__ import annotations

from collections.abc import Iterator

from apim.openapi.contract import Contract, Operation
from apim.openapi.differing.ledger import Found
from apim.openapi.values import Node, Place, node, same, text, texts, weight_of

# What one way of being let in asks for: scopes by the scheme's substance.
_Way = dict[str, frozenset[str]]


def security_changes(contracts: tuple[Contract, Contract], pair: tuple[Operation, Operation]) -> Iterator[Found]:
    """What changed of an operation's `security`."""
    (old, old_at), (new, new_at) = (_ways(contract, one) for contract, one in zip(contracts, pair, strict=True))
    where = old_at, new_at
    if new is None or old is None:
        if new is not None:
            yield Found("security-stated", "It is said which credentials are asked for.", where)
        elif old is not None and all(old):
            yield Found("security-removed", "No credentials are asked for any more.", where)
        return
    is_open, was_open = not all(new) or not new, not all(old) or not old
    if was_open and not is_open:
        yield Found("security-added", "Credentials are asked for now; it was open to all.", where)
    elif is_open and not was_open:
        yield Found("security-removed", "It is open to all now.", where)
    elif not is_open:
        yield from _alternatives(old, new, where)


def security_work(contracts: tuple[Contract, Contract], pair: tuple[Operation, Operation]) -> int:
    """The units of work that comparing them takes: each way in with each other."""
    old, new = (
        [*(contract.requirements(one.value) or contract.requirements(contract.data) or ())]
        for contract, one in zip(contracts, pair, strict=True)
    )
    size = sum(weight_of(way) for way in (*old, *new))
    return size * (1 + (len(old) + len(new)) // 4)


def _alternatives(old: list[_Way], new: list[_Way], where: tuple[Place, Place]) -> Iterator[Found]:
    for way in old:
        if any(_is_enough(way, one) for one in new):
            continue
        twin = next((one for one in new if one.keys() == way.keys()), None)
        if twin is None:
            yield Found("security-alternative-removed", f"Callers with {_named(way)} are no longer let in.", where)
        else:
            scopes = sorted({scope for scheme in twin for scope in twin[scheme] - way[scheme]})
            yield Found("scope-added", f"Tokens need {', '.join(f'`{scope}`' for scope in scopes)} now.", where)
    for way in new:
        if any(_is_enough(way, one) for one in old):
            continue
        twin = next((one for one in old if one.keys() == way.keys()), None)
        if twin is None:
            yield Found("security-alternative-added", f"Callers with {_named(way)} are let in too.", where)
        else:
            scopes = sorted({scope for scheme in twin for scope in twin[scheme] - way[scheme]})
            yield Found("scope-removed", f"Tokens no longer need {', '.join(f'`{one}`' for one in scopes)}.", where)


def _is_enough(held: _Way, asked: _Way) -> bool:
    """True when who holds the one is let in by the other."""
    return all(scheme in held and asked[scheme] <= held[scheme] for scheme in asked)


def _ways(contract: Contract, operation: Operation) -> tuple[list[_Way] | None, Place]:
    """(the ways in, where they are said); None when nothing is said, an empty way = open."""
    holders: tuple[tuple[Place, Node], ...] = ((operation.at, operation.value), (None, contract.data))
    for at, holder in holders:
        requirements = contract.requirements(holder)
        if requirements is not None:
            return [_way(contract, one) for one in requirements], (at, "security")
    return None, operation.at


def _way(contract: Contract, requirement: Node) -> _Way:
    return {_substance(contract, str(name)): frozenset(texts(scopes)) for name, scopes in requirement.items()}


def _substance(contract: Contract, name: str) -> str:
    """What a caller must hold, as a text that equal schemes share."""
    schemes = node(node(contract.data.get("components")).get("securitySchemes"))
    found = contract.follow(schemes.get(name), None)
    if found is None:
        return f"`{name}`"
    kind = text(found.value.get("type"))
    match kind:
        case "apiKey":
            return f"a key in the {text(found.value.get('in'))} `{text(found.value.get('name'))}`"
        case "http":
            return f"HTTP {text(found.value.get('scheme')).lower()}"
        case "openIdConnect":
            return f"a token of {text(found.value.get('openIdConnectUrl'))}"
        case "oauth2":
            flows = node(found.value.get("flows"))
            urls = {str(flow): node(value).get("tokenUrl") for flow, value in flows.items()}
            return f"an OAuth token ({same(urls)})"
    return f"`{name}` ({kind})"


def _named(way: _Way) -> str:
    return " and ".join(way)
