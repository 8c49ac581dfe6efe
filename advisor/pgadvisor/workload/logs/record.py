"""What reading the records of a log told about the log itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Reading:
    """Counts and times of a log's records.

    unread counts records that could not be read, elsewhere those of other databases. since and until are the
    timestamps of the first and last record as the log spells them, b"" where it has none. says_database, says_session:
    its records name the database, and the process or session.
    """

    says_database: bool = True
    says_session: bool = True
    unread: int = 0
    elsewhere: int = 0
    since: bytes = b""
    until: bytes = b""
