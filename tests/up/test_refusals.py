"""A start that cannot succeed says why in one sentence, and says it with its exit code too."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from apim.up import preflight
from apim.up.options import ROOT, read_options
from apim.up.refusal import RefusalError
from tests.product import Place, new_place, run


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path / "home")


def assert_refused(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert ended.returncode == 1
    assert ended.stdout == ""
    sentence = ended.stderr.strip()
    assert sentence.startswith("script/up: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    for part in parts:
        assert part in sentence


@pytest.mark.parametrize(
    "variable", ["APIM_WEB_PORT", "APIM_GATEWAY_PORT", "APIM_GATEWAY_ADMIN_PORT", "APIM_EXAMPLE_PORT"]
)
def test_a_taken_port_is_named_with_the_variable_that_moves_it(place: Place, variable: str) -> None:
    port = int(place.variables[variable])
    with socket.create_server(("127.0.0.1", port)):
        assert_refused(run(place, "--json"), str(port), variable)


def test_the_second_sample_service_has_a_port_too(place: Place) -> None:
    port = int(place.variables["APIM_EXAMPLE_PORT"]) + 1
    with socket.create_server(("127.0.0.1", port)):
        assert_refused(run(place, "--json"), str(port), "APIM_EXAMPLE_PORT")


def test_the_stand_in_for_stripe_has_a_port_of_its_own_and_no_key_beside_it() -> None:
    options = read_options(["--with-test-stripe"], {"APIM_STRIPE_PORT": "9300"})

    assert (options.stripe_port, options.stripe_url) == (9300, "http://127.0.0.1:9300")
    assert any(port.variable == "APIM_STRIPE_PORT" for port in options.ports())
    assert not read_options([], {}).stripe_port
    with pytest.raises(RefusalError, match="exclude each other"):
        read_options(["--with-test-stripe"], {"APIM_STRIPE_API_KEY": "sk_test_of_a_real_account"})


def test_a_copy_without_the_stand_in_for_stripe_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apim.up.options.ROOT", tmp_path)
    with pytest.raises(RefusalError, match="not of an installed copy"):
        read_options(["--with-test-stripe"], {})


def test_a_port_wanted_twice_names_both_variables(place: Place) -> None:
    twice = Place(place.home, {**place.variables, "APIM_GATEWAY_PORT": place.variables["APIM_WEB_PORT"]})
    assert_refused(run(twice), "APIM_WEB_PORT", "APIM_GATEWAY_PORT")


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1", "٣"])
def test_a_port_that_is_no_port_is_refused(place: Place, text: str) -> None:
    assert_refused(run(Place(place.home, {**place.variables, "APIM_WEB_PORT": text})), "APIM_WEB_PORT", "65535")


def test_a_data_directory_that_is_a_file_is_refused(place: Place) -> None:
    place.home.write_text("not a directory")
    assert_refused(run(place), str(place.home), "APIM_HOME")


def test_a_database_that_is_none_is_called_damage(place: Place) -> None:
    (place.home / "keys").mkdir(parents=True)
    (place.home / "db.sqlite3").write_bytes(b"something else entirely" * 100)
    (place.home / "keys" / "keys.json").write_text('{"pepper": "00"}')
    assert_refused(run(place), "damaged", "db.sqlite3")


def test_a_database_with_a_torn_head_is_called_damage(place: Place) -> None:
    (place.home / "keys").mkdir(parents=True)
    (place.home / "keys" / "keys.json").write_text('{"pepper": "00"}')
    path = place.home / "db.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE something (id INTEGER)")
    connection.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 600)
    assert_refused(run(place), "damaged", "db.sqlite3")


def test_a_database_without_its_keys_is_called_damage(place: Place) -> None:
    place.home.mkdir()
    sqlite3.connect(place.home / "db.sqlite3").close()
    (place.home / "db.sqlite3").write_bytes(b"")
    assert_refused(run(place), "damaged", "keys")


def test_torn_keys_are_called_damage(place: Place) -> None:
    (place.home / "keys").mkdir(parents=True)
    (place.home / "keys" / "keys.json").write_text('{"pepper": ')
    assert_refused(run(place), "damaged", "keys.json")


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    assert_refused(run(new_place(tmp_path / ("long" * 30))), "too long", "APIM_HOME", "REDIS_URL")


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0 or sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        assert_refused(run(new_place(disk / "home")), "full", "APIM_HOME")
        with pytest.raises(OSError, match="No space"):
            (disk / "rest").write_bytes(bytes(2**20))
        assert_refused(run(new_place(disk / "no-room-for-a-lock")), "full", "APIM_HOME")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_old_python_is_refused_by_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "MIN_PYTHON", (99, 0))
    with pytest.raises(RefusalError, match="newer is needed"):
        preflight.check_python()


def test_an_old_python_is_refused_by_the_script(tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        "class Version(tuple): pass\n"
        "sys.version_info = (3, 9, 2)\n"
        f"runpy.run_path({str(ROOT / 'script' / 'up')!r}, run_name='__main__')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 1
    assert (
        ended.stderr.strip()
        == "script/up: Python 3.11 or newer is needed, and this is Python 3.9; use a newer python3."
    )


def test_an_unreachable_database_is_refused(place: Place) -> None:
    elsewhere = Place(place.home, {**place.variables, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    environment = elsewhere.environment() | {"DATABASE_URL": elsewhere.variables["DATABASE_URL"]}
    ended = subprocess.run(
        [sys.executable, "-m", "apim.up", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "database" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_every_interface_is_reached_by_loopback() -> None:
    assert read_options([], {"APIM_BIND": "0.0.0.0"}).web_url == "http://127.0.0.1:8000"
