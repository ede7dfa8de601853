"""The compiled copy of this package: workers run it when it was made from exactly these sources.

Made by script/compile; see docs/adr/0010-compiled-build.md. Its folder is named by a digest of the sources and of the
interpreter's binary interface, so a copy of other sources is not found, and never in the way.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import sysconfig
from pathlib import Path

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parent.parent
FOLDER = PACKAGE.parent / ".compiled"
VARIABLE = "APIM_COMPILED"  # "no" = never use a compiled copy, "must" = refuse to start without one


class NotCompiled(OSError):
    """A compiled copy was asked for, and there is none of these sources."""


def sources_digest(package: Path = PACKAGE) -> str:
    """Names the sources of the package, together with the interpreter that a compiled copy is for."""
    digest = hashlib.sha256(str(sysconfig.get_config_var("SOABI")).encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(b"\0%s\0" % str(path.relative_to(package)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


@functools.cache  # decided once: the workers of one supervisor are all of one kind
def compiled_root() -> Path | None:
    """The folder that holds the compiled copy of this package; None when the sources are to be run as they are.

    Errors: NotCompiled when the environment says that there must be one.
    """
    wish = os.environ.get(VARIABLE, "")
    root = FOLDER / sources_digest() if wish != "no" else None
    if root is not None and (root / "complete").exists():
        logger.info("workers run the compiled copy %s", root.name)
        return root
    if wish == "must":
        raise NotCompiled("There is no compiled copy of these sources; script/compile makes it.")
    logger.info("workers run the sources as they are")
    return None


def worker_environment() -> dict[str, str]:
    """The environment of a worker process, in which it finds the compiled copy before the sources."""
    root = compiled_root()
    if root is None:
        return dict(os.environ)
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
