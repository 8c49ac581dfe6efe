"""What is handed on of each statement: its text, a few calls and plans, without secrets."""

from __future__ import annotations

from typing import Any

from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.parameters import parse_values
from pgadvisor.workload.logs.plans import read_plan, sealed_plan
from pgadvisor.workload.logs.streams import text_of
from pgadvisor.workload.logs.tally import Counts, Entry, all_calls
from pgadvisor.workload.secrets import is_secret_setting, without_secrets
from pgadvisor.workload.sources.source import SourceCall, SourceStatement
from pgadvisor.workload.telling_texts import names_secrets


def statements_of(events: Events) -> dict[str, SourceStatement]:
    """The statements of a log by fingerprint, costliest first; events counts values and plans that cannot be used."""
    return {
        entry.fingerprint: _statement(entry, events)
        for entry in events.tally.entries()
        # Others were announced and failed, or their duration was not logged.
        if entry.counts.calls or entry.nested.calls
    }


def _statement(entry: Entry, events: Events) -> SourceStatement:
    raw = text_of(entry.text).replace("\0", "\ufffd")
    text = without_secrets(raw)
    telling = text != raw or names_secrets(raw)
    found = _counted(entry, text, entry.counts)
    found.nested = _counted(entry, text, entry.nested) if entry.nested.calls else None
    found.calls_seen = [] if telling else _calls(entry, events)
    found.plans = _plans(entry, events, telling)
    return found


def _counted(entry: Entry, text: str, counts: Counts) -> SourceStatement:
    return SourceStatement(
        fingerprint=entry.fingerprint,
        text=text,
        calls=counts.calls,
        total_ms=counts.total,
        min_ms=counts.smallest if counts.calls else 0.0,
        max_ms=counts.most,
        query_id=text_of(entry.query_id) if entry.query_id else None,
        role=text_of(entry.role) if entry.role else None,
    )


def _calls(entry: Entry, events: Events) -> list[SourceCall]:
    """The calls whose values are whole, none of them one that gives itself away as a secret."""
    calls = []
    for ms, listed in all_calls(entry):
        values = parse_values(listed)
        if values is None:
            events.cut_values += 1
        elif values and not any(value and is_secret_setting("", value) for value in values):
            calls.append(SourceCall(values=values, duration_ms=ms))
    return calls


def _plans(entry: Entry, events: Events, telling: bool) -> list[dict[str, Any]]:
    plans = []
    for _, _, body, is_json in entry.plans:
        plan = read_plan(body, is_json)
        if plan is None:
            events.unread_plans += 1
        else:
            plans.append(sealed_plan(plan, telling=telling))
    return plans
