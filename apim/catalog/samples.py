"""Samples: one call of an operation, as curl, Python, JavaScript, Java and Go. Pure text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote as shell_quote
from typing import Any
from urllib.parse import quote, urlencode

from apim.catalog.compiled_samples import go_sample, java_sample
from apim.catalog.operation_details import OperationDetail, is_json
from apim.catalog.sample_call import SampleCall

_PARAMETER = re.compile(r"\{([^{}/]+)\}")


@dataclass(frozen=True, slots=True)
class Sample:
    """The call in one language. Shapes: language is what people read, syntax what a highlighter knows."""

    language: str
    syntax: str
    code: str


def samples_for(detail: OperationDetail, *, base_url: str, key_header: str, key: str) -> Sequence[Sample]:
    """Calls of the operation below base_url, such as `https://gateway/bank/v1`, with its examples filled in."""
    values = {(one.location, one.name): one.example for one in detail.parameters}
    path = _PARAMETER.sub(
        lambda match: quote(_plain(values.get(("path", match[1]))) or match[1], safe=""), detail.entry.path
    )
    query = [
        (one.name, _plain(one.example) or "value")
        for one in detail.parameters
        if one.location == "query" and one.is_required
    ]
    headers = {key_header: key} | {
        one.name: _plain(one.example) or "value"
        for one in detail.parameters
        if one.location == "header" and one.is_required
    }
    body: Any = None
    if detail.body is not None and detail.body.contents:
        content = next((one for one in detail.body.contents if is_json(one.media_type)), detail.body.contents[0])
        headers["Content-Type"] = content.media_type
        body = json.loads(content.example) if is_json(content.media_type) and content.example else content.example
    url = f"{base_url.rstrip('/')}{path}{f'?{urlencode(query)}' if query else ''}"
    return samples_of(SampleCall(detail.entry.method, url, headers, body))


def samples_of(call: SampleCall) -> Sequence[Sample]:
    """The call in every language."""
    body = None if call.body is None else _body_text(call.body)
    return (
        Sample("curl", "shell", curl_sample(call)),
        Sample("Python", "python", python_sample(call)),
        Sample("JavaScript", "javascript", javascript_sample(call)),
        Sample("Java", "java", java_sample(call, body)),
        Sample("Go", "go", go_sample(call, body)),
    )


def curl_sample(call: SampleCall) -> str:
    """A line for a POSIX shell, quoted so that no part of it is run."""
    lines = ["curl" if call.method == "GET" else f"curl -X {call.method}"]
    if call.method == "HEAD":
        lines = ["curl -I"]  # -X HEAD would wait for a body
    lines[0] += f" {shell_quote(call.url)}"
    lines += [f"  -H {shell_quote(f'{name}: {value}')}" for name, value in call.headers.items()]
    if call.body is not None:
        lines.append(f"  --data {shell_quote(_body_text(call.body))}")
    return " \\\n".join(lines)


def python_sample(call: SampleCall) -> str:
    """A script with httpx."""
    arguments = [json.dumps(call.method), json.dumps(call.url)]
    if call.headers:
        arguments.append(f"headers={_python(_plain_headers(call))}")
    if isinstance(call.body, str):
        arguments.append(f"content={_python(call.body)}")
    elif call.body is not None:
        arguments.append(f"json={_python(call.body)}")
    listed = "".join(f"    {argument},\n" for argument in arguments)
    return f"import httpx\n\nresponse = httpx.request(\n{listed})\nresponse.raise_for_status()\nprint(response.text)"


def javascript_sample(call: SampleCall) -> str:
    """A module with fetch, for browsers and Node."""
    options: list[str] = [f"  method: {json.dumps(call.method)},"]
    if call.headers:
        options.append(f"  headers: {_indented(json.dumps(dict(call.headers), indent=2), 2)},")
    if isinstance(call.body, str):
        options.append(f"  body: {json.dumps(call.body)},")
    elif call.body is not None:
        options.append(f"  body: JSON.stringify({_indented(json.dumps(call.body, indent=2, ensure_ascii=False), 2)}),")
    lines = "\n".join(options)
    return (
        f"const response = await fetch({json.dumps(call.url)}, {{\n{lines}\n}});\n"
        "if (!response.ok) throw new Error(`${response.status}`);\nconsole.log(await response.text());"
    )


def _plain_headers(call: SampleCall) -> dict[str, str]:
    """Without the content type that httpx sets for JSON itself."""
    if isinstance(call.body, str) or call.body is None:
        return dict(call.headers)
    return {name: value for name, value in call.headers.items() if name.lower() != "content-type"}


def _body_text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)


def _python(value: object) -> str:
    """value as a Python literal over several lines, indented as an argument."""
    return _indented(_python_lines(value, 0), 4)


def _python_lines(value: object, depth: int) -> str:
    inner, outer = "    " * (depth + 1), "    " * depth
    if isinstance(value, Mapping) and value:
        pairs = "".join(
            f"{inner}{_python_lines(key, 0)}: {_python_lines(one, depth + 1)},\n" for key, one in value.items()
        )
        return f"{{\n{pairs}{outer}}}"
    if isinstance(value, list) and value:
        items = "".join(f"{inner}{_python_lines(one, depth + 1)},\n" for one in value)
        return f"[\n{items}{outer}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _indented(text: str, by: int) -> str:
    return text.replace("\n", f"\n{' ' * by}")


def _plain(value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool | list | dict):
        return json.dumps(value)
    return str(value)
