"""Rules about what readers are told."""

from __future__ import annotations

from collections.abc import Iterator

from apim.openapi.contract import Contract, Located
from apim.openapi.linting.rules import Verdict
from apim.openapi.values import Place, node, sequence, text, texts

_SUMMARY_AT_MOST = 80
_INFO: Place = (None, "info")


def info_title(contract: Contract) -> Iterator[Verdict]:
    """`info` has a title and a version.

    OpenAPI demands both; the portal shows the title in its catalogue.
    """
    info = node(contract.data.get("info"))
    for name in ("title", "version"):
        yield _INFO, "" if text(info.get(name)) else f"Write `{name}` in `info`, as a text."


def info_description(contract: Contract) -> Iterator[Verdict]:
    """`info` describes the API.

    It is the first thing a developer reads in the portal: what the API is for and how to begin.
    """
    is_there = bool(text(node(contract.data.get("info")).get("description")))
    yield _INFO, "" if is_there else "Describe in `info.description` what the API is for and how to begin."


def info_contact(contract: Contract) -> Iterator[Verdict]:
    """`info.contact` says whom to ask.

    A developer who is stuck looks for a person, an address or a page.
    """
    contact = node(node(contract.data.get("info")).get("contact"))
    is_there = any(text(contact.get(name)) for name in ("name", "url", "email"))
    yield _INFO, "" if is_there else "Write a name, `url` or `email` in `info.contact`."


def operation_summary(contract: Contract) -> Iterator[Verdict]:
    """Each operation has a short summary.

    Lists of operations show nothing else. At most 80 characters: more is cut off or wraps.
    """
    for operation in contract.operations:
        summary = text(operation.value.get("summary"))
        if not summary:
            yield operation.at, f"Say in `summary` what {operation.name} does, such as `List accounts`."
        else:
            is_short = len(summary) <= _SUMMARY_AT_MOST
            message = (
                f"The summary has {len(summary)} characters: keep {_SUMMARY_AT_MOST}, move the rest to `description`."
            )
            yield (operation.at, "summary"), "" if is_short else message


def operation_description(contract: Contract) -> Iterator[Verdict]:
    """Each operation has a description.

    What it does beyond its summary: what it changes, what comes back, what can go wrong.
    """
    for operation in contract.operations:
        is_there = bool(text(operation.value.get("description")))
        yield operation.at, "" if is_there else f"Say in `description` what {operation.name} changes and gives back."


def operation_tag(contract: Contract) -> Iterator[Verdict]:
    """Each operation has a tag.

    References group operations by tag; those without one end up in a heap.
    """
    for operation in contract.operations:
        is_tagged = bool(texts(operation.value.get("tags")))
        yield operation.at, "" if is_tagged else f"Give {operation.name} a tag, such as `accounts`."


def parameter_description(contract: Contract) -> Iterator[Verdict]:
    """Each parameter is described.

    A name alone does not say the unit, the format, or what happens without it.
    """
    for at, parameter in _once(found for one in contract.operations for found in one.parameters.values()):
        name = text(parameter.value.get("name"))
        is_there = bool(text(parameter.value.get("description")))
        yield at, "" if is_there else f"Describe the parameter `{name}`: its meaning, unit and default."


def response_description(contract: Contract) -> Iterator[Verdict]:
    """Each response is described.

    OpenAPI demands it: the description says when this answer comes.
    """
    for at, response in _once(found for one in contract.operations for found in one.responses.values()):
        is_there = bool(text(response.value.get("description")))
        yield at, "" if is_there else "Say in `description` when this answer comes."


def example(contract: Contract) -> Iterator[Verdict]:
    """Each JSON body has an example.

    Readers copy examples before they read schemas; the portal's samples and mock answers are made from them.
    """
    bodies = {one.body.at: (one, one.body) for one in reversed(contract.operations) if one.body is not None}
    successes = [(one, found) for one, status, found in contract.answers if status.startswith("2")]
    known: dict[tuple[Place, bool], bool] = {}
    for operation, holder in (*reversed(bodies.values()), *successes):
        for kind, media in contract.contents(holder):
            if "json" in kind:
                message = f"Give the JSON of {operation.name} an `example`."
                yield media.at, "" if _has_example(contract, media, known) else message


def _has_example(contract: Contract, media: Located, known: dict[tuple[Place, bool], bool]) -> bool:
    if "example" in media.value or media.value.get("examples"):
        return True
    schema = contract.schema_of(media.value, media.at)
    if schema is not None and schema.value.get("type") == "array":
        schema = contract.follow(schema.value.get("items"), (schema.at, "items")) or schema
    return schema is None or _is_exemplified(contract, schema, known)


def _is_exemplified(contract: Contract, schema: Located, known: dict[tuple[Place, bool], bool]) -> bool:
    """True when the schema has an example of its own, or one of its properties does.

    Shapes: known = what was found, of a schema alone (False) and with its parts (True), so that each is asked once.
    """
    if (schema.at, True) not in known:
        listed = enumerate(sequence(schema.value.get("allOf")))
        inner = (contract.follow(one, ((schema.at, "allOf"), str(index))) for index, one in listed)
        parts = [schema, *(part for part in inner if part is not None)]
        for part in parts:
            if (part.at, False) not in known:
                known[part.at, False] = _says_example(part)
        known[schema.at, True] = any(known[part.at, False] for part in parts)
    return known[schema.at, True]


def _says_example(part: Located) -> bool:
    told = (part.value, *map(node, node(part.value.get("properties")).values()))
    return any("example" in one or one.get("examples") or "const" in one for one in told)


def _once(found: Iterator[Located]) -> Iterator[tuple[Place, Located]]:
    """Each definition once, however many operations refer to it."""
    seen = set()
    for one in found:
        if one.at not in seen:
            seen.add(one.at)
            yield one.at, one
