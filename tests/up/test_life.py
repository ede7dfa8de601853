"""A whole life: the first start, the main job, an end, a start on the same data, and ends nobody asked for."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.product import (
    Place,
    Product,
    new_place,
    prepared_place,
    processes_of,
    run,
    running,
    start,
    stop,
    wait_until_ready,
)
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.product

KEY = "X-API-Key"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(new_place(tmp_path_factory.mktemp("up") / "home"), "--with-test-stripe") as started:
        yield started


def get(url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=PATIENCE_S)


def status_with(key: str, url: str) -> int:
    return get(url, {KEY: key}).status_code


def test_both_doors_say_that_they_are_ready(product: Product) -> None:
    assert get(f"{product.web}/healthz/ready").json() == {"status": "ok", "database": "ok", "redis": "ok"}
    assert get(f"{product.gateway_admin}/healthz/ready").status_code == 200


def test_the_stand_in_for_stripe_runs_beside_and_every_page_says_so(product: Product) -> None:
    (command,) = [command for command in processes_of(product.home).values() if "tests.stripe_server" in command]
    port = re.findall(r"--port (\d+)", command)[0]

    assert get(f"http://127.0.0.1:{port}/_control/health").json()["is_ready"]
    assert "Test payments: no money moves" in get(product.web).text
    assert "no money moves" in product.log("stripe")


def test_the_example_answers_with_the_sample_services_accounts(product: Product) -> None:
    answer = httpx.Response(429)

    def is_admitted() -> bool:
        nonlocal answer
        answer = get(product.example_url, {KEY: product.example_key})
        return answer.status_code != 429  # another test may have used up the rate

    wait_until(is_admitted, "admitted", pause_s=0.2)
    assert answer.status_code == 200
    assert [account["id"] for account in answer.json()["accounts"]][:2] == ["acc-1", "acc-2"]


@pytest.mark.parametrize("headers", [{}, {KEY: "apim_live_nobodysKey"}], ids=["no key", "unknown key"])
def test_a_call_without_a_valid_key_is_refused(product: Product, headers: dict[str, str]) -> None:
    answer = get(product.example_url, headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]


def test_a_call_outside_the_subscription_is_forbidden(product: Product) -> None:
    answer = get(f"{product.gateway}/trading/v1/quotes/ACME", {KEY: product.example_key})
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("no-subscription")


def test_calls_beyond_the_plans_rate_are_told_when_to_come_back(product: Product) -> None:
    answers: list[httpx.Response] = []

    def is_refused() -> bool:
        answers.append(client.get(product.example_url))
        return answers[-1].status_code == 429

    with httpx.Client(headers={KEY: product.example_key}, timeout=PATIENCE_S) as client:
        wait_until(is_refused, "refused", pause_s=0)
    refused = answers.pop()
    assert {answer.status_code for answer in answers} <= {200}
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"].endswith("rate-limited")


def test_the_token_is_an_admins(product: Product) -> None:
    answer = get(f"{product.web}/api/v1/gateways", {"Authorization": f"Bearer {product.token}"})
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
    assert get(f"{product.web}/healthz/live").status_code == 200


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

    wait_until(is_back, f"{name} is back")
    wait_until(lambda: answers(f"{product.web}/healthz/ready"), "the web server answers")


def test_it_ends_as_it_is_told_or_killed_and_starts_again_with_its_data(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    place = prepared_place(tmp_path / "home")
    first = wait_until_ready(place, start(place, "--json"))
    record_property("ended_after_s", round(stop(first.process), 2))
    assert first.process.returncode == 0
    wait_until(lambda: processes_of(place.home) == {}, "nothing is left")

    second = wait_until_ready(place, start(place, "--json"))
    try:
        assert second.token != first.token
        assert second.example_key != first.example_key
        assert status_with(second.example_key, second.example_url) == 200
        wait_until(lambda: status_with(first.example_key, second.example_url) == 401, "the first start's key is void")
        old = get(f"{second.web}/api/v1/gateways", {"Authorization": f"Bearer {first.token}"})
        assert old.status_code == 401
        assert len(processes_of(place.home)) > 8
    finally:
        stop(second.process, signal.SIGKILL)

    third = start_beside_the_old_guard(place)
    try:
        assert status_with(third.example_key, third.example_url) == 200
        assert all(parent_of(pid) != 1 for pid, command in processes_of(place.home).items() if "guard" not in command)
    finally:
        stop(third.process, signal.SIGKILL)
    took_s = wait_until(lambda: processes_of(place.home) == {}, "nothing is left")
    record_property("gone_after_s", round(took_s, 2))


def start_beside_the_old_guard(place: Place) -> Product:
    """A start waits some seconds for the old children's guard; where that one is not scheduled for long, it refuses."""
    while True:
        try:
            return wait_until_ready(place, start(place, "--json"))
        except AssertionError as refusal:
            if "in use" not in str(refusal):
                raise


def test_a_start_for_people_prints_the_set_up_link_and_two_calls_and_ends_at_sigterm(tmp_path: Path) -> None:
    place = prepared_place(tmp_path / "home", APIM_ADMIN_EMAIL="", APIM_ADMIN_PASSWORD="")
    process = start(place)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("  curl") and KEY not in line:
                break
        link = next(line for line in lines if "/setup?token=" in line)
        assert get(link).status_code == 200
        with_key, without = [line for line in lines if line.startswith("curl")]
        key, url = with_key.split(f"'{KEY}: ")[1].split("' ")
        assert status_with(key, url) == 200
        assert get(without.split()[-1]).status_code == 401
    finally:
        stop(process, signal.SIGTERM)
    assert process.returncode == 0
    wait_until(lambda: processes_of(place.home) == {}, "nothing is left")


def test_without_the_example_nothing_of_it_is_there(tmp_path: Path) -> None:
    place = prepared_place(tmp_path / "home")
    process = start(place, "--json", "--no-example")
    try:
        product = wait_until_ready(place, process)
        assert product.example_url == ""
        assert get(f"{product.gateway}/bank/v1/accounts").status_code == 404
        listed = get(f"{product.web}/api/v1/apis", {"Authorization": f"Bearer {product.token}"})
        assert listed.status_code == 200
        assert "bank" not in json.dumps(listed.json())
    finally:
        stop(process)


def answers(url: str) -> bool:
    try:
        return get(url).status_code == 200
    except httpx.TransportError:
        return False


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1
