"""Samples really run: against a server that notes what it was asked, in each language whose tools are here.

Compilers of Java and Go are not asked of a machine that runs the tests; their samples are also held word by word.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apim.catalog.sample_call import SampleCall
from apim.catalog.samples import samples_of
from tests.upstreams import Reply, Upstream
from tests.waiting import PATIENCE_S

AWKWARD = 'a "quote", \\ back \\u0041 slash\nline ünï 💡 $HOME `id` ${x} \x01'
FILES = {"curl": "call.sh", "Python": "call.py", "JavaScript": "call.mjs", "Java": "Call.java", "Go": "call.go"}
COMMANDS = {
    "curl": ("sh",),
    "Python": (sys.executable,),
    "JavaScript": ("node",),
    "Java": ("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1"),
    "Go": ("go", "run"),
}
NEEDED = {"curl": "curl", "Python": sys.executable, "JavaScript": "node", "Java": "javac", "Go": "go"}
NOT_ASKED_FOR = ("Java", "Go")
RUN = [each for each in NEEDED if each not in NOT_ASKED_FOR or shutil.which(NEEDED[each])]


@pytest.fixture
def server() -> Iterator[Upstream]:
    """A service that says ok."""
    with Upstream(lambda _: Reply(b"ok")) as listening:
        yield listening


@pytest.mark.parametrize("language", RUN)
def test_a_sample_sends_the_very_call_and_prints_the_answer(language: str, server: Upstream, tmp_path: Path) -> None:
    body = {"note": AWKWARD, "amount": 1.5, "open": True, "none": None}
    call = SampleCall(
        "POST", f"{server.url}/a%20b?c=d", {"X-API-Key": "key-1", "Content-Type": "application/json"}, body
    )
    code = {sample.language: sample.code for sample in samples_of(call)}[language]
    file = tmp_path / FILES[language]
    file.write_text(code)
    run = subprocess.run(
        [*COMMANDS[language], str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S * 2,
    )
    assert (run.returncode, run.stdout.strip()) == (0, "ok"), run.stderr
    (arrival,) = server.arrivals
    assert (arrival.method, arrival.target, arrival.all("x-api-key")) == ("POST", "/a%20b?c=d", ["key-1"])
    assert json.loads(arrival.body) == body


def test_java_reads_as_written() -> None:
    call = SampleCall("GET", "http://gw/bank/v1/accounts", {"X-API-Key": "KEY"})
    code = {sample.language: sample.code for sample in samples_of(call)}["Java"]
    assert code == (
        "import java.net.URI;\n"
        "import java.net.http.HttpClient;\n"
        "import java.net.http.HttpRequest;\n"
        "import java.net.http.HttpResponse;\n\n"
        "public class Call {\n"
        "  public static void main(String[] args) throws Exception {\n"
        '    HttpRequest request = HttpRequest.newBuilder(URI.create("http://gw/bank/v1/accounts"))\n'
        '        .header("X-API-Key", "KEY")\n'
        '        .method("GET", HttpRequest.BodyPublishers.noBody())\n'
        "        .build();\n"
        "    HttpResponse<String> response =\n"
        "        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());\n"
        "    if (response.statusCode() >= 400) throw new RuntimeException(response.toString());\n"
        "    System.out.println(response.body());\n"
        "  }\n"
        "}"
    )


def test_go_reads_as_written() -> None:
    """Where no Go is at hand to run it, at least nothing of it changes unseen."""
    call = SampleCall("GET", "http://gw/bank/v1/accounts", {"X-API-Key": "KEY"})
    code = {sample.language: sample.code for sample in samples_of(call)}["Go"]
    assert code == (
        'package main\n\nimport (\n\t"fmt"\n\t"io"\n\t"net/http"\n)\n\n'
        "func main() {\n"
        '\trequest, err := http.NewRequest("GET", "http://gw/bank/v1/accounts", nil)\n'
        "\tif err != nil {\n\t\tpanic(err)\n\t}\n"
        '\trequest.Header.Set("X-API-Key", "KEY")\n'
        "\tresponse, err := http.DefaultClient.Do(request)\n"
        "\tif err != nil {\n\t\tpanic(err)\n\t}\n"
        "\tdefer response.Body.Close()\n"
        "\tbody, err := io.ReadAll(response.Body)\n"
        "\tif err != nil {\n\t\tpanic(err)\n\t}\n"
        "\tif response.StatusCode >= 400 {\n\t\tpanic(response.Status)\n\t}\n"
        "\tfmt.Println(string(body))\n}"
    )
