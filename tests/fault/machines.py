"""Machines as network namespaces around one router that can drop what goes between any two of them; Linux and root.

What is dropped is dropped in silence, as where a cable is pulled or a firewall forgets: connections hang, nobody is
refused. Packets are dropped by rules of the router's routing, so that neither a firewall nor its modules are needed.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks.machines import Machines

Told = TypeVar("Told")

_CLONE_NEWNET = 0x40000000
HERE = "here"  # this side


class SeparateMachines(Machines):
    """Machines of members, and the ways between them. This side reaches all of them until it is cut off by name."""

    bind = "0.0.0.0"

    def __init__(self, machine_by_member: Mapping[str, str]) -> None:
        """Names alone; `separate_machines` makes them."""
        self._machines = machine_by_member
        self._network = f"10.214.{os.getpid() % 256}"
        self.trusted = f"{self._network}.0/24"
        self._numbers = {name: number for number, name in enumerate((HERE, *sorted(set(machine_by_member.values()))))}
        self._rules: set[tuple[str, ...]] = set()

    def machine_of(self, member: str) -> str:
        """The name of a member's machine. Errors: KeyError."""
        return self._machines[member]

    def address_of(self, member: str) -> str:
        """Where a member is reached from everywhere."""
        return self._address(self.machine_of(member))

    @property
    def here(self) -> str:
        """Where this side is reached by them."""
        return self._address(HERE)

    def at(self, member: str, work: Callable[[], Told]) -> Told:
        """What work says on a member's machine: the calling thread goes there and comes back."""
        with Path("/proc/thread-self/ns/net").open() as own:
            with Path(f"/run/netns/{self._space(self.machine_of(member))}").open() as there:
                _enter(there.fileno())
            try:
                return work()
            finally:
                _enter(own.fileno())

    def cut(self, machine: str, *others: str) -> None:
        """Drop what goes between a machine and these others; between it and all but this side when none is named."""
        far = others or [name for name in self._numbers if name not in {machine, HERE}]
        for one, other in [(machine, other) for other in far] + [(other, machine) for other in far]:
            rule = ("from", self._address(one), "to", self._address(other), "blackhole")
            if rule not in self._rules:
                _ip("-n", self._space(""), "rule", "add", *rule)
                self._rules.add(rule)

    def heal(self) -> None:
        """Let all packets go again."""
        for rule in self._rules:
            _ip("-n", self._space(""), "rule", "del", *rule)
        self._rules.clear()

    def open(self) -> None:
        """Make the machines and their links."""
        router = self._space("")
        for name in ("", *self._machines_alone()):
            _ip("netns", "add", self._space(name))
            _ip("-n", self._space(name), "link", "set", "lo", "up")
        for name, number in self._numbers.items():
            there = () if name == HERE else ("-n", self._space(name))
            far = f"{self._space(name)}e" if name == HERE else "e0"
            peer = ("netns", self._space(name)) if name != HERE else ("netns", str(os.getpid()))
            _ip("-n", router, "link", "add", "name", f"r{number}", "type", "veth", "peer", "name", far, *peer)
            _ip("-n", router, "addr", "add", f"{self._network}.{number * 4 + 1}/30", "dev", f"r{number}")
            _ip("-n", router, "link", "set", f"r{number}", "up")
            _ip(*there, "addr", "add", f"{self._address(name)}/30", "dev", far)
            _ip(*there, "link", "set", far, "up")
            to = self.trusted if name == HERE else "default"
            _ip(*there, "route", "add", to, "via", f"{self._network}.{number * 4 + 1}")
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        subprocess.run(["nsenter", f"--net=/run/netns/{router}", "sh", "-c", forward], check=True)

    def close(self) -> None:
        """Remove them, whoever is there still."""
        for name in ("", *self._machines_alone()):
            subprocess.run(["ip", "netns", "del", self._space(name)], capture_output=True, check=False)

    def _machines_alone(self) -> list[str]:
        return [name for name in self._numbers if name != HERE]

    def _space(self, machine: str) -> str:
        """The name of a namespace: of the router for ""; the kernel takes 15 characters for a link."""
        return f"ap{os.getpid()}m{self._numbers[machine]}" if machine else f"ap{os.getpid()}r"

    def _address(self, machine: str) -> str:
        return f"{self._network}.{self._numbers[machine] * 4 + 2}"


@contextmanager
def separate_machines(machine_by_member: Mapping[str, str]) -> Iterator[SeparateMachines]:
    """Machines that exist as long as the block."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = SeparateMachines(machine_by_member)
    try:
        try:
            made.open()
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"network namespaces cannot be made here: {error}")
        yield made
    finally:
        made.close()


def _enter(namespace: int) -> None:
    """Move the calling thread to a namespace. Errors: OSError."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
