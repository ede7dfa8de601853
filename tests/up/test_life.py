"""A whole life: the first start, the main job, an end, a start on the same data, and ends nobody asked for."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.product import (
    STOP_WITHIN_S,
    Product,
    new_place,
    processes_of,
    run,
    running,
    start,
    stop,
    wait_until_ready,
)

pytestmark = pytest.mark.product

KEY = "X-API-Key"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(new_place(tmp_path_factory.mktemp("up") / "home")) as started:
        yield started


def wait_for(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def status_with(key: str, url: str) -> int:
    return httpx.get(url, headers={KEY: key}).status_code


def test_both_doors_say_that_they_are_ready(product: Product) -> None:
    assert httpx.get(f"{product.web}/healthz/ready").json() == {"status": "ok", "database": "ok", "redis": "ok"}
    assert httpx.get(f"{product.gateway_admin}/healthz/ready").status_code == 200


def test_the_example_answers_with_the_sample_services_accounts(product: Product) -> None:
    answer = httpx.get(product.example_url, headers={KEY: product.example_key})
    assert answer.status_code == 200
    assert [account["id"] for account in answer.json()["accounts"]][:2] == ["acc-1", "acc-2"]


@pytest.mark.parametrize("headers", [{}, {KEY: "apim_live_nobodysKey"}], ids=["no key", "unknown key"])
def test_a_call_without_a_valid_key_is_refused(product: Product, headers: dict[str, str]) -> None:
    answer = httpx.get(product.example_url, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]


def test_a_call_outside_the_subscription_is_forbidden(product: Product) -> None:
    answer = httpx.get(f"{product.gateway}/trading/v1/quotes/ACME", headers={KEY: product.example_key})
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("no-subscription")


def test_calls_beyond_the_plans_rate_are_told_when_to_come_back(product: Product) -> None:
    with httpx.Client(headers={KEY: product.example_key}) as client:
        answers = [client.get(product.example_url) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"].endswith("rate-limited")


def test_the_token_is_an_admins(product: Product) -> None:
    answer = httpx.get(f"{product.web}/api/v1/gateways", headers={"Authorization": f"Bearer {product.token}"})
    assert answer.status_code == 200
    assert "embedded" in answer.text


def test_secrets_on_disk_are_for_their_owner_only(product: Product) -> None:
    for name in ("keys/keys.json", "gateway/credentials.json", "run/valkey.sock"):
        assert stat.S_IMODE((product.home / name).stat().st_mode) == 0o600, name
    for path in product.home.rglob("*"):
        assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path
    assert product.token not in (product.home / "logs" / "prepare.log").read_text()


def test_a_second_start_on_the_same_data_is_refused(product: Product) -> None:
    refused = run(new_place(product.home))
    assert refused.returncode == 1
    assert "in use" in refused.stderr
    assert str(product.process.pid) in refused.stderr
    assert httpx.get(f"{product.web}/healthz/live").status_code == 200


@pytest.mark.parametrize("name", ["beat", "granian"])
def test_a_killed_child_comes_back(product: Product, name: str) -> None:
    (old,) = [
        pid
        for pid, command in processes_of(product.home).items()
        if name in command and parent_of(pid) == product.process.pid
    ]
    os.kill(old, signal.SIGKILL)

    def is_back() -> bool:
        found = [
            pid
            for pid, command in processes_of(product.home).items()
            if name in command and parent_of(pid) == product.process.pid
        ]
        return bool(found) and old not in found

    assert wait_for(is_back, 10)
    assert wait_for(lambda: answers(f"{product.web}/healthz/ready"), 30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_everything_ends_within_five_seconds_and_starts_again_with_its_data(tmp_path: Path, number: int) -> None:
    place = new_place(tmp_path / "home")
    first = wait_until_ready(place, start(place, "--json"))
    assert stop(first.process, number) < STOP_WITHIN_S
    assert first.process.returncode == 0
    assert wait_for(lambda: processes_of(place.home) == {}, 0.5), processes_of(place.home)
    with running(place) as second:
        assert second.token != first.token
        assert second.example_key != first.example_key
        assert status_with(second.example_key, second.example_url) == 200
        assert wait_for(lambda: status_with(first.example_key, second.example_url) == 401, 5)
        old = httpx.get(f"{second.web}/api/v1/gateways", headers={"Authorization": f"Bearer {first.token}"})
        assert old.status_code == 401


def test_a_killed_launcher_leaves_no_child_and_a_start_right_after_succeeds(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    first = wait_until_ready(place, start(place, "--json"))
    assert len(processes_of(place.home)) > 8
    stop(first.process, signal.SIGKILL)
    with running(place) as second:  # waits for the old children's guard
        assert status_with(second.example_key, second.example_url) == 200
        assert all(parent_of(pid) != 1 for pid, command in processes_of(place.home).items() if "guard" not in command)


def test_a_killed_launchers_children_are_gone_within_five_seconds(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    product = wait_until_ready(place, start(place, "--json"))
    stop(product.process, signal.SIGKILL)
    assert wait_for(lambda: processes_of(place.home) == {}, 5), processes_of(place.home)


def test_a_start_for_people_prints_the_set_up_link_and_two_calls(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home", APIM_ADMIN_EMAIL="", APIM_ADMIN_PASSWORD="")
    process = start(place)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("  curl") and KEY not in line:
                break
        link = next(line for line in lines if "/setup?token=" in line)
        assert httpx.get(link).status_code == 200
        with_key, without = [line for line in lines if line.startswith("curl")]
        key, url = with_key.split(f"'{KEY}: ")[1].split("' ")
        assert status_with(key, url) == 200
        assert httpx.get(without.split()[-1]).status_code == 401
    finally:
        stop(process)


def test_without_the_example_nothing_of_it_is_there(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    process = start(place, "--json", "--no-example")
    try:
        product = wait_until_ready(place, process)
        assert product.example_url == ""
        assert httpx.get(f"{product.gateway}/bank/v1/accounts").status_code == 404
        listed = httpx.get(f"{product.web}/api/v1/apis", headers={"Authorization": f"Bearer {product.token}"})
        assert listed.status_code == 200
        assert "bank" not in json.dumps(listed.json())
    finally:
        stop(process)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1
