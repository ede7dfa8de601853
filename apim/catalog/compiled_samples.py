"""Samples for languages that are compiled: Java and Go, with what their standard libraries have. Pure text."""

from __future__ import annotations

from apim.catalog.sample_call import SampleCall


def java_sample(call: SampleCall, body: str | None) -> str:
    """One file, `java Call.java`, for Java 11 and later."""
    publisher = f"HttpRequest.BodyPublishers.ofString({_java(body)})" if body is not None else _NO_BODY
    headers = "".join(f"\n        .header({_java(name)}, {_java(value)})" for name, value in call.headers.items())
    return f"""import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Call {{
  public static void main(String[] args) throws Exception {{
    HttpRequest request = HttpRequest.newBuilder(URI.create({_java(call.url)})){headers}
        .method({_java(call.method)}, {publisher})
        .build();
    HttpResponse<String> response =
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() >= 400) throw new RuntimeException(response.toString());
    System.out.println(response.body());
  }}
}}"""


def go_sample(call: SampleCall, body: str | None) -> str:
    """One file, `go run call.go`."""
    reader = f"strings.NewReader({_quoted(body)})" if body is not None else "nil"
    imports = [name for name in ("fmt", "io", "net/http", "strings") if name != "strings" or body is not None]
    listed = "".join(f'\t"{name}"\n' for name in imports)
    headers = "".join(
        f"\trequest.Header.Set({_quoted(name)}, {_quoted(value)})\n" for name, value in call.headers.items()
    )
    return f"""package main

import (
{listed})

func main() {{
\trequest, err := http.NewRequest({_quoted(call.method)}, {_quoted(call.url)}, {reader})
\tif err != nil {{
\t\tpanic(err)
\t}}
{headers}\tresponse, err := http.DefaultClient.Do(request)
\tif err != nil {{
\t\tpanic(err)
\t}}
\tdefer response.Body.Close()
\tbody, err := io.ReadAll(response.Body)
\tif err != nil {{
\t\tpanic(err)
\t}}
\tif response.StatusCode >= 400 {{
\t\tpanic(response.Status)
\t}}
\tfmt.Println(string(body))
}}"""


_NO_BODY = "HttpRequest.BodyPublishers.noBody()"
_ASCII = 128


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(text: str) -> str:
    """A string literal of Go, whose source is UTF-8."""
    return f'"{"".join(map(_escaped, text))}"'


def _java(text: str) -> str:
    """A string literal of Java in ASCII: until version 18 it read sources in the encoding of the machine."""
    units = "".join(map(_escaped, text)).encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return '"' + "".join(chr(code) if code < _ASCII else f"\\u{code:04x}" for code in codes) + '"'


def _escaped(character: str) -> str:
    """Control characters as three octal digits, which both languages read alike."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\{ord(character):03o}" if character < " " or character == "\x7f" else character
