"""`python -m apim.up`: what script/up runs in the virtual environment."""

from __future__ import annotations

import os
import sys

from apim.up import preflight
from apim.up.launch import run
from apim.up.options import read_options
from apim.up.refusal import RefusalError
from apim.up.report import open_report


def main() -> int:
    """Run one start; the exit code."""
    try:
        os.umask(0o077)  # whatever this start and its children write is for its owner only
        preflight.check_python()
        options = read_options(sys.argv[1:], os.environ)
        with preflight.open_home(options) as lock:
            preflight.check_home(options)
            preflight.check_ports(options)
            run(options, lock, open_report(options))
    except RefusalError as error:
        print(f"script/up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
