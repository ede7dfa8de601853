"""Networks that a credential may be used from: CIDR blocks, of IPv4 and IPv6.

Owns: how they are written. Must not know: how gateways find the address of a caller.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext as _

from apim.errors import Invalid

MOST_NETWORKS: Final = 100


def checked_networks(texts: Iterable[str]) -> list[str]:
    """The blocks in canonical form, each once, in the order given; an address alone is a block of one.

    Errors: Invalid access.networks, field allowed_networks, with what is wrong in words.
    """
    found: dict[str, None] = {}
    for text in texts:
        if text.strip():
            found[str(_block(text.strip()))] = None
    if len(found) > MOST_NETWORKS:
        raise _refusal(_("A key has at most %(most)s networks.") % {"most": MOST_NETWORKS}, _("Name larger blocks."))
    return list(found)


def _block(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        block = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        message = _("%(text)s is neither an address nor a network.") % {"text": text[:60]}
        raise _refusal(message, _("Write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.")) from error
    if block.prefixlen == 0:
        raise _refusal(_("%(text)s is everywhere.") % {"text": text}, _("Leave the networks empty to allow any."))
    if isinstance(block, ipaddress.IPv6Network) and block.network_address.ipv4_mapped is not None:
        raise _refusal(_("%(text)s is an IPv4 address in disguise.") % {"text": text[:60]}, _("Write it as IPv4."))
    return block


def _refusal(message: str, hint: str) -> Invalid:
    return Invalid("access.networks", message, hint=hint, field="allowed_networks")
