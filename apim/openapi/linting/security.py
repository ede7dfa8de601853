"""Rules about who may call, and what must not be seen on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from apim.openapi.contract import Contract, Located, Operation
from apim.openapi.linting.rules import Verdict
from apim.openapi.values import Node, Place, node, sequence, text

_SCHEMES: Place = ((None, "components"), "securitySchemes")
_SECRET = re.compile(r"(\A|[_-])(password|passwd|secret|token|api[_-]?key|pin|cvv|cvc)\Z", re.IGNORECASE)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def security_stated(contract: Contract) -> Iterator[Verdict]:
    """Each operation says which credentials it wants, or that it wants none.

    By `security` of its own or of the document; `security: []` says that everybody may call. Readers cannot tell an
    operation that is open from one that was forgotten.
    """
    for operation in contract.operations:
        is_stated = requirements_of(contract, operation) is not None
        message = f"Write `security` for the document or for {operation.name}; `security: []` when it is open to all."
        yield operation.at, "" if is_stated else message


def security_scheme(contract: Contract) -> Iterator[Verdict]:
    """Each scheme that `security` names is defined.

    In `components.securitySchemes`. A name that leads nowhere tells callers to send something nobody has described.
    """
    known = node(node(contract.data.get("components")).get("securitySchemes"))
    holders = [(None, contract.data), *((operation.at, operation.value) for operation in contract.operations)]
    for at, value in holders:
        for index, requirement in enumerate(sequence(value.get("security"))):
            for name in node(requirement):
                message = f"Define `{name}` in `components.securitySchemes`, or correct the name."
                yield ((at, "security"), str(index)), "" if name in known else message


def key_in_query(contract: Contract) -> Iterator[Verdict]:
    """No key is sent in the query.

    URLs are kept in logs, histories and referrers. Send it in a header.
    """
    for name, scheme in _schemes(contract).items():
        if text(scheme.get("type")) == "apiKey":
            message = f"Send the key of `{name}` in a header: URLs are kept in logs."
            yield (_SCHEMES, name), message if text(scheme.get("in")) == "query" else ""


def basic_scheme(contract: Contract) -> Iterator[Verdict]:
    """No scheme is HTTP Basic.

    A name and a password go with every call, cannot be limited to a purpose and cannot expire. Keys and tokens can.
    """
    for name, scheme in _schemes(contract).items():
        if text(scheme.get("type")) == "http":
            is_basic = text(scheme.get("scheme")).lower() == "basic"
            yield (_SCHEMES, name), f"Offer keys or tokens in place of Basic (`{name}`)." if is_basic else ""


def server_https(contract: Contract) -> Iterator[Verdict]:
    """Servers are reached by HTTPS.

    But for this machine. What is sent without it can be read and changed on the way.
    """
    for index, server in enumerate(sequence(contract.data.get("servers"))):
        url = text(node(server).get("url"))
        at: Place = ((None, "servers"), str(index))
        yield at, f"Write `https://` in `{url}`." if url.lower().startswith("http://") and not _is_local(url) else ""


def secret_in_url(contract: Contract) -> Iterator[Verdict]:
    """No secret is a parameter of the path or the query.

    Passwords, tokens and keys by their names. URLs are kept in logs, histories and referrers.
    """
    seen = set()
    for operation in contract.operations:
        for (where, name), found in operation.parameters.items():
            if where in {"path", "query"} and found.at not in seen:
                seen.add(found.at)
                message = f"`{name}` is in the {where}, which logs keep: send it in a header or the body."
                yield found.at, message if _SECRET.search(name) else ""


def write_open(contract: Contract) -> Iterator[Verdict]:
    """What changes something is not open to all.

    POST, PUT, PATCH and DELETE ask for credentials; one that is meant to be open switches this rule off beside itself.
    """
    for operation in contract.operations:
        requirements = requirements_of(contract, operation)
        if operation.method in {"POST", "PUT", "PATCH", "DELETE"} and requirements is not None:
            is_open = not any(requirements)
            yield operation.at, f"{operation.name} can be called by everybody: ask for credentials." if is_open else ""


def requirements_of(contract: Contract, operation: Operation) -> list[Node] | None:
    """What the operation asks for: its own alternatives, else the document's; None when neither says."""
    own = contract.requirements(operation.value)
    return contract.requirements(contract.data) if own is None else own


def _schemes(contract: Contract) -> dict[str, Node]:
    named = node(node(contract.data.get("components")).get("securitySchemes"))
    found = {str(name): contract.follow(value, (_SCHEMES, str(name))) for name, value in named.items()}
    return {name: scheme.value if isinstance(scheme, Located) else {} for name, scheme in found.items()}


def _is_local(url: str) -> bool:
    try:
        return (urlsplit(url).hostname or "") in _LOCAL
    except ValueError:
        return False
