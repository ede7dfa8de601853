"""Where webhooks may be sent: https to the public Internet, and to the networks that the installation names.

Owns: the rule, for what is typed and for what is connected to. Must not know: what is sent.
Source: settings.WEBHOOK_NETWORKS (APIM_WEBHOOK_NETWORKS).
"""

from __future__ import annotations

import ipaddress
from typing import Final

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apim.errors import Invalid
from apim.gateways.outbound import PORTS
from apim.webhooks.models import LONGEST_URL
from gateway_sync.runtime.core.networks import NetworkRules

_HIGHEST_PORT: Final = 65535


def check_url(url: str) -> str:
    """The URL, without what a fragment or spaces add.

    Errors: Invalid webhooks.url, field url: not https, not a URL, with a user or password, or an address that is not
    allowed. A name is looked up only when something is sent, and then each time.
    """
    if any(character.isspace() or not character.isprintable() for character in url.strip()):
        raise _refusal(_("A URL has neither spaces nor control characters."))
    try:
        parsed = httpx.URL(url.strip()).copy_with(fragment=None)
    except httpx.InvalidURL as error:
        raise _refusal(_("This is not a URL: %(why)s.") % {"why": error}) from error
    if not parsed.host or parsed.scheme not in PORTS:
        raise _refusal(_("The URL of an endpoint starts with https://."))
    if parsed.userinfo:
        raise _refusal(_("The URL holds a user name or password, which would be kept in logs."))
    if parsed.port is not None and not 0 < parsed.port <= _HIGHEST_PORT:
        raise _refusal(_("%(port)s is no port.") % {"port": parsed.port})
    if len(str(parsed)) > LONGEST_URL:
        raise _refusal(_("The URL may have %(most)s characters at most.") % {"most": LONGEST_URL})
    if parsed.scheme == "http" and not _is_loopback(parsed.host):
        raise _refusal(_("Events are sent by https only."), _("Put a server with a certificate in front."))
    if _is_address(parsed.host) and not rules_for(parsed.scheme).admits(parsed.host, _port_of(parsed)):
        raise _refusal(_("Events are not sent to the address %(host)s.") % {"host": parsed.host})
    return str(parsed)


def rules_for(scheme: str) -> NetworkRules:
    """Which addresses may be connected to: with http, those of loopback alone, and only where they are allowed."""
    networks = settings.WEBHOOK_NETWORKS
    if scheme == "https":
        return NetworkRules(networks, settings.FORBIDDEN_UPSTREAMS, allow_public=True)
    loopback = [each for each in networks if ipaddress.ip_network(each).is_loopback]
    return NetworkRules(loopback, settings.FORBIDDEN_UPSTREAMS, allow_public=False)


def _is_loopback(host: str) -> bool:
    is_allowed = any(ipaddress.ip_network(each).is_loopback for each in settings.WEBHOOK_NETWORKS)
    if not is_allowed:
        return False
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _port_of(url: httpx.URL) -> int:
    return url.port or PORTS[url.scheme]


def _refusal(message: str, hint: str = "") -> Invalid:
    return Invalid("webhooks.url", message, hint=hint, field="url")
