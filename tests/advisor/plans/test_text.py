"""What people and logs make of EXPLAIN's text, and what is none."""

from __future__ import annotations

import json
import random
import time

import pytest

from pgadvisor.model.plan_nodes import MAX_PLAN_DEPTH
from pgadvisor.plans.text import parse_text_plan

PLAIN = """Sort  (cost=1.00..2.00 rows=3 width=4) (actual time=0.100..0.200 rows=3 loops=1)
  Sort Key: t.a DESC, (lower(t.b))
  Sort Method: quicksort  Memory: 25kB
  Buffers: shared hit=2 read=1, temp read=3 written=4
  ->  Seq Scan on public.t  (cost=0.00..1.00 rows=3 width=4) (actual time=0.010..0.020 rows=3 loops=1)
        Output: a, b
        Filter: (b <> 'x'::text)
        Rows Removed by Filter: 7
Settings: work_mem = '1MB', search_path = '"$user", public'
Planning:
  Buffers: shared hit=5
Planning Time: 0.300 ms
Trigger RI_ConstraintTrigger_c_1 for constraint fk: time=0.122 calls=9
JIT:
  Functions: 4
  Options: Inlining false, Optimization false, Expressions true, Deforming true
  Timing: Generation 1.200 ms (Deform 0.300 ms), Inlining 0.000 ms, Optimization 0.100 ms, Emission 1.0 ms, Total 2.3 ms
Execution Time: 0.400 ms"""


def test_lines_of_a_plan_become_the_keys_of_its_json() -> None:
    plan = parse_text_plan(PLAIN)
    sort, scan = plan["Plan"], plan["Plan"]["Plans"][0]
    assert sort["Sort Key"] == ["t.a DESC", "(lower(t.b))"]
    assert (sort["Sort Method"], sort["Sort Space Used"], sort["Sort Space Type"]) == ("quicksort", 25, "Memory")
    assert (sort["Shared Read Blocks"], sort["Temp Written Blocks"], sort["Local Hit Blocks"]) == (1, 4, 0)
    assert (scan["Schema"], scan["Relation Name"], scan["Alias"]) == ("public", "t", "t")
    assert (scan["Shared Hit Blocks"], scan["Rows Removed by Filter"], scan["Parent Relationship"]) == (0, 7, "Outer")
    assert plan["Settings"] == {"work_mem": "1MB", "search_path": '"$user", public'}
    assert plan["Planning"] == {"Shared Hit Blocks": 5}
    assert plan["Triggers"] == [
        {"Trigger Name": "RI_ConstraintTrigger_c_1", "Constraint Name": "fk", "Time": 0.122, "Calls": 9}
    ]
    assert plan["JIT"]["Options"]["Expressions"] is True
    assert plan["JIT"]["Timing"]["Generation"] == {"Deform": 0.3, "Total": 1.2}
    assert (plan["Planning Time"], plan["Execution Time"]) == (0.3, 0.4)


def framed(text: str, style: str) -> str:
    lines = text.split("\n")
    width = max(map(len, lines))
    match style:
        case "psql":
            return "\n".join(
                ["QUERY PLAN".center(width + 2), "-" * (width + 2), *(f" {x}" for x in lines), "(19 rows)", ""]
            )
        case "border":
            rule = f"+-{'-' * width}-+"
            rows = [f"| {x.ljust(width)} |" for x in ("QUERY PLAN".center(width), *lines)]
            return "\n".join([rule, rows[0], rule, *rows[1:], rule, "(19 rows)"])
        case "expanded":
            return "\n".join(
                part for n, x in enumerate(lines) for part in (f"-[ RECORD {n + 1} ]---", f"QUERY PLAN | {x}")
            )
        case "quoted":
            return "\n".join('"' + x.replace('"', '""') + '"' for x in lines)
        case "log":
            return "duration: 1.2 ms  plan:\n" + "\n".join(lines)
        case "stderr":
            return "\n\t".join(lines)
        case _:
            return text.replace("\n", "\r\n") + "\n\n"


@pytest.mark.parametrize("style", ["psql", "border", "expanded", "quoted", "log", "stderr", "windows"])
def test_frames_are_taken_off(style: str) -> None:
    assert parse_text_plan(framed(PLAIN, style)) == parse_text_plan(PLAIN)


def test_what_auto_explain_says_first_is_kept() -> None:
    text = f"Query Text: SELECT *\n  FROM t -- Sort  (cost\n WHERE b <> $1\nQuery Parameters: $1 = 'x'\n{PLAIN}"
    plan = parse_text_plan(text)
    assert plan.pop("Query Text") == "SELECT *\n  FROM t -- Sort  (cost\n WHERE b <> $1"
    assert plan.pop("Query Parameters") == "$1 = 'x'"
    assert plan == parse_text_plan(PLAIN)


