"""The one Django process that makes the installation ready: runs a management command, reads what it prints.

Owns: how it is run and when it may run beside the services. Must not know: what it does to the database.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from apim.up.options import ROOT, Options
from apim.up.process import die_with_parent
from apim.up.refusal import RefusalError
from apim.up.services import credentials_file

COMMAND = "prepare_installation"
_ERROR_LINES = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """Shapes: set_up_url is "" when an admin exists; token and key are "" unless issued in this start.

    example_url is "" when the example is not loaded. access_seq: a gateway that reached it knows the key.
    """

    set_up_url: str
    token: str
    key: str
    example_url: str
    access_seq: int


class Preparation:
    """The running command."""

    def __init__(self, options: Options, environment: Mapping[str, str]) -> None:
        """Start it."""
        self._log = options.home / "logs" / "prepare.log"
        self._stamp = options.home / "run" / "prepared"
        self._schema = _schema_digest(options)
        administrator = {"APIM_ADMIN_EMAIL": options.admin_email, "APIM_ADMIN_PASSWORD": options.admin_password}
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = subprocess.Popen(
                self._command(options),
                cwd=ROOT,
                env={**environment, **administrator},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                process_group=0,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- the launcher has one thread
            )

    @property
    def is_done(self) -> bool:
        """True when it ended, well or not."""
        return self._popen.poll() is not None

    def result(self) -> Prepared:
        """What it made, once it is done.

        Errors: RefusalError with the command's own last words when it failed.
        """
        output, _ = self._popen.communicate()
        if self._popen.returncode != 0:
            with self._log.open("rb") as file:
                file.seek(self._log_start)
                lines = file.read().decode(errors="replace").strip().splitlines()
            words = " ".join(lines[-_ERROR_LINES:] if lines else ["it said nothing"]).removeprefix("CommandError: ")
            message = f"The installation could not be prepared: {words} (log: {self._log})"
            raise RefusalError(message)
        self._stamp.write_text(self._schema)
        return Prepared(**json.loads(output))

    def end(self) -> None:
        """End it where it is; its writes are transactions."""
        self._popen.terminate()
        self._popen.wait()

    def _command(self, options: Options) -> tuple[str, ...]:
        command = [
            sys.executable,
            "manage.py",
            COMMAND,
            "--credentials",
            str(credentials_file(options)),
            "--control-url",
            options.web_url,
            "--gateway-url",
            options.gateway_url,
        ]
        if options.has_example:
            command += ["--example", str(ROOT / "examples" / "bank" / "apim.yaml")]
            command += ["--example-port", str(options.example_port)]
        if options.is_json:
            command.append("--fresh")
        return tuple(command)


def is_schema_known(options: Options) -> bool:
    """True when this very code prepared this data directory last: nothing waits for migrations."""
    stamp = options.home / "run" / "prepared"
    return stamp.exists() and credentials_file(options).exists() and stamp.read_text() == _schema_digest(options)


def _schema_digest(options: Options) -> str:
    digest = hashlib.sha256(options.database_url.encode())
    for package in ("apim", "gateway_sync", "portal"):
        for path in sorted((ROOT / package).glob("**/migrations/*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    lock = ROOT / "requirements.lock"
    digest.update(lock.read_bytes() if lock.exists() else b"")
    return digest.hexdigest()
