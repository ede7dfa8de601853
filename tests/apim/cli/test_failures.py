"""The command when things are wrong: a sentence and a hint on standard error, exit code 1, never a traceback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml12

from apim.cli.errors import CLIError
from apim.cli.main import run
from apim.cli.sources import read_sources
from apim.config.env import ROOT
from tests.apim.cli.conftest import Run
from tests.waiting import PATIENCE_S

SEVERAL = json.dumps({
    "detail": "The first.", "hint": "Mend the first.",
    "errors": [
        {"pointer": "/a", "message": "The first.", "hint": "Mend the first."},
        {"pointer": "/b", "message": "The second.", "hint": "Mend the second."},
    ],
}).encode()  # fmt: skip


class Odd(BaseHTTPRequestHandler):
    """Answers what control planes do not."""

    def do_GET(self) -> None:
        """HTML, half JSON, a redirect, or nothing, by the token."""
        token = self.headers["Authorization"].removeprefix("Bearer ")
        if token == "silence":
            return
        status, kind, body = {
            "html": (200, "text/html", b"<h1>Welcome to nginx</h1>"),
            "half": (200, "application/json", b'{"data": ['),
            "gateway": (502, "text/html", b"<h1>Bad gateway</h1>"),
            "redirect": (302, "text/html", b""),
            "several": (400, "application/problem+json", SEVERAL),
            "strange": (400, "application/problem+json", b'{"errors": [1, {"pointer": "/a"}], "title": "Odd"}'),
        }[token]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Location", "http://127.0.0.1:9/stolen")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def odd_server() -> Iterator[str]:
    """The URL of something that is no control plane."""
    server = HTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("token", ["html", "half", "gateway", "redirect", "silence", "strange"])
def test_an_answer_that_is_none_is_told_in_words(bare: Run, odd_server: str, token: str) -> None:
    result = bare("get", "apis", "-o", "json", env={"APIM_URL": odd_server, "APIM_TOKEN": token})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("apim: ")
    assert "Traceback" not in result.stderr


def test_each_of_several_errors_is_told_with_its_own_hint(bare: Run, odd_server: str) -> None:
    result = bare("get", "apis", env={"APIM_URL": odd_server, "APIM_TOKEN": "several"})
    assert result.stderr.splitlines() == [
        "apim: The first.", "  /a: The first. Mend the first.", "  /b: The second. Mend the second.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "token", "said"),
    [
        ("http://127.0.0.1:1", "t", "cannot be reached"),
        ("http://no-such-host.invalid", "t", "cannot be reached"),
        ("https://127.0.0.1:1", "t", "cannot be reached"),
        ("nonsense", "t", "not the URL"),
        ("http://[::1", "t", ""),
        ("http://127.0.0.1:notaport", "t", ""),
        ("http://127.0.0.1:1", "a\nb", ""),
        ("http://127.0.0.1:1", "caf\u00e9\u2603", ""),
    ],
)
def test_a_control_plane_out_of_reach_is_told_in_words(bare: Run, url: str, token: str, said: str) -> None:
    result = bare("gateways", env={"APIM_URL": url, "APIM_TOKEN": token})
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("get",),
        ("apply",),
        ("apply", "-f", "missing.yaml"),
        ("get", "apis", "-o", "xml"),
        ("publish",),
        ("keys",),
        ("keys", "nonsense"),
        ("usage",),
        ("import", "x.yaml"),
        ("--nonsense",),
        (),
        ("keys", "roll", "crd_1", "--overlap", "soon"),
        ("publish", "bank", "v1", "--revision", "many"),
    ],
)
def test_wrong_usage_exits_with_1_and_says_why(bare: Run, arguments: tuple[str, ...]) -> None:
    result = bare(*arguments, env={"APIM_URL": "http://127.0.0.1:1", "APIM_TOKEN": "t"})
    assert (result.returncode, result.stdout) == (1, ""), result.stdout
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_token_it_says_how_to_get_one(bare: Run) -> None:
    result = bare("get", "apis")
    assert result.returncode == 1
    assert "apim login" in result.stderr


def test_a_damaged_login_is_told_in_words(bare: Run, environ: dict[str, str]) -> None:
    path = Path(environ["XDG_CONFIG_HOME"]) / "apim" / "login.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    result = bare("get", "apis")
    assert result.returncode == 1
    assert "damaged" in result.stderr


def test_an_interrupt_ends_it_without_a_traceback(environ: dict[str, str]) -> None:
    server = HTTPServer(("127.0.0.1", 0), Odd)  # it listens and never answers
    url = f"http://127.0.0.1:{server.server_port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "apim.cli", "gateways"],
        env=environ | {"APIM_URL": url, "APIM_TOKEN": "t"},
        stderr=subprocess.PIPE,
        text=True,
    )
    server.socket.settimeout(PATIENCE_S)
    connection, _ = server.socket.accept()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    connection.close()
    server.server_close()
    assert (process.returncode, errors.strip()) == (1, "Interrupted.")


def test_the_version_and_every_help_text_are_there(bare: Run) -> None:
    assert bare("version").stdout.startswith("apim ")
    for command in ("import", "apply", "get", "describe", "usage", "publish", "rollback", "gateways", "trace", "login"):
        result = bare(command, "--help")
        assert result.returncode == 0
        assert "Example" in result.stdout, command
    for command in ("create", "list", "roll", "revoke"):
        assert "Example" in bare("keys", command, "--help").stdout


def test_the_command_imports_nothing_of_the_server() -> None:
    ours = ("apim.backups", "apim.cli", "apim.pricing")  # what works without one
    code = (
        "import sys, apim.cli.main; "
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'gateway_sync', 'portal', 'httpx') "
        f"or name.startswith('apim.') and not name.startswith({ours})])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout.replace("'", '"')) == []


def test_the_reference_in_docs_is_current() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "apim.cli.reference"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "reference" / "cli.md").read_text() == made.stdout, "run script/docs"


def test_documents_keep_their_text_and_their_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: A  # kept\n")
    (tmp_path / "b.yaml").write_text("kind: B\nspec: { $file: x.txt }")
    (tmp_path / "x.txt").write_text("content")
    bundle = read_sources([str(tmp_path)])
    assert bundle.documents == "kind: A  # kept\n---\nkind: B\nspec: { $file: x.txt }\n"
    assert bundle.files == {"x.txt": "content"}
    assert bundle.located("line 4: wrong") == f"{tmp_path / 'b.yaml'} line 2: wrong"


def test_what_is_put_in_for_references_moves_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2_VALUE", 'two\nlines: "é"')
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(name)
        lines = (
            "kind: A",
            "flow: { $env: R2_VALUE }",
            "block:",
            "  $env: R2_VALUE  # why",
            "list:",
            "  - $env: R2_VALUE",
        )
        (tmp_path / name / "a.yaml").write_text("\n".join((*lines, "file: { $file: ./x.txt }", "last: 1", "")))
    bundle = read_sources([str(tmp_path / "one"), str(tmp_path / "two")])
    one, two = yaml12.parse_yaml(bundle.documents, multi=True)
    value = 'two\nlines: "é"'
    assert (one["flow"], one["block"], one["list"]) == (value, value, [value])
    assert (bundle.files[one["file"]["$file"]], bundle.files[two["file"]["$file"]]) == ("one", "two")
    last = [number for number, line in enumerate(bundle.documents.splitlines(), 1) if line == "last: 1"]
    places = [f"{tmp_path / name / 'a.yaml'} line 8" for name in ("one", "two")]
    assert [bundle.located(f"line {number}") for number in last] == places


def test_a_reference_inside_a_text_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2_VALUE", "v")
    (tmp_path / "a.yaml").write_text("text: |\n  write { $env: R2_VALUE }\nvalue: { $env: R2_VALUE }\n")
    bundle = read_sources([str(tmp_path / "a.yaml")])
    assert yaml12.parse_yaml(bundle.documents) == {"text": "write { $env: R2_VALUE }\n", "value": "v"}


@pytest.mark.parametrize(("content", "said"), [(b"\xff\xfe", "UTF-8"), (None, "cannot be read")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CLIError, match=said):
        read_sources([str(path)])


def test_a_file_without_a_document_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("\n")
    assert run(["apply", "-f", str(empty)]) == 1
    assert f"{empty}: there is no document." in capsys.readouterr().err


def test_an_empty_directory_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "-f", str(tmp_path)]) == 1
    assert "no YAML or JSON file" in capsys.readouterr().err