def test_json_is_taken_as_it_is_with_psqls_marks_and_a_server_s_slip() -> None:
    document = [{"Plan": {"Node Type": "Result"}}]
    marked = "\n".join(f" {line}+" for line in json.dumps(document, indent=2).split("\n"))
    assert parse_text_plan(marked) == parse_text_plan(json.dumps(document[0])) == document[0]
    slip = (
        '{"Plan": {"Node Type": "ModifyTable", "Target Tables": [{"Alias": "a"}, "Tuples Updated": 3], "Alias": "p"}}'
    )
    assert parse_text_plan(slip)["Plan"]["Tuples Updated"] == 3


def test_strings_with_line_feeds_and_what_looks_like_a_plan() -> None:
    text = PLAIN.replace("'x'", "'it''s\n  ->  Seq Scan on u  (cost=1.00..2.00 rows=3 width=4)\n Filter: \"'")
    sort = parse_text_plan(text)["Plan"]
    (scan,) = sort["Plans"]
    told = "it''s\n  ->  Seq Scan on u  (cost=1.00..2.00 rows=3 width=4)\n Filter: \""
    assert scan["Filter"] == f"(b <> '{told}'::text)"
    assert "Plans" not in scan
    assert "Filter" not in sort
    (table,) = parse_text_plan('Sort\n  ->  Table Function Scan on "xmltable" x')["Plan"]["Plans"]
    assert (table["Table Function Name"], table["Alias"]) == ("xmltable", "x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no plan"),
        ("select 1", "is no node"),
        ("Query Text: select 1", "holds no plan"),
        ("  ->  Seq Scan on t", "in the middle"),
        (f"{PLAIN}\n\n{PLAIN}", "more than one plan"),
        ("Sort\n      ->  Seq Scan on t", "fits no node"),
        ("Sort\n  what is this", "no line of a plan"),
        ('{"Plan": ', "begins like JSON"),
        ('[{"Plan": {}}, {"Plan": {}}]', "no single plan"),
        ("[" * 100_000, "begins like JSON"),
    ],
)
def test_what_is_no_plan_is_refused_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_text_plan(text)


def test_depth_is_capped() -> None:
    def chain(depth: int) -> str:
        return "Result\n" + "\n".join(" " * (6 * n + 2) + "->  Result" for n in range(depth - 1))

    assert parse_text_plan(chain(MAX_PLAN_DEPTH))
    with pytest.raises(ValueError, match=f"more than {MAX_PLAN_DEPTH} nodes deep"):
        parse_text_plan(chain(MAX_PLAN_DEPTH + 1))


_JUNK = ("", "'", '"', "(", ")", "->  ", "  ", "=", ": ", ", ", "Worker 0:  ", "\t", "é", "9" * 400, "Infinity", ".")


def test_mutations_give_a_plan_or_a_sentence() -> None:
    source = random.Random(4)
    lines = PLAIN.split("\n")
    read = 0
    for _ in range(6_000):
        changed = list(lines)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(changed))
            line = changed[at]
            cut = source.randrange(len(line) + 1)
            junk = source.choice(_JUNK)
            changed[at] = source.choice([line[:cut], line[cut:], line[:cut] + junk + line[cut:], junk + line])
            if source.random() < 0.2:
                changed.insert(source.randrange(len(changed) + 1), source.choice(lines))
        try:
            read += bool(parse_text_plan("\n".join(changed)))
        except ValueError as error:
            assert str(error)
    assert read > 500


@pytest.mark.parametrize(
    "text",
    [
        "Append\n"
        + "  ->  Seq Scan on t  (cost=0.00..1.00 rows=3 width=4)\n        Filter: (a = 'b'::text)\n" * 10_000,
        "Result\n" + "  Filter: 'open\n" * 20_001,
        "Result\n  Output: " + "((((, " * 50_000,
        "Result\n  Filter: " + "'\n" * 50_000,
        "Seq Scan on " + '"a' * 50_000,
        "Query Text: " + "a\n" * 50_000 + "Result  (cost=0.00..1.00 rows=3 width=4)",
        "Settings: " + "a = ', " * 50_000,
        "Sort  (cost=" * 20_000,
        '{"Plan": ' + '}, "Tuples Updated": 1 ' * 20_000,
    ],
    ids=range(9),
)
def test_long_texts_take_linear_time(text: str) -> None:
    started = time.process_time()
    try:
        parse_text_plan(text)
    except ValueError as error:
        assert len(str(error)) < 300
    assert time.process_time() - started < 5
