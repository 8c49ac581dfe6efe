"""Nothing on the attack list is executed or does harm, for a superuser and for an ordinary role."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from pgadvisor.model.coverage import Fact
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.progress import silent
from support.attacks import ATTACKS, LIARS, NEWER, NEWER_STRANGERS, STRANGERS, Attack, Stop
from support.databases import Database, fresh_database
from support.planning import ROOMY, Seen, candidates_of, planning
from support.runs import short_run
from support.servers import Server

pytestmark = pytest.mark.server

TIMEOUT_MS = 300
LIMITS: dict[str, Any] = {
    "max_explains": 10_000,
    "max_value_explains": 0,
    "execute_max_statements": 10_000,
    "execute_timeout_ms": TIMEOUT_MS,
    "execute_total_ms": 60_000,
}
# Any of these attempts takes a minute at least if it succeeds.
PATIENCE_S = 60.0


@pytest.fixture(params=short_run(13, 18), ids="postgres{}".format)
def attacked(request: pytest.FixtureRequest, old_server: Callable[[int], Server]) -> Iterator[Database]:
    """A database with everything that the attacks use, and the stranger who made his part of it."""
    with fresh_database(old_server(request.param)) as database:
        database.execute(LIARS)
        stranger = database.role("mallory", grants=["CREATE, USAGE ON SCHEMA public"])
        with stranger.connect() as connection:
            connection.execute(STRANGERS.encode())
            for since, more in NEWER_STRANGERS.items():
                if database.server.major >= since:
                    connection.execute(more.encode())
        database.execute("CREATE EVENT TRIGGER noting ON ddl_command_start EXECUTE FUNCTION notes()")
        database.execute("ANALYZE")
        yield database


def attacks_on(database: Database, victim: int) -> list[Attack]:
    newer = (attack for since, attacks in NEWER.items() if database.server.major >= since for attack in attacks)
    attacks = (*ATTACKS, *newer)
    return [replace(each, text=each.text.replace("{victim}", str(victim))) for each in attacks]


def state(database: Database) -> dict[str, Any]:
    """Everything that an attack could have changed."""
    catalogs = ("pg_class", "pg_attribute", "pg_proc", "pg_authid", "pg_largeobject_metadata", "pg_db_role_setting")
    queries = {
        "rows": "SELECT id, name, xmin::text, xmax::text, ctid::text FROM precious ORDER BY id",
        "other rows": "SELECT (SELECT count(*) FROM guarded), (SELECT count(*) FROM noted)",
        "sequence": "SELECT last_value, is_called FROM counted",
        "locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        "files": "SELECT count(*) FROM pg_ls_dir('.') AS file WHERE file = 'stolen'",
        "slots": "SELECT count(*) FROM pg_replication_slots",
        "origins": "SELECT count(*) FROM pg_replication_origin",
        "configuration": "SELECT pg_conf_load_time()",
        "segment": "SELECT pg_walfile_name(pg_current_wal_lsn())",
        "reset": "SELECT stats_reset FROM pg_stat_bgwriter",
        "statements": "SELECT count(*) > 0 FROM pg_stat_statements WHERE query LIKE 'CREATE TABLE precious%'",
        "collations": "SELECT count(*) FROM pg_collation",
    } | {name: f"SELECT md5(string_agg(c::text, '' ORDER BY ctid)) FROM {name} AS c" for name in catalogs}
    return {name: database.execute(query) for name, query in queries.items()}


def attack(database: Database, dsn: str, attacks: list[Attack]) -> Seen:
    """What was observed; the session has neither locks nor settings nor anything else left of it."""
    texts = [each.text for each in attacks]
    with planning(dsn, texts) as (session, facts):
        seen = Seen(Observation(), texts)
        config = msgspec.structs.replace(ROOMY, **LIMITS)
        observe(session, candidates_of(texts, facts), facts, config, silent, seen.observation)
        left = session.connection.execute(
            """SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
                      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
                      current_setting('work_mem'), (SELECT count(*) FROM pg_listening_channels())"""
        ).fetchone()
        assert left == (0, 0, 0, "4MB", 0)
    return seen


@pytest.mark.parametrize("superuser", [True, False], ids=["superuser", "ordinary role"])
def test_every_attack_is_stopped(attacked: Database, *, superuser: bool) -> None:
    grants = [
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public",
        "USAGE ON ALL SEQUENCES IN SCHEMA public",
    ]
    dsn = attacked.dsn if superuser else attacked.role("ordinary", grants=grants).dsn
    with attacked.connect() as victim, attacked.connect() as listener:
        listener.execute("LISTEN someone")
        attacks = attacks_on(attacked, victim.info.backend_pid)
        attacked.settle()
        before = state(attacked)
        started = time.monotonic()
        seen = attack(attacked, dsn, attacks)
        took_s = time.monotonic() - started
        assert state(attacked) == before
        assert victim.execute("SELECT 1").fetchone() == (1,)
        assert list(listener.notifies(timeout=0.05)) == []
    assert took_s < PATIENCE_S
    wrong = {each.text: said for each in attacks if (said := _wrong(seen, each, superuser=superuser))}
    assert wrong == {}


def _wrong(seen: Seen, attack: Attack, *, superuser: bool) -> str:
    """What is not as the list says of an attack; "" where all is."""
    if seen.plans(attack.text, PlanMethod.EXECUTED):
        return "it was executed"
    if not attack.planned and seen.plans(attack.text):
        return "it was planned"
    reasons = [gap.reason for fact in (Fact.PLANS, Fact.EXECUTED_PLANS) for gap in seen.gaps(attack.text, fact)]
    if not reasons:
        return "no gap tells of it"
    # An ordinary role is kept from much by the server itself.
    stops = [attack.stop] if superuser else [attack.stop, Stop.SERVER]
    return "" if any(re.search(stop, reason) for stop in stops for reason in reasons) else " / ".join(reasons)


def test_the_traps_are_traps(attacked: Database) -> None:
    """Run as they stand, outside of the guard, they do what the tests look for."""
    texts = (
        "SELECT trap()",
        "SELECT careless('A'::varchar)",
        "SELECT * FROM behind",
        "SELECT lies_locks(1)",
        "SELECT * FROM precious WHERE NOT id ~=~ 1",
        "EXPLAIN SELECT '{x}'::cast_me[]::int",
    )
    for text in texts:
        with attacked.connect() as connection:
            connection.execute(sql.SQL(text))
            held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
            assert held is not None and held[0] >= 1, text
    with attacked.connect() as connection, pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SET statement_timeout = 50")
        connection.execute("SELECT lies_by_another_name(60)")
