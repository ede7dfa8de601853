"""`python -m tests.stripe_server --port N`: the stand-in for Stripe in the foreground."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tests.stripe_server import saving
from tests.stripe_server.keys import TEST_KEY, Key
from tests.stripe_server.objects.webhook_endpoints import add
from tests.stripe_server.pages import BANNER
from tests.stripe_server.server import Server

_ENDS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Serve until asked to end."""
    parser = argparse.ArgumentParser(prog="python -m tests.stripe_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--webhook", help="where events are sent")
    parser.add_argument("--secret", help="what webhooks are signed with (whsec_...)")
    parser.add_argument("--key", action="append", default=[], help="a further secret key (sk_test_...)")
    parser.add_argument("--db", type=Path, help="a file that keeps everything over a restart")
    parser.add_argument("--rate-limit", type=int, help="requests a second; without, as many as come")
    options = parser.parse_args()
    # Blocked in all threads and fetched by this one: a handler may come just before the wait that it is to end, and
    # then that lasts for ever.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    server = Server(options.port)
    for text in options.key:
        server.state.keys[text] = Key(text, livemode=text.startswith("sk_live_"))
    server.state.limits.per_second = options.rate_limit
    if options.db is not None:
        saving.attach(server.state, options.db)
    mode = server.state.modes[False]
    if options.webhook:
        for each in list(mode.all("webhook_endpoint", url=options.webhook)):
            mode.remove("webhook_endpoint", each["id"])  # of an earlier start, with another secret
        add(mode, options.webhook, ["*"], options.secret)
    server.start()
    print(f"{BANNER} {server.state.address} key {TEST_KEY}", flush=True)
    signal.sigwait(_ENDS)
    server.stop()
    if server.state.saved is not None:
        server.state.saved.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
