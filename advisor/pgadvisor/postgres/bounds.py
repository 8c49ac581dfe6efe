"""How much of the server's time a run, and a single transaction, may take; and what ends them."""

from __future__ import annotations

import psycopg

# A transaction holds back vacuum, and CREATE INDEX CONCURRENTLY waits for it, for as long as it runs.
MAX_TRANSACTION_S = 30.0
# The server's own end to a transaction that we could not end (from 17 on): after ours, which keeps the connection.
TRANSACTION_TIMEOUT_S = 35
# How long the server lets an open transaction wait for our next command.
IDLE_TIMEOUT_S = 15

SERVER_TIME_REMEDY = "Raise --max-server-time (collect.max_server_time_s)."


class ServerTimeSpent(psycopg.Error):
    """The limit on the run's total of server time is reached; nothing that has not been read yet will be.

    sentence says so, for a gap.
    """

    def __init__(self, max_server_time_s: float) -> None:
        self.sentence = f"The limit of {max_server_time_s:g} s of server time was reached"
        super().__init__(self.sentence)


class TransactionTooLong(psycopg.Error):
    """A transaction has run for as long as any of ours may."""

    def __init__(self) -> None:
        super().__init__(f"its transaction had run for {MAX_TRANSACTION_S:g} s, longer than any of ours may")
