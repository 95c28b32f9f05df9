"""Run a program of ours with leases that the drill has shortened: `python -m tests.drill.program worker`.

The lengths are no settings: in service a shorter lease only makes work be done twice.
"""

from __future__ import annotations

import os

from bot import cli
from bot.conversations import outbox, turns
from bot.gateway import sending

WORKER_LEASE = "DRILL_LEASE_SECONDS"
SENDING_LEASE = "DRILL_SENDING_SECONDS"


def shorten(environment: dict[str, str]) -> None:
    """Set the leases that the environment names."""
    if WORKER_LEASE in environment:
        turns.LEASE_SECONDS = float(environment[WORKER_LEASE])
    if SENDING_LEASE in environment:
        outbox.SENDING_LEASE_SECONDS = float(environment[SENDING_LEASE])
        sending.RENEW_SECONDS = outbox.SENDING_LEASE_SECONDS / 4


if __name__ == "__main__":
    shorten(dict(os.environ))
    cli.main()
