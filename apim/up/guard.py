"""A small process that outlives a killed launcher just long enough to end its children.

It reads process group ids, one a line, from standard input. End of file means that the launcher is gone. It inherits
the data directory's lock, so no new start gets in before the old children are out.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_S = 3.0
_TICK_S = 0.05


def end_groups(groups: Iterable[int], grace_s: float) -> None:
    """Ask every process group to end, and kill what is left after grace_s."""
    alive = {group for group in groups if _signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while alive and time.monotonic() < deadline:
        time.sleep(_TICK_S)
        alive = {group for group in alive if _signal_group(group, 0)}
    for group in alive:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    """False when the group has no process any more."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS: the group has only zombies
        return False
    return True


def main() -> None:
    """Wait for the launcher's end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the launcher decides, by closing the pipe
    groups = set()
    for line in sys.stdin:
        sign, group = line[0], int(line[1:])
        if sign == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups, GRACE_S)


if __name__ == "__main__":
    main()
