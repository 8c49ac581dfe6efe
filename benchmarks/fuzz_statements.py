"""Statements of PostgreSQL's own regression tests, mutated: none may end in an error or take a second to understand.

Tokens are left out, doubled, exchanged and brought in from other statements; texts are cut, nested and given quotes,
odd characters and huge numbers. Whatever comes out is understood or not, against an empty schema and against one in
which the statement's own words are tables and columns; and read as a condition of a plan. The same seed gives the same
texts. Times are of the processor. Results go to benchmarks/results/fuzz_statements.json unless --dry.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections import Counter
from pathlib import Path

from pgadvisor import __version__
from pgadvisor.model.catalog import Catalog, Column, Relation, RelationKind
from pgadvisor.model.shape import NotUnderstood, StatementShape
from pgadvisor.workload.lexer import lex
from pgadvisor.workload.plan_shape import plan_shape
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand

RESULTS = Path(__file__).parent / "results"
CORPUS = Path(__file__).parents[1] / "tests" / "data" / "statements.jsonl"
TOO_LONG_S = 1.0
ODD = [
    *(
        "'",
        '"',
        "$$",
        "$x$",
        "(",
        ")",
        "[",
        "]",
        "/*",
        "*/",
        "--",
        ";",
        "\\",
        "\x00",
        "\u202e",
        "é",
        "𝒳",
        "\ud800",
        "'" * 9,
    ),
    *(
        "9" * 400,
        "$99999999999",
        "0x" + "f" * 300,
        "1e999999",
        "e'\\",
        "u&'\\",
        "::",
        "..",
        ":=",
        "=>",
        "%s",
        "{}",
        "\n",
    ),
    *("select", "from", "where", "with", "interval", "date", "xmltable(", "json_object(", "any", "over", "is", "not"),
    *("cycle", "search", "depth", "using", "only", "tablesample", "insert into", "returning with", "array[", "case"),
]
PREFIXES = ["(", "[", "not ", "case when ", "select (select ", "a join b on ", "f(", "- ", "x.", "array["]


def corpus() -> list[str]:
    """The statements that are mutated."""
    return [json.loads(line)["sql"] for line in CORPUS.read_text(encoding="utf-8").strip().split("\n")]


def mutants(count: int, seed: int) -> list[str]:
    """So many mutated statements, the same for the same seed."""
    chance = random.Random(seed)
    texts = corpus()
    words = [[lexed.of(token) for token in lexed.tokens] for lexed in map(lex, texts)]
    return [_mutant(chance, texts, words) for _ in range(count)]


def _mutant(chance: random.Random, texts: list[str], words: list[list[str]]) -> str:
    which = chance.randrange(len(texts))
    if chance.random() < 0.2:
        return _cut(chance, texts[which])
    tokens = list(words[which])
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        _change(chance, tokens, words)
    text = chance.choice((" ", " ", "", "\n")).join(tokens)
    return _cut(chance, text) if chance.random() < 0.1 else text


def _cut(chance: random.Random, text: str) -> str:
    start = 0 if chance.random() < 0.8 else chance.randrange(len(text) + 1)
    return text[start : chance.randrange(len(text) + 1)]


def _change(chance: random.Random, tokens: list[str], words: list[list[str]]) -> None:
    place = chance.randrange(len(tokens) + 1)
    kind = chance.randrange(7)
    if kind == 0:
        del tokens[place : place + chance.choice((1, 1, 2, 5))]
    elif kind == 1 and len(tokens) > 1:
        one, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        tokens[one], tokens[other] = tokens[other], tokens[one]
    elif kind == 2:
        tokens.insert(place, chance.choice(ODD))
    elif kind == 3:
        donor = chance.choice(words)
        start = chance.randrange(len(donor) + 1)
        tokens[place:place] = donor[start : start + chance.randrange(1, 12)]
    elif kind == 4:
        tokens[place:place] = tokens[max(0, place - chance.randrange(1, 20)) : place] * chance.choice((1, 2, 30))
    elif kind == 5:
        depth = chance.choice((1, 3, 15, 200))
        prefix = chance.choice(PREFIXES)
        closing = {"(": ")", "[": "]"}.get(prefix.strip()[-1], "")
        tokens[place : place + 1] = [prefix * depth, *tokens[place : place + 1], closing * depth]
    elif tokens:
        place = min(place, len(tokens) - 1)
        token = tokens[place]
        tokens[place] = chance.choice((token.upper(), token[::-1], chance.choice(ODD), f'"{token}"'))


def its_words(text: str) -> SchemaView:
    """A schema in which the first words of a text are tables, and each of them a column of every one."""
    lexed = lex(text[:2_000])
    names = list(dict.fromkeys(lexed.word(index) for index in range(len(lexed.tokens)) if lexed.word(index)))[:12]
    return SchemaView(
        Catalog(
            relations=tuple(
                Relation(oid=oid, schema="public", name=name, kind=RelationKind.TABLE, owner="o")
                for oid, name in enumerate(names, start=1)
            ),
            columns=tuple(
                Column(
                    relation_oid=oid,
                    number=number,
                    name=name,
                    type="integer",
                    type_oid=23,
                    type_name="int4",
                    type_category="N",
                    not_null=False,
                )
                for oid in range(1, len(names) + 1)
                for number, name in enumerate(names, start=1)
            ),
        ),
        ("public",),
    )


def run(count: int, seed: int) -> dict[str, object]:
    """Understands mutated statements: outcomes, errors by type (none is expected) and times in milliseconds."""
    outcomes: Counter[str] = Counter()
    times: list[float] = []
    slowest: list[tuple[float, str]] = []
    empty = SchemaView(Catalog(), ("public",))
    for number, text in enumerate(mutants(count, seed)):
        schema = its_words(text) if number % 2 else empty
        started = time.process_time()
        try:
            result = understand("1", text, schema)
        except BaseException as error:
            outcomes[f"raised {type(error).__name__}"] += 1
            continue
        finally:
            took = time.process_time() - started
            times.append(1_000 * took)
        slowest = sorted([*slowest, (took, text[:300])], reverse=True)[:5]
        reason = result.reason if isinstance(result, NotUnderstood) else ""
        failed = reason.startswith("the parser failed")
        outcomes["understood" if isinstance(result, StatementShape) else reason if failed else "not understood"] += 1
        outcomes["over a second"] += took > TOO_LONG_S
        if number % 10 == 0:
            _as_condition(text, schema, outcomes)
    times.sort()
    return {
        "count": count,
        "seed": seed,
        "outcomes": dict(sorted(outcomes.items())),
        "median_ms": round(statistics.median(times), 3),
        "p99_ms": round(times[int(len(times) * 0.99)], 3),
        "slowest_ms": [round(1_000 * took, 1) for took, _ in slowest],
        "slowest_texts": [text for _, text in slowest],
    }


def _as_condition(text: str, schema: SchemaView, outcomes: Counter[str]) -> None:
    node = {
        "Node Type": "Seq Scan",
        "Schema": "public",
        "Relation Name": "a",
        "Alias": "a",
        "Filter": text,
        "Sort Key": [text],
    }
    started = time.process_time()
    try:
        plan_shape("1", {"Plan": node}, schema)
    except BaseException as error:
        outcomes[f"as a condition raised {type(error).__name__}"] += 1
    outcomes["as a condition over a second"] += time.process_time() - started > TOO_LONG_S


def main() -> None:
    """Runs it and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="write no result")
    arguments = parser.parse_args()
    result = run(arguments.count, arguments.seed)
    result |= {"tool": __version__, "python": platform.python_version(), "machine": f"{os.cpu_count()} cores"}
    text = json.dumps(result, indent=1, ensure_ascii=True)
    print(text)
    if not arguments.dry:
        (RESULTS / "fuzz_statements.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
