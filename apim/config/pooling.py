"""A pool of database connections for the web process, whose threads are many and mostly wait.

A connection of its own for each thread would be more than a PostgreSQL takes by default (100, for all processes): who
came then would be answered 500. Of a pool each waits its turn, for milliseconds.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connections

MOST: Final = 32  # of one web process: two of them and all workers fit into PostgreSQL's default
_TURN_S: Final = 10.0
_TRIED_S: Final = 5.0  # who asks next has the database tried again; the pool's own pauses would grow to minutes


def share_connections() -> None:
    """Let the threads of this process share connections to PostgreSQL. To be called before the first one is made."""
    database: dict[str, Any] = connections.settings["default"]
    if database["ENGINE"].endswith("postgresql"):
        database["CONN_MAX_AGE"] = 0  # given back after each request
        pool = {"min_size": 1, "max_size": MOST, "timeout": _TURN_S, "reconnect_timeout": _TRIED_S}
        database["OPTIONS"] = {**database["OPTIONS"], "pool": pool}
