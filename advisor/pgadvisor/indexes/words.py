"""Locks and caveats in words; PostgreSQL manual, "Explicit Locking" and the pages of the commands."""

from __future__ import annotations

BUILDS_CONCURRENTLY = (
    "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on, VACUUM and other DDL on it wait. It waits itself "
    "for every transaction in this database that was open when it began."
)
DROPS_CONCURRENTLY = (
    "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on. It waits for the transactions that may be using "
    "the index."
)
DROPS_PARTITIONED = (
    "ACCESS EXCLUSIVE on the table and all its partitions, briefly: everything on them waits, and it waits for "
    "everything. There is no concurrent way for the index of a partitioned table."
)
BUILDS_ON_ONLY = (
    "SHARE on the partitioned table, briefly: writes through it wait. It builds nothing yet, but waits for writers."
)
ATTACHES = (
    "SHARE UPDATE EXCLUSIVE on the parent's index and ACCESS EXCLUSIVE on the partition's, briefly: queries on the "
    "partition wait while they are planned."
)
ALTERS_BRIEFLY = "ACCESS EXCLUSIVE on the table, briefly, as nothing is scanned: everything on it waits."
VALIDATES = "SHARE UPDATE EXCLUSIVE on the table while it is scanned: reads and writes go on."

FAILED_BUILD = (
    "If the build fails or is cancelled, it leaves an invalid index that is kept up at every write and serves "
    "nothing: run the step's undo before trying again. IF NOT EXISTS would take such an index for done."
)
NOT_IN_TRANSACTION = (
    "Run it step by step in one session with a direct connection, not inside a transaction block nor through a "
    "pooler in transaction mode. Undoing wants the same, timeouts off included."
)
RETRY = (
    "Steps under lock_timeout give up rather than keep others waiting: when one says that the lock timeout ended it, "
    "run it again, in a quieter moment."
)
AFTER_SUCCESSOR = (
    "It is in use: drop it only once what is proposed in its place is built and valid, and EXPLAIN shows that the "
    "statements use that."
)
STANDBY_QUERIES = "On standbys, replaying the drop can cancel queries that run there."
FOREIGN_PARTITIONS = (
    "Foreign tables among the partitions have no such index here, so the parent's index never counts as valid; "
    "those of the other partitions serve all the same."
)
FAILED_PART = (
    "If the build of a part fails or is cancelled, it leaves an invalid index: the check for what earlier tries left "
    "prints the command that drops it."
)
CANNOT_DETACH = "What is attached cannot be detached again, only dropped with the whole index."
