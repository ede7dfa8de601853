"""APIs in Markdown, for programs that read: `llms.txt` and the reference. Pure: text from what it is given.

Follows https://llmstxt.org: a title, a quotation that sums up, sections of links with a note each.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from apim.ui.templatetags.prose import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from apim.catalog.models import API, APIVersion, Guide
    from apim.catalog.reference import Content, OperationDetail

    Address = Callable[..., str]  # (route name, *arguments) -> absolute URL

MOST_DETAILED: Final = 60  # operations in full in one document; the others are named
_NOTE: Final = 200


def site_index(apis: Iterable[API], url: Address) -> str:
    """`llms.txt` of the portal: each API with its own."""
    lines = ["# API portal", "", "> APIs with their references, guides and plans.", "", "## APIs", ""]
    lines += [
        _link(api.display_name, url("portal:api_llms", api.name), excerpt(api.description, _NOTE)) for api in apis
    ]
    lines += ["", "## Access", "", _link("Pricing", url("portal:pricing"), "every plan on offer")]
    lines.append(_link("Problems", url("portal:problems"), "each code that the gateway answers, and what to do"))
    return "\n".join(lines) + "\n"


def api_index(api: API, versions: Iterable[APIVersion], guides: Iterable[Guide], url: Address) -> str:
    """`llms.txt` of an API: its references, documents and guides."""
    lines = [f"# {_line(api.display_name)}", "", f"> {excerpt(api.description, 400) or _line(api.display_name)}", ""]
    lines += [f"Keys go into the header `{api.key_header}`.", "", "## Reference", ""]
    for version in versions:
        name = f"{version.name} ({version.state})"
        lines.append(
            _link(name, url("portal:reference_markdown", api.name, version.name), "every operation in Markdown")
        )
        lines.append(_link(f"{name} OpenAPI", url("portal:document", api.name, version.name), "the contract"))
    lines += ["", "## Guides", ""] if guides else []
    lines += [_link(guide.title, url("portal:guide_markdown", api.name, guide.slug), "") for guide in guides]
    lines += [
        "",
        "## Optional",
        "",
        _link("Changelog", url("portal:changelog_feed", api.name), "what changed, as Atom"),
    ]
    return "\n".join(lines) + "\n"


def reference_markdown(
    version: APIVersion,
    base: str,
    operations: Iterable[tuple[str, str, OperationDetail | None]],
    left_out: Iterable[str],
) -> str:
    """The reference of a version. Shapes: operations = (method and path, summary, detail); left_out are only named."""
    api = version.api
    lines = [f"# {_line(api.display_name)} {version.name}", ""]
    lines += [f"State: {version.state}."]
    if version.sunset_at:
        lines.append(f"It ends on {version.sunset_at:%Y-%m-%d}.")
    if version.successor:
        lines.append(f"Its successor is {version.successor.name}.")
    lines += ["", f"Base address: `{base}`", ""] if base else [""]
    lines += [f"Send your key in the header `{api.key_header}`.", ""]
    for name, summary, detail in operations:
        lines += [f"## `{name}`", ""]
        lines += [_line(summary), ""] if summary else []
        lines += _detail_lines(detail) if detail else []
    names = list(left_out)
    if names:
        lines += [
            "## More operations",
            "",
            "Ask for them by `?tag=` or `?q=`.",
            "",
            *(f"- `{name}`" for name in names),
            "",
        ]
    return "\n".join(lines)


def _detail_lines(detail: OperationDetail) -> Iterator[str]:
    if detail.description:
        yield from (detail.description.strip(), "")
    if detail.parameters:
        yield from ("Parameters:", "")
        for each in detail.parameters:
            need = "required" if each.is_required else "optional"
            rules = f"; {', '.join(each.rules)}" if each.rules else ""
            yield f"- `{each.name}` ({each.location}, {each.type}, {need}{rules}): {_line(each.description)}".rstrip(
                ": "
            )
        yield ""
    if detail.body:
        yield from ("Body:", "")
        yield from _content_lines(detail.body.contents)
    if detail.answers:
        yield from ("Answers:", "")
        for answer in detail.answers:
            yield f"- {answer.status}: {_line(answer.description)}".rstrip(": ")
        yield ""


def _content_lines(contents: Iterable[Content]) -> Iterator[str]:
    for content in contents:
        yield f"`{content.media_type}`"
        yield ""
        for row in content.rows:
            if row.name:
                need = "required" if row.is_required else "optional"
                yield f"{'  ' * max(row.depth, 0)}- `{row.name}` ({row.type}, {need}): {_line(row.description)}".rstrip(
                    ": "
                )
        if content.example:
            yield from ("", "```", _fenced(content.example), "```")
        yield ""


def _link(name: str, address: str, note: str) -> str:
    label = _line(name).replace("[", "(").replace("]", ")")
    return f"- [{label}]({address}){f': {note}' if note else ''}"


def _line(text: str) -> str:
    """The text on one line, so that it cannot begin a section of its own."""
    return " ".join(text.split())


def _fenced(text: str) -> str:
    """An example that cannot end its own fence."""
    return text if "```" not in text else json.dumps(text)
