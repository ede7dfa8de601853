"""Which addresses an upstream connection may reach; asked about the address that is connected to, not about a name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from gateway_sync.snapshot import Environment

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Cloud metadata services and what no upstream lives at, whatever an environment allows.
_NEVER = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32", "168.63.129.16/32",
        "::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128",
    )
)  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NetworkRules:
    """The rules of one environment, plus the addresses that this gateway itself listens on."""

    def __init__(self, allowed: Iterable[str], forbidden: Iterable[str], *, allow_public: bool) -> None:
        """allowed are CIDR blocks; forbidden are `address:port` of our own control ports."""
        self._allowed = tuple(ipaddress.ip_network(block, strict=False) for block in allowed)
        self._allow_public = allow_public
        pairs = [text.rpartition(":") for text in forbidden]
        self._forbidden = frozenset((host.strip("[]"), int(port)) for host, _, port in pairs if port.isdigit())
        # A server bound to a loopback or wildcard address is reached by each loopback address.
        self._loopback_ports = frozenset(port for host, port in self._forbidden if _is_loopback(host))

    def admits(self, host: str, port: int) -> bool:
        """True when a connection to this numeric address may be used."""
        address = _plain_address(host)
        if address is None or any(address in block for block in _NEVER):
            return False
        if (str(address), port) in self._forbidden or (address.is_loopback and port in self._loopback_ports):
            return False
        return any(address in block for block in self._allowed) or (self._allow_public and address.is_global)


def rules_for(environment: Environment, own_addresses: Iterable[str] = ()) -> NetworkRules:
    """The rules of an environment on a gateway that listens there. Errors: ValueError when there can be none."""
    return NetworkRules(
        environment.allowed_networks,
        (*environment.forbidden_addresses, *own_addresses),
        allow_public=environment.allow_public_networks,
    )


def _plain_address(host: str) -> IPAddress | None:
    """The address without IPv4-in-IPv6 disguises and scope; None when it is not numeric."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_loopback(host: str) -> bool:
    if host in ("localhost", "0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        return True
    address = _plain_address(host)
    return address is not None and address.is_loopback
