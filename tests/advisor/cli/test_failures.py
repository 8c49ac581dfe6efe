"""Failures a person meets: one clear sentence, the documented exit code, no traceback, and no password."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from pgadvisor.cli._errors import plain
from pgadvisor.snapshots.file import write_snapshots
from support.audits import audit, pgadvisor
from support.databases import Database
from support.snapshots import snapshot

pytestmark = pytest.mark.server


def said(text: str) -> str:
    """The sentence, which must be the only thing said."""
    lines = [line for line in text.splitlines() if line]
    assert lines
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in text
    return " ".join(lines)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_no_such_host() -> None:
    ran = audit("postgresql://u:topsecret@no-such-host.invalid/db")
    assert ran.code == 4
    assert "no-such-host.invalid" in said(ran.err)
    assert "topsecret" not in ran.err + ran.out


def test_nothing_listens() -> None:
    port = free_port()
    ran = audit(f"postgresql://u:topsecret@127.0.0.1:{port}/db")
    assert ran.code == 4
    assert str(port) in said(ran.err)
    assert "topsecret" not in ran.err


def test_a_connection_string_in_the_wrong_place_is_told_without_its_password(tmp_path: Path) -> None:
    dsn = "postgresql://u:topsecret@127.0.0.1:1/db"
    for arguments in (
        (dsn,),
        ("audit", "service=a", dsn),
        ("audit", "--config", dsn, "--execute", "host=a password=topsecret"),
        ("analyze", dsn),
        ("collect", "service=a", "-o", dsn),
        ("indexes", "a", dsn),
        ("indexes", "host=a pw topsecret", dsn),
        ("explain", dsn, dsn),
        ("explain", "host=a password=topsecret"),
        ("rules", "explain", dsn),
        ("verify", dsn, dsn),
        ("whatif", "u:topsecret@127.0.0.1/db"),
    ):
        ran = pgadvisor(*arguments, folder=tmp_path)
        assert ran.code in (2, 5), arguments
        assert "Error: " in ran.err
        assert "Traceback" not in ran.err
        assert "secret" not in ran.out + ran.err, ran.err


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres://u:top@secret/topsecret @127.0.0.1:1/db?password=topsecret",
        "postgresql:/u:topsecret@[::1]:1/db",
        "a@u:topsecret@127.0.0.1/db",
        "u:/topsecret@127.0.0.1/db",
        "u::topsecret@127.0.0.1",
        "u:my topsecret@127.0.0.1/db",
        "postgres:topsecret@:5432",
        "postgresql://u:topsecret@",
        r"host=a user=u pasword = 'that\'s topsecret' dbname=db",
        r"host=a sslpassword=a\ topsecret dbname=db",
    ],
)
def test_arguments_are_told_as_they_are_but_for_passwords(dsn: str) -> None:
    for told in (f"There is no file {dsn}.", f"{dsn!r} is no size."):
        assert "secret" not in plain(told)
    for told in ("There is no file a@b:c.json", "tags::text[]@>x", "postgresql://user@host:5432/db", "no file: a@b"):
        assert plain(told) == told
    # Each takes time by its length alone.
    for letters in (":", "://a:", "@", ":@", "@x"):
        assert plain("x" * 20_000 + letters * 20_000 + "pass" * 20_000)


def test_wrong_password(database: Database) -> None:
    role = database.role("reader")
    ran = audit(role.dsn_tcp.replace(role.password, "notthepassword"))
    assert ran.code == 4
    assert "password" in said(ran.err)
    assert "notthepassword" not in ran.err


def test_no_such_database(database: Database) -> None:
    ran = audit(database.server.dsn("no_such_db"))
    assert ran.code == 4
    assert "no_such_db" in said(ran.err)


def test_a_dsn_that_is_none() -> None:
    ran = audit("postgresql://[broken")
    assert ran.code == 2
    said(ran.err)


@pytest.mark.parametrize("command", ["audit", "collect", "check"])
def test_a_file_in_place_of_a_database(command: str, tmp_path: Path) -> None:
    (tmp_path / "the shop.gz").write_bytes(b"")
    more = ("-o", "out.json.gz") if command == "collect" else ()
    ran = pgadvisor(command, "the shop.gz", *more, folder=tmp_path)
    assert ran.code == 2
    assert said(ran.err) == "Error: the shop.gz is a file: pgadvisor analyze 'the shop.gz' reads snapshots."
    assert not (tmp_path / "out.json.gz").exists()
    (tmp_path / "host=127.0.0.1 port=1").write_bytes(b"")
    assert pgadvisor(command, "host=127.0.0.1 port=1", *more, folder=tmp_path).code == 4
    assert pgadvisor(command, "no such file", *more, folder=tmp_path).code == 2


def test_no_such_service() -> None:
    ran = audit("service=no_such_service")
    assert ran.code == 4
    assert "no_such_service" in said(ran.err)


@pytest.mark.parametrize("option", ["--html", "--json"])
@pytest.mark.parametrize("place", ["no/such/folder/r.out", "."])
def test_an_output_that_cannot_be_written_is_said_before_the_server_is_asked(
    option: str, place: str, tmp_path: Path
) -> None:
    ran = pgadvisor("audit", "postgresql://no-such-host.invalid/db", option, tmp_path / place)
    assert ran.code in (2, 5)
    assert "no-such-host" not in ran.err
    assert "Traceback" not in ran.err


def test_bad_usage_is_refused() -> None:
    assert pgadvisor("audit", "--no-such-option").code == 2
    assert pgadvisor("audit", "--set", "nonsense").code == 2
    assert pgadvisor("audit", "--set", "no_such_rule.x=1").code == 2
    assert pgadvisor("rules", "explain", "no_such_rule").code == 2


def test_without_the_extension_the_rest_is_judged(database: Database) -> None:
    database.execute("CREATE TABLE t (a int)")
    database.execute("DROP EXTENSION pg_stat_statements")
    ran = audit(database.dsn)
    assert ran.code == 3
    gaps = [gap for gap in ran.report["trust"]["gaps"] if gap["fact"] == "pg_stat_statements"]
    assert gaps
    assert "CREATE EXTENSION" in gaps[0]["remedy"]
    statuses = {outcome["rule"]: outcome["status"] for outcome in ran.report["outcomes"]}
    assert statuses["sequential_scan_with_filter"] == "not checked"
    assert statuses["duplicate_index"] != "not checked"


def test_the_extension_is_found_in_any_schema(database: Database) -> None:
    database.execute('CREATE SCHEMA "x\';--"')
    database.execute('ALTER EXTENSION pg_stat_statements SET SCHEMA "x\';--"')
    database.execute("CREATE TABLE t (a int)")
    database.execute("SELECT count(*) FROM t WHERE a = 1")
    ran = audit(database.dsn, "--fail-on", "never")
    assert ran.code == 0, ran.err
    assert any("FROM t" in (statement["text"] or "") for statement in ran.report["statements"])


def test_a_role_without_privileges_gets_what_it_may_see(database: Database) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    database.execute("INSERT INTO t SELECT i, i FROM generate_series(1, 20000) i")
    database.execute("CREATE INDEX one ON t (a)")
    database.execute("CREATE INDEX two ON t (a)")
    database.execute("ANALYZE t")
    ran = audit(database.role("bare").dsn)
    assert ran.code in (1, 3), ran.err
    report = ran.report
    assert any(finding["rule"] == "duplicate_index" for finding in report["findings"])
    hidden = [gap for gap in report["trust"]["gaps"] if gap["fact"] == "column_statistics"]
    assert hidden
    assert "GRANT" in hidden[0]["remedy"]
    assert not any(finding["rule"] == "stale_statistics" for finding in report["findings"])


def test_the_reports_are_written_and_named(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (a int)")
    html, json = tmp_path / "a b.html", tmp_path / "r.json"
    ran = pgadvisor("audit", database.dsn, "--html", html, "--json", json, "--fail-on", "never")
    assert ran.code == 0, ran.err
    assert html.read_bytes().startswith(b"<!DOCTYPE html>") or html.read_bytes().startswith(b"<!doctype html>")
    assert json.read_text().startswith("{")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.html", "r.json"]


def test_libpq_variables_name_the_database(database: Database) -> None:
    import psycopg

    parameters = psycopg.conninfo.conninfo_to_dict(database.dsn)
    env = {"PGHOST": str(parameters["host"]), "PGUSER": str(parameters["user"]), "PGDATABASE": database.name}
    if parameters.get("port"):
        env["PGPORT"] = str(parameters["port"])
    ran = pgadvisor("audit", "--json", "-", "--planner", "none", "--fail-on", "never", env=env)
    assert ran.code == 0, ran.err
    assert ran.report["source"]["database"] == database.name


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:x@s3cret@127.0.0.1/db",
        "postgresql://127.0.0.1:s3cret/x@h/db",
        "postgresql://u:s3cret\udcff@127.0.0.1/db",
        "host=127.0.0.1 port=s3cret",
    ],
)
def test_a_mistyped_connection_string_shows_no_part_of_a_password(dsn: str) -> None:
    ran = audit(dsn)
    assert ran.code == 2, "bad usage: no server was asked"
    assert "s3cret" not in said(ran.err)


def test_what_a_file_of_somebody_s_holds_does_not_steer_the_terminal(tmp_path: Path) -> None:
    steering = "\x1b]0;title\x07\u202e"
    gap = {"fact": "pg_stat_statements", "reason": f"not seen {steering}"}
    made = snapshot({"gaps": [gap], "partial": ["pg_stat_statements"]})
    server = msgspec.structs.replace(made.server, database=f"shop{steering}")
    path = tmp_path / "shop.json.gz"
    write_snapshots(path, [msgspec.structs.replace(made, server=server)])
    alone = pgadvisor("analyze", path, "--planner", "none", "--quiet", "--fail-on", "never")
    twice = pgadvisor("analyze", path, path, "--planner", "none")
    assert "not seen" in alone.err
    assert "shop" in twice.err
    for character in steering:
        assert character.isprintable() or character not in alone.err + twice.err
