"""Joining: the credentials of a gateway that starts for the first time, for a token that works once.

The answer may be lost, or this process may end before it is on disk. So what is made up for asking is written first:
the control plane answers it again, and nobody else who has the token.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown, ControlPlaneRefused
from gateway_sync.runtime.credentials import Doors, write_privately

JOIN_TOKEN: Final = "APIM_JOIN_TOKEN"  # noqa: S105 - the name of an environment variable
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NONCE_BYTES: Final = 32


class JoinFailed(Exception):
    """The gateway could not join; the message says why, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What joining needs. Shapes: path is where the credentials are written."""

    control_url: str
    token: str
    path: Path
    is_plain_allowed: bool = False


def join(invitation: Invitation) -> None:
    """Write the credentials, unless they are there already. Errors: JoinFailed, OSError."""
    path = invitation.path
    if path.exists():
        return
    _check(invitation)
    asking = path.with_name(f"{path.name}.joining")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not asking.exists():
        write_privately(asking, os.urandom(_NONCE_BYTES).hex().encode())
    plane = ControlPlane(lambda: Doors(invitation.control_url, invitation.token))
    try:
        answer = plane.post("join", msgspec.json.encode({"nonce": asking.read_text()}))
        credentials = msgspec.json.decode(answer, type=dict[str, str])
    except ControlPlaneRefused as error:
        raise JoinFailed(_why(error)) from error
    except (ControlPlaneDown, ValueError) as error:
        message = f"The control plane at {invitation.control_url} cannot be reached: {error}. Nothing was changed."
        raise JoinFailed(message) from error
    write_privately(path, msgspec.json.encode({"control_url": invitation.control_url, "redis_url": "", **credentials}))
    asking.unlink()


def _check(invitation: Invitation) -> None:
    """Refuse what cannot work, or would send secrets in the clear."""
    parts = urlsplit(invitation.control_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f'"{invitation.control_url}" is no address of a control plane, such as https://apim.example.com.'
        raise JoinFailed(message)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not invitation.is_plain_allowed:
        message = (
            "Keys of the installation would come over http:// for everybody on the way to read. Use https://, or"
            " --plain in a network that you trust."
        )
        raise JoinFailed(message)
    if not invitation.token:
        message = (
            f"A token is needed to join: --token, or {JOIN_TOKEN}. The console makes one: Gateways, Add a gateway."
        )
        raise JoinFailed(message)


def _why(error: ControlPlaneRefused) -> str:
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        return "The token was used already, is older than an hour, or is no join token: make another in the console."
    return f"The control plane refused: {error}"
