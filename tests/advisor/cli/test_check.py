"""`pgadvisor check`: what can be seen, in a table, and what to run for the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.audits import pgadvisor
from support.databases import Database

pytestmark = pytest.mark.server


def rows(output: str) -> dict[str, str]:
    """The table: what was seen, by fact."""
    return {m[1].strip(): m[2] for m in re.finditer(r"^ (\S.*?)  +(yes|in part|no)\b", output, re.MULTILINE)}


def test_a_superuser_sees_everything(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    ran = pgadvisor("check", any_database.dsn)
    assert (ran.code, ran.err) == (0, "")
    seen = rows(ran.out)
    assert len(seen) > 15
    assert set(seen.values()) == {"yes"}
    assert "counted for" in ran.out


def test_each_missing_fact_comes_with_the_grant_that_shows_it(database: Database) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY); ANALYZE t")
    role = database.role('o\'s "role"')
    for grant, facts in (
        ("pg_read_all_stats", ("Activity", "Sessions", "Statements")),
        ("pg_read_all_data", ("Column statistics",)),
    ):
        before = pgadvisor("check", role.dsn)
        assert all(rows(before.out)[fact] != "yes" for fact in facts)
        said = " ".join(before.out.split())
        quoted = '"' + role.name.replace('"', '""') + '"'
        assert f"GRANT {grant} TO {quoted}" in said
        database.execute(f"GRANT {grant} TO {quoted}")
        after = rows(pgadvisor("check", role.dsn).out)
        assert all(after[fact] == "yes" for fact in facts)


def test_it_says_before_any_audit_that_an_audit_would_be_incomplete(database: Database) -> None:
    database.execute("DROP EXTENSION pg_stat_statements")
    ran = pgadvisor("check", database.dsn)
    assert ran.code == 3
    assert rows(ran.out)["Statements"] == "no"
    assert "CREATE EXTENSION pg_stat_statements" in " ".join(ran.out.split())
    assert ran.err == "Exit code 3: an audit would not see all of pg_stat_statements.\n"
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_schemas_and_configuration_are_those_of_an_audit(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (i int); CREATE TABLE b.t (i int)")
    role = database.role("reader")
    hidden = "Column statistics"
    assert rows(pgadvisor("check", role.dsn).out)[hidden] != "yes"
    database.execute(f'GRANT USAGE ON SCHEMA a TO "{role.name}"; GRANT SELECT ON a.t TO "{role.name}"')
    for chosen in (("--schema", "a"), ("--exclude-schema", "b", "--exclude-schema", "public")):
        assert rows(pgadvisor("check", role.dsn, *chosen).out)[hidden] == "yes"
    file = tmp_path / "only.toml"
    file.write_text('[collect]\nschemas = ["a"]\n')
    assert rows(pgadvisor("check", role.dsn, "--config", file).out)[hidden] == "yes"
    file.write_text("[nonsense]\n")
    ran = pgadvisor("check", role.dsn, "--config", file)
    assert ran.code == 2
    assert str(file) in ran.err


def test_no_connection_is_one_sentence() -> None:
    ran = pgadvisor("check", "host=127.0.0.1 port=1")
    assert ran.code == 4
    assert "Cannot connect" in ran.err
    assert "Traceback" not in ran.err
