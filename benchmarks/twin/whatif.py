"""How exactly a twin says what an index would do: each really built on the source, and imagined on the twin.

At least 60 random indexes of every kind on TPC-H, each built in a transaction that is rolled back, with the 22 queries
and some short ones made for the index; then every existing index dropped. Results go to results/whatif_18.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from databases import binaries, running, snapshot_of, tpch, tpch_source
from plans import Compared, compare, line, source_plan, summary
from psycopg import sql

from pgadvisor import __version__
from pgadvisor.analyze import read_facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin

RESULTS = Path(__file__).parent / "results"
SEED = 5
# Columns with a value for a search and one for a range, by table.
COLUMNS = {
    "lineitem": {
        "l_suppkey": "77", "l_partkey": "1234", "l_quantity": "7", "l_shipdate": "date '1995-03-15'",
        "l_commitdate": "date '1996-06-01'", "l_returnflag": "'R'", "l_shipmode": "'AIR'", "l_extendedprice": "25000",
    },
    "orders": {
        "o_orderdate": "date '1997-01-01'", "o_totalprice": "150000", "o_orderpriority": "'1-URGENT'",
        "o_clerk": "'Clerk#000000042'", "o_orderstatus": "'P'", "o_custkey": "370",
    },
    "part": {"p_size": "15", "p_brand": "'Brand#23'", "p_type": "'ECONOMY ANODIZED STEEL'", "p_retailprice": "1100"},
    "customer": {"c_mktsegment": "'BUILDING'", "c_acctbal": "5000", "c_phone": "'13-702-694-4520'"},
    "partsupp": {"ps_availqty": "5000", "ps_supplycost": "100"},
    "supplier": {"s_acctbal": "5000", "s_name": "'Supplier#000000042'"},
}  # fmt: skip
TEXTS = {"part": ("p_name", "green"), "orders": ("o_comment", "special"), "customer": ("c_name", "Customer#00001")}


class Candidate(NamedTuple):
    """An index and short statements that it may serve."""

    kind: str
    definition: IndexDefinition
    texts: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--major", type=int, default=18)
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    candidates = list(random_indexes(random.Random(arguments.seed)))
    with running(arguments.major) as server:
        source = tpch_source(server, arguments.scale)
        with psycopg.connect(source.dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
        facts, _ = read_facts(snapshot_of(source))
        with Twin(facts, server=str(binaries(arguments.major).bin_dir)) as twin:
            known = frozenset(index.name for index in facts.indexes.values())
            built, sizes = measure(source.dsn, twin, candidates, known)
            dropped = measure_drops(source.dsn, twin, sorted(known))
        version = server.binaries.version
    results = report(built, sizes, dropped)
    results |= {
        "tool": __version__, "python": platform.python_version(), "server": version, "scale": arguments.scale,
        "seed": arguments.seed, "indexes": len(candidates),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"whatif_{arguments.major}.json").write_text(json.dumps(results, indent=2) + "\n")


def random_indexes(choose: random.Random) -> Iterator[Candidate]:
    for _ in range(14):
        yield _btree(choose, "btree", choose.randint(1, 3))
    for _ in range(8):
        yield _btree(choose, "btree include", 1, include=choose.randint(1, 2))
    for _ in range(8):
        yield _partial(choose)
    for _ in range(6):
        yield _btree(choose, "btree descending", 2, descending=True)
    for _ in range(6):
        yield _hash(choose)
    for _ in range(6):
        yield _brin(choose)
    yield from _expressions()
    for table, (column, word) in TEXTS.items():
        yield from _of_text(table, column, word)
    yield Candidate(
        "unique",
        _definition("orders", [IndexKey(column="o_orderkey"), IndexKey(column="o_orderdate")], unique=True),
        ("SELECT o_orderdate FROM orders WHERE o_orderkey = 7",),
    )


def _definition(table: str, keys: list[IndexKey], **others: Any) -> IndexDefinition:  # noqa: ANN401
    return IndexDefinition(schema="public", table=table, keys=tuple(keys), **others)


def _pick(choose: random.Random, count: int) -> tuple[str, list[str]]:
    table = choose.choice([name for name, columns in COLUMNS.items() if len(columns) >= count])
    return table, choose.sample(sorted(COLUMNS[table]), count)


def _btree(choose: random.Random, kind: str, width: int, *, include: int = 0, descending: bool = False) -> Candidate:
    table, columns = _pick(choose, width + include if width + include <= 2 else 3)
    keys, included = columns[:width], columns[width : width + include]
    definition = _definition(
        table,
        [IndexKey(column=column, descending=descending, nulls_first=descending) for column in keys],
        include=tuple(included),
    )
    values = COLUMNS[table]
    wanted = ", ".join((*keys, *included))
    texts = [
        f"SELECT {wanted} FROM {table} WHERE " + " AND ".join(f"{column} = {values[column]}" for column in keys),
        f"SELECT {wanted} FROM {table} WHERE {keys[0]} < {values[keys[0]]}",
        f"SELECT * FROM {table} WHERE {keys[0]} > {values[keys[0]]} LIMIT 20",
        f"SELECT * FROM {table} ORDER BY {', '.join(f'{column} DESC' for column in keys)} LIMIT 10",
    ]
    return Candidate(kind, definition, tuple(texts))


def _partial(choose: random.Random) -> Candidate:
    table, (key, filtered) = _pick(choose, 2)
    values = COLUMNS[table]
    operator = "=" if values[filtered].startswith("'") else choose.choice(("<", ">"))
    predicate = f"({filtered} {operator} {values[filtered]})"
    return Candidate(
        "btree partial",
        _definition(table, [IndexKey(column=key)], predicate=predicate),
        (
            f"SELECT * FROM {table} WHERE {key} = {values[key]} AND {predicate}",
            f"SELECT count(*) FROM {table} WHERE {predicate}",
        ),
    )


def _hash(choose: random.Random) -> Candidate:
    table, (key,) = _pick(choose, 1)
    definition = _definition(table, [IndexKey(column=key)], access_method="hash")
    return Candidate("hash", definition, (f"SELECT * FROM {table} WHERE {key} = {COLUMNS[table][key]}",))


def _brin(choose: random.Random) -> Candidate:
    table, (key,) = _pick(choose, 1)
    while COLUMNS[table][key].startswith("'"):
        table, (key,) = _pick(choose, 1)
    options = choose.choice(((), ("pages_per_range=16",), ("pages_per_range=64",)))
    return Candidate(
        "brin",
        _definition(table, [IndexKey(column=key)], access_method="brin", options=options),
        (
            f"SELECT count(*) FROM {table} WHERE {key} < {COLUMNS[table][key]}",
            f"SELECT * FROM {table} WHERE {key} = {COLUMNS[table][key]}",
        ),
    )


def _expressions() -> Iterator[Candidate]:
    for table, expression, value in (
        ("part", "lower((p_name)::text)", "'green'"),
        ("customer", "upper((c_name)::text)", "'CUSTOMER#000000042'"),
        ("orders", "EXTRACT(year FROM o_orderdate)", "1995"),
        ("lineitem", "(l_extendedprice * ((1)::numeric - l_discount))", "25000"),
        ("supplier", "lower((s_address)::text)", "'x'"),
    ):
        yield Candidate(
            "btree expression",
            _definition(table, [IndexKey(expression=expression)]),
            (
                f"SELECT * FROM {table} WHERE {expression} = {value}",
                f"SELECT * FROM {table} ORDER BY {expression} LIMIT 10",
            ),
        )


def _of_text(table: str, column: str, word: str) -> Iterator[Candidate]:
    contains = f"SELECT * FROM {table} WHERE {column} LIKE '%{word}%'"
    begins = f"SELECT * FROM {table} WHERE {column} LIKE '{word}%'"
    trigrams = {"default_operator_class": False}
    yield Candidate(
        "gin trigram",
        _definition(
            table,
            [IndexKey(column=column, operator_class="public.gin_trgm_ops", **trigrams)],
            access_method="gin",
        ),
        (contains, begins),
    )
    yield Candidate(
        "gist trigram",
        _definition(
            table,
            [IndexKey(column=column, operator_class="public.gist_trgm_ops", **trigrams)],
            access_method="gist",
        ),
        (contains,),
    )
    yield Candidate(
        "spgist",
        _definition(table, [IndexKey(column=column)], access_method="spgist"),
        (f"SELECT * FROM {table} WHERE {column} = '{word}'",),
    )
    yield Candidate(
        "btree pattern",
        _definition(table, [IndexKey(column=column, operator_class="text_pattern_ops", **trigrams)]),
        (begins,),
    )


def measure(
    dsn: str, twin: Twin, candidates: list[Candidate], known: frozenset[str]
) -> tuple[list[tuple[str, Compared]], list[dict[str, Any]]]:
    """Each index on the twin, then on the source; sizes in bytes of both."""
    from pgadvisor.indexes.ddl import create_index

    compared, sizes = [], []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number, candidate in enumerate(candidates):
            name = f"benchmark_{number}"
            configuration = Configuration(create=(candidate.definition,))
            (size,) = twin.sizes((candidate.definition,))
            with connection.transaction(force_rollback=True):
                connection.execute(create_index(candidate.definition, name, concurrently=False))
                row = connection.execute("SELECT pg_relation_size(%s::regclass)", [name]).fetchone()
                sizes.append(
                    {"kind": candidate.kind, "index": label(candidate), "built": row[0], "predicted": size.size_bytes}
                )
                for text in (*candidate.texts, *tpch.QUERIES):
                    answer = twin.plan(Question(query_id=text, text=text), configuration)
                    if answer.plan is None:
                        raise RuntimeError(f"{label(candidate)}: {text}: {answer.refusal}")
                    plan = source_plan(connection, text)
                    if uses(plan["Plan"], name) or text in candidate.texts:
                        case = f"{label(candidate)} {' '.join(text.split())[:50]}"
                        compared.append(
                            (candidate.kind, compare(case, renamed(plan, known), renamed(answer.plan, known)))
                        )
            print(f"{number + 1}/{len(candidates)} {label(candidate)}", flush=True)
    return compared, sizes


def measure_drops(dsn: str, twin: Twin, names: list[str]) -> list[Compared]:
    """Each index of the source dropped in a transaction; its constraint with it, if it has one."""
    compared = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        used = {text: source_plan(connection, text) for text in tpch.QUERIES}
        for name in names:
            configuration = Configuration(drop=(IndexName(schema="public", name=name),))
            affected = [text for text, plan in used.items() if uses(plan["Plan"], name)]
            with connection.transaction(force_rollback=True):
                try:
                    with connection.transaction():
                        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
                except psycopg.errors.DependentObjectsStillExist:
                    # It enforces a constraint, on which foreign keys rest: no more than the index is to be gone.
                    connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
                for text in affected:
                    answer = twin.plan(Question(query_id=text, text=text), configuration)
                    assert answer.plan is not None, answer.refusal
                    case = f"without {name}: {' '.join(text.split())[:40]}"
                    compared.append(compare(case, source_plan(connection, text), answer.plan))
    return compared


def uses(node: dict[str, Any], name: str) -> bool:
    return node.get("Index Name") == name or any(uses(child, name) for child in node.get("Plans", ()))


def renamed(plan: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The plan with the new index called the same on both sides: those of the schema keep their names."""

    def walk(node: dict[str, Any]) -> dict[str, Any]:
        changed = dict(node)
        if node.get("Index Name", "") not in known | {""}:
            changed["Index Name"] = "the new one"
        changed["Plans"] = [walk(child) for child in node.get("Plans", ())]
        return changed

    return {**plan, "Plan": walk(plan["Plan"])}


