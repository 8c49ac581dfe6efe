"""No password is told, in whichever form it was given and whatever is wrong with that."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.audits import audit
from support.databases import Database

SECRET = "Gehe1mnis"
NOWHERE = "127.0.0.1:1"
DSNS = (
    f"postgresql://u:{SECRET}@{NOWHERE}/db",
    f"postgresql://u:x#{SECRET}@{NOWHERE}/db",
    f"postgresql://u:x%{SECRET}@{NOWHERE}/db",
    f"postgresql://u:a:{SECRET}@{NOWHERE}/db",
    f"postgresql://{NOWHERE}/db?password={SECRET}&user=u",
    f"postgresql://{NOWHERE}/db?password={SECRET}&unknown={SECRET}",
    f"postgres//u:{SECRET}@{NOWHERE}/db",
    f"host=127.0.0.1 port=1 password={SECRET}",
    f"host=127.0.0.1 port=1 password=a {SECRET}",
    f"host=127.0.0.1 port=1 pasword={SECRET}",
    f"host=127.0.0.1 port=x{SECRET} password={SECRET}",
    f"host=127.0.0.1 port=1 sslmode=require sslpassword={SECRET}",
)


@pytest.mark.parametrize("dsn", DSNS)
def test_not_in_an_error(dsn: str) -> None:
    ran = audit(dsn)
    assert ran.code == (2 if "neither a URI" in ran.err else 4)
    assert SECRET not in ran.out + ran.err


def test_not_from_the_environment_or_a_service_file(tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.write_text(f"[a]\nhost=127.0.0.1\nport=1\npassword={SECRET}\n[b]\npasword={SECRET}\n", encoding="utf-8")
    for variables in (
        {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGPASSWORD": SECRET},
        {"PGHOST": "127.0.0.1", "PGPORT": SECRET, "PGPASSWORD": SECRET},
        {"PGSERVICEFILE": str(services), "PGSERVICE": "a"},
        {"PGSERVICEFILE": str(services), "PGSERVICE": "b"},
    ):
        ran = audit("", env=variables)
        assert ran.code == 4, variables
        assert SECRET not in ran.out + ran.err


@pytest.mark.server
def test_not_in_a_report(database: Database, tmp_path: Path) -> None:
    role = database.role("auditor", member_of=["pg_monitor"])
    page = tmp_path / "page.html"
    ran = audit(role.dsn_tcp, "--html", page)
    assert ran.code in (0, 1, 3), ran.err
    assert role.password not in ran.out + ran.err + page.read_text(encoding="utf-8")
