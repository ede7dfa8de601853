"""Where the control plane is and who asks: APIM_URL and APIM_TOKEN, else what `apim login` stored."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apim.cli.errors import CLIError

DEFAULT_URL: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Login:
    """Shapes: url without a slash at its end; token "" when there is none."""

    url: str
    token: str


def login_path() -> Path:
    """The file in which `apim login` keeps URL and token; only its owner may read it."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "apim" / "login.json"


def current_login() -> Login:
    """What the environment says, and for what it leaves out, what was stored.

    A stored token goes only to the URL that it was stored for.
    """
    stored = _read_stored()
    url = (os.environ.get("APIM_URL") or stored.url or DEFAULT_URL).rstrip("/")
    token = os.environ.get("APIM_TOKEN") or (stored.token if url == stored.url else "")
    return Login(url, token)


def store_login(login: Login) -> Path:
    """Keeps login for the next command; the file is never readable by others, not even for a moment."""
    path = login_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": login.url, "token": login.token}, file)
    draft.replace(path)
    return path


def _read_stored() -> Login:
    path = login_path()
    try:
        stored = json.loads(path.read_text())
        return Login(str(stored["url"]), str(stored["token"]))
    except FileNotFoundError:
        return Login("", "")
    except (ValueError, KeyError, TypeError) as error:
        message = f"{path} is damaged."
        raise CLIError(message, hint="Run `apim login` again.") from error
