"""ip-filter: which client addresses may call at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "ip-filter"

DESCRIPTION = Description(
    KIND,
    "Client addresses",
    "Refuses callers by their address before anything else is asked.",
    (
        Setting(
            "allow",
            "Only these networks",
            "networks",
            "When given, everyone else is refused.",
            "An address or a CIDR block.",
        ),
        Setting(
            "deny",
            "Never these networks",
            "networks",
            "Refused, also inside an allowed network.",
            "An address or a CIDR block.",
        ),
    ),
    "ip-filter: { allow: [10.0.0.0/8], deny: [10.1.2.3] }",
    "forbidden",
    accumulates=True,
)

_MOST_KNOWN = 4096  # addresses whose verdict is remembered: to read one costs ten times as much as the rest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class IPFilter:
    """Addresses in `deny` are refused; when `allow` is not empty, so is everyone outside it."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    @cached_property
    def _allowed(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(block) for block in self.allow)

    @cached_property
    def _denied(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(block) for block in self.deny)

    @cached_property
    def _known(self) -> dict[str, bool]:
        return {}

    def admits(self, address: str) -> bool:
        """True when the address may call; an unreadable address may not. ::ffff:a.b.c.d counts as a.b.c.d."""
        known = self._known
        if address not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[address] = self._find(address)
        return known[address]

    def _find(self, address: str) -> bool:
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
            client = client.ipv4_mapped
        if any(client in block for block in self._denied):
            return False
        return not self._allowed or any(client in block for block in self._allowed)


POLICY = IPFilter


def parse(settings: Mapping[str, object], where: Where) -> tuple[IPFilter | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = IPFilter(reader.networks("allow"), reader.networks("deny"))
    if not policy.allow and not policy.deny:
        reader.refuse("", "An ip-filter needs allow or deny.", number=3)
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: IPFilter) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"allow": list(policy.allow), "deny": list(policy.deny)}
