"""Entries of one statement are one, unless they may be of other tables."""

from __future__ import annotations

import msgspec

from pgadvisor.facts import Facts
from pgadvisor.model.statements import StatementRow, StatementText
from pgadvisor.workload.folding import entries_of, folded
from support.snapshots import snapshot


def text(query_id: str, written: str | None, *also: str) -> StatementText:
    return StatementText(query_id=query_id, text=written, also=also)


def row(query_id: str, total_ms: float, user_oid: int = 10) -> StatementRow:
    times = {"min_ms": 0.0, "max_ms": total_ms, "mean_ms": total_ms, "stddev_ms": 0.0}
    return StatementRow(query_id=query_id, user_oid=user_oid, calls=1, total_ms=total_ms, rows=0, **times)  # type: ignore[arg-type]


LISTS = {
    "1": "select * from t where a in ($1)",
    "2": "select * from t where a in ($1, $2) /* x */",
    "3": "select b from t",
}


def ids(texts: tuple[StatementText, ...]) -> list[tuple[str, ...]]:
    return [entries_of(each) for each in texts]


def test_the_costliest_stands_for_the_others() -> None:
    texts = [text(query_id, written) for query_id, written in LISTS.items()]
    assert ids(folded(texts, [row("1", 5.0), row("2", 9.0), row("3", 1.0)])) == [("2", "1"), ("3",)]
    assert ids(folded(texts, [row("1", 5.0), row("2", 5.0), row("3", 1.0)])) == [("1", "2"), ("3",)]
    again = folded(folded(texts, [row("1", 5.0), row("2", 9.0)]), [row("1", 5.0), row("2", 9.0)])
    assert ids(again) == [("2", "1"), ("3",)]


def test_roles_that_share_nothing_may_have_tables_of_their_own() -> None:
    texts = [text(query_id, written) for query_id, written in LISTS.items()]
    assert ids(folded(texts, [row("1", 5.0, 10), row("2", 9.0, 11)])) == [("1",), ("2",), ("3",)]
    assert ids(folded(texts, [row("1", 5.0, 10), row("2", 9.0, 11), row("2", 1.0, 10)])) == [("2", "1"), ("3",)]


def test_what_another_look_knew_is_kept() -> None:
    # The text of one was read on the primary only, that of the other on a standby only.
    primary, standby = text("1", "select a", "7"), text("2", "select b", "7")
    assert ids(folded([primary, standby], [row("1", 1.0), row("2", 2.0)])) == [("2", "1", "7")]
    assert ids(folded([text("1", None), text("1", "select a")], [])) == [("1",)]
    assert folded([text("1", None), text("1", "select a")], [])[0].text == "select a"
    assert ids(folded([text("1", None), text("2", None)], [row("1", 1.0), row("2", 1.0)])) == [("1",), ("2",)]


def test_rows_of_all_entries_count_as_the_statements() -> None:
    made = snapshot(
        {"statements": [{"id": "1", "text": "select a", "calls": 2}, {"id": "2", "calls": 3, "total_ms": 4.0}]}
    )
    assert made.statements is not None
    statements = msgspec.structs.replace(made.statements, texts=(text("1", "select a", "2"),))
    (found,) = Facts(msgspec.structs.replace(made, statements=statements), {}).statements.values()
    assert (found.query_id, found.calls, found.total_ms) == ("1", 5, 4.0)