def label(candidate: Candidate) -> str:
    keys = ", ".join(key.column or key.expression or "" for key in candidate.definition.keys)
    return f"{candidate.kind} {candidate.definition.table} ({keys})"


def report(built: list[tuple[str, Compared]], sizes: list[dict[str, Any]], dropped: list[Compared]) -> dict[str, Any]:
    kinds = sorted({kind for kind, _ in built})
    results: dict[str, Any] = {"by_kind": {}, "sizes": sizes}
    for kind in kinds:
        results["by_kind"][kind] = summary([each for found, each in built if found == kind])
        print(line(kind, results["by_kind"][kind]))
        for each in results["by_kind"][kind]["exceptions"]:
            print(f"    {each['name']:90.90} {each['source_cost']:12.2f} {each['cost']:12.2f} {each['error']:.3%}")
    results["all"] = summary([each for _, each in built])
    results["drops"] = summary(dropped)
    print(line("all created", results["all"]))
    print(line("all dropped", results["drops"]))
    for kind in kinds:
        ratios = [each["predicted"] / each["built"] for each in sizes if each["kind"] == kind and each["predicted"]]
        if ratios:
            print(
                f"size of {kind:20} predicted / built: median {statistics.median(ratios):.2f}, "
                f"{min(ratios):.2f} to {max(ratios):.2f}"
            )
    ratios = [abs(each["predicted"] / each["built"] - 1) for each in sizes if each["predicted"]]
    results["size_error_median"] = statistics.median(ratios)
    print(f"size, median error: {results['size_error_median']:.1%} of {len(ratios)} indexes")
    return results


if __name__ == "__main__":
    main()
