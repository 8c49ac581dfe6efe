"""What the words of the model mean, in a reader's terms: shared by page and terminal."""

from __future__ import annotations

from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.coverage import Fact
from pgadvisor.model.explanation import Explanation
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.report import Report, Share, Trust
from pgadvisor.model.snapshot import Change, Host
from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor_reports import formatting

CONFIDENCE = {
    Confidence.MEASURED: "executed and timed",
    Confidence.PROVED: "the planner or the catalog says so",
    Confidence.ESTIMATED: "computed from statistics",
    Confidence.HEURISTIC: "read off the structure alone",
}

FACT = {fact: fact.value.replace("_", " ").capitalize() for fact in Fact} | {
    Fact.STATEMENTS: "Statements",
    Fact.STATEMENT_TEXTS: "Texts of statements",
    Fact.SHAPES: "Understanding of statements",
}

NAMED_DATABASES = 3

METHOD = {
    "generic": "generic plan, for unknown values",
    "values": "plan for given values",
    "executed": "executed with given values",
}

STATUS = {
    OutcomeStatus.FINDINGS: "Found something",
    OutcomeStatus.CLEAN: "Checked, nothing found",
    OutcomeStatus.INCOMPLETE: "Nothing found in what could be seen",
    OutcomeStatus.NOT_CHECKED: "Could not be checked",
    OutcomeStatus.FAILED: "Failed",
    OutcomeStatus.DISABLED: "Disabled",
}

STATUS_SHORT = {
    OutcomeStatus.FINDINGS: "Found",
    OutcomeStatus.CLEAN: "Checked and clean",
    OutcomeStatus.INCOMPLETE: "Seen in part",
    OutcomeStatus.NOT_CHECKED: "Not checked",
    OutcomeStatus.FAILED: "Failed",
    OutcomeStatus.DISABLED: "Disabled",
}


def plural(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun.

    >>> plural(1, "index", "indexes"), plural(2, "rule")
    ('1 index', '2 rules')
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def verdict(report: Report) -> str:
    """How many findings of which severity, in one phrase."""
    counts = [f"{report.severity_counts[s]} {s.value}" for s in Severity if report.severity_counts.get(s)]
    total = sum(report.severity_counts.values())
    return f"{plural(total, 'finding')}: {', '.join(counts)}" if total else "No findings"


def change(seen: Change) -> str:
    """What became of the statements between two looks, in one phrase.

    >>> from datetime import datetime
    >>> day = datetime(2026, 1, 1)
    >>> change(Change(since=day, until=day, new=("1", "2"), vanished=("3",)))
    '2 statements are new, 1 is gone'
    """
    counts = (
        (len(seen.new), "new"),
        (len(seen.vanished), "gone"),
        (seen.matched_by_text, "known by the text alone"),
    )
    said = [f"{count} {'is' if count == 1 else 'are'} {what}" for count, what in counts if count]
    if not said:
        return "no statement is new or gone"
    number, _, rest = said[0].partition(" ")
    return ", ".join([f"{number} statement{'' if number == '1' else 's'} {rest}", *said[1:]])


def shares(trust: Trust) -> tuple[Share, ...]:
    """How far the statements' time was looked into; opaque ones where there are any."""
    return tuple(share for share in trust.shares if share.statements or share.label != "opaque")


def active_time(trust: Trust) -> str:
    """How much of the database's active time is that of the statements, or why that is not known; "" for neither."""
    active = trust.active
    if active.statements_ms is not None and active.active_ms:
        share = formatting.fraction(active.statements_ms / active.active_ms).text
        return (
            f"Statements account for {share} of the {formatting.duration(active.active_ms).text} in which the "
            "database's sessions were active."
        )
    if not active.reason:
        return ""
    return f"Of the database's active time no share is known. {active.reason}. {active.remedy}".rstrip()


def evictions(trust: Trust) -> str:
    """What entries that were pushed out of pg_stat_statements mean; "" where there were none."""
    if not trust.evicted:
        return ""
    entries = f"{plural(trust.evicted, 'entry', 'entries')} {'was' if trust.evicted == 1 else 'were'}"
    return (
        f"{entries} pushed out of pg_stat_statements for want of room: their time until then is in no total. Raise "
        "pg_stat_statements.max."
    )


def looks(report: Report) -> str:
    """What the report is made from; the moment of the last look is to follow."""
    two, hosts = report.trust.change is not None, len(report.source.hosts)
    where = f" on each of {hosts} servers" if hosts else ""
    return f"{'two looks' if two else 'one look'} at {subject(report)}{where}{', the last' if two else ''}"


def redaction(report: Report) -> str:
    """What of it is made up, where the snapshot was redacted; "" where nothing is."""
    contents = report.trust.contents
    if not contents.redacted:
        return ""
    what = "Values of rows and names" if contents.names_redacted else "Values of rows"
    return f"{what} were replaced by made-up ones before this report was made: SQL that holds any is not to be run."


def host(seen: Host) -> str:
    """A server with what it is."""
    return f"{seen.name} ({'standby' if seen.in_recovery else 'primary'})"


def subject(report: Report) -> str:
    """The database that the report is about, or how many and the first of them by name."""
    names = [source.database for source in report.databases]
    if not names:
        return report.source.database
    more = f" and {len(names) - NAMED_DATABASES} more" if len(names) > NAMED_DATABASES else ""
    return f"{plural(len(names), 'database')}: {', '.join(names[:NAMED_DATABASES])}{more}"


def server(report: Report | Explanation | WhatIfResult) -> str:
    """Which server: version, host and port, and what it is."""
    source = report.source
    port = f":{source.port}" if source.port else ""
    where = ""
    if source.host:
        where = f", socket {source.host}{port}" if source.host.startswith("/") else f" on {source.host}{port}"
    return f"PostgreSQL {source.server_version}{where}{', a standby' if source.in_recovery else ''}"
