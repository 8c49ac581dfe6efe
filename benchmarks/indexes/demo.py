"""The demo's shop: what is advised for it, built on a copy, and what was promised beside what was measured.

Loads the shop, lets it work for its day, copies the stopped server's files to a second one, audits the first as the
demo does and has `pgadvisor verify` try the advice on the second. Every missing index that was planted is looked for
among what is advised, in its right form. Results go to results/demo.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from pgadvisor import __version__
from pgadvisor.demo import shop, show
from pgadvisor.demo.size import Size
from pgadvisor.gate import ExitCode
from pgadvisor.indexes.ddl import create_index
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.localserver.environment import of_our_own
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Recommendation, Report
from pgadvisor.model.verification import Verdict
from pgadvisor.verifying.report_file import read_report

RESULTS = Path(__file__).parent / "results" / "demo.json"
# Counts and statistics are then the same whenever autovacuum would have come by.
SETTINGS = shop.SETTINGS | {"autovacuum": "off"}
CREATED = re.compile(r"CREATE INDEX \S+ ON (?P<table>\S+) \((?P<keys>.*?)\)(?: WHERE (?P<predicate>.*))?$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the shop; 0.45 is the least that has all problems")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pgadvisor-benchmark-"))
    # The servers' user has to get to its data.
    folder.chmod(0o755)
    try:
        report, seconds, version = tried(folder, Size(given.scale))
    finally:
        shutil.rmtree(folder)
    result = {
        "tool": __version__,
        "python": platform.python_version(),
        "server": version,
        "scale": given.scale,
        "seconds": seconds,
        **told(report),
    }
    given.results.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show_tables(result)


def tried(folder: Path, size: Size) -> tuple[Report, dict[str, float], str]:
    """The verified report, seconds of its steps, and the server's version."""
    teller, seconds = show.Teller(), {}
    server = LocalServer(find_binaries(), settings=SETTINGS, data_dir=folder / "shop")
    with server:
        shop.load(server, size, teller.say)
        show.work(server, size, teller)
    subprocess.run(["cp", "-a", folder / "shop", folder / "copy"], check=True)
    written, verified = folder / "report.json", folder / "verified.json"
    with LocalServer(find_binaries(), settings=SETTINGS, data_dir=folder / "copy") as copy, server:
        with psycopg.connect(copy.dsn(), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {shop.DATABASE} SET pgadvisor.copy = 'yes'".encode())
        begun = time.monotonic()
        # Values are in the statements and predicates that are to be run and built.
        ran([*show.audit_command(server, folder / "report.html", written), "--show-values"])
        seconds["audit"] = round(time.monotonic() - begun, 1)
        begun = time.monotonic()
        dsn = of_our_own(copy.dsn(shop.DATABASE, shop.OWNER))
        ran([sys.executable, "-m", "pgadvisor", "verify", str(written), dsn, "--json", str(verified)])
        seconds["verify"] = round(time.monotonic() - begun, 1)
        return read_report(verified), seconds, copy.binaries.version


def ran(command: list[str]) -> None:
    """Raises where a command ends without having done its work; that findings or broken promises are told is it."""
    code = show.audit(command)
    if code not in (ExitCode.CLEAN, ExitCode.FINDINGS):
        raise SystemExit(f"exit code {code} of pgadvisor {command[3]}")


def told(report: Report) -> dict[str, Any]:
    """What was planted and found; each index as promised and as measured; all together."""
    verification, advice = report.verification, report.index_advice
    assert verification is not None
    assert advice is not None
    indexes = [index(each, advice.workload.cost_before) for each in report.recommendations if each.advised]
    wanted = planted()
    for each in wanted:
        each["proposed"] = next((made["index"] for made in indexes if serves(made, each)), "")
    asked = {each["proposed"] for each in wanted}
    found = {f"{each.rule}: {each.subject.schema}.{each.subject.relation}" for each in report.findings}
    problems = {f"{each['rule']}: {each['table']}" for each in _problems()}
    measured = verification.statements
    return {
        "planted_missing": wanted,
        "beyond_planted": [
            each["index"] for each in indexes if each["kind"] == "create" and each["index"] not in asked
        ],
        "findings_missed": sorted(problems - found),
        "findings_extra": sorted(found - problems),
        "indexes": indexes,
        "workload": {
            "cost_share_promised": round(1 - advice.workload.cost_after / advice.workload.cost_before, 4),
            "ms_before": verification.before_ms,
            "ms_after": verification.after_ms,
            "verdicts": dict(sorted(Counter(each.verdict.value for each in measured).items())),
            "worse": [
                {"query_id": each.query_id, "before_ms": each.before_ms, "after_ms": each.after_ms, "noise": each.noise}
                for each in measured
                if each.verdict is Verdict.WORSE
            ],
            "not_run": [each.reason for each in measured if each.verdict is Verdict.NOT_RUN],
            "not_tried": verification.not_tried,
            "cut_short": verification.cut_short,
        },
        "explains": advice.explains,
    }


def index(recommendation: Recommendation, cost_before: float) -> dict[str, Any]:
    """One recommended index: what was promised, and what was measured."""
    advised, measured, proposal = recommendation.advised, recommendation.measured, recommendation.proposal
    assert advised is not None
    assert measured is not None
    assert isinstance(proposal, CreateIndex | DropIndex)
    definition = proposal.definition
    run = [each for each in measured.statements if each.before_ms and each.after_ms is not None]
    before = sum((each.before_ms or 0) * each.calls for each in run)
    highs = [(each.before_ms or 0) * each.calls * most for each in run if each.promise and (most := each.promise.high)]
    return {
        "kind": "create" if isinstance(proposal, CreateIndex) else "drop",
        "index": create_index(definition, "x", concurrently=False).partition(" ON ")[2].removesuffix(";"),
        "table": f"{definition.schema}.{definition.table}",
        "keys": ", ".join(each.column or each.expression or "" for each in definition.keys),
        "method": definition.access_method,
        "predicate": definition.predicate,
        "reasons": advised.reasons,
        "promised": {
            "cost_share": round((advised.alone.cost_before - advised.alone.cost_after) / cost_before, 4),
            # Of the time that the statements it is for take, weighted by what was measured.
            "time_ratio_at_most": round(sum(highs) / before, 4) if run and len(highs) == len(run) else None,
            "size_bytes": advised.price.size_bytes,
            "build_ms": advised.price.build_ms,
        },
        "measured": {
            "time_ratio": round(sum((each.after_ms or 0) * each.calls for each in run) / before, 4) if run else None,
            "size_bytes": measured.size_bytes,
            "build_ms": measured.build_ms,
            "verdict": measured.verdict.value,
            "reason": measured.reason,
            "statements": [msgspec.to_builtins(each) for each in measured.statements],
        },
    }


def planted() -> list[dict[str, Any]]:
    """The missing indexes among the demo's problems, in the form that mends them."""
    found = []
    for problem in _problems():
        made = next((match for text in problem["mend"] if (match := CREATED.match(text))), None)
        if made is not None:
            found.append({"rule": problem["rule"], **made.groupdict()})
    return found


def _problems() -> list[dict[str, Any]]:
    text = (files("pgadvisor.demo") / "problems.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["problem"])


def serves(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether an index is the one that was wanted: the same keys in the same order, of the same rows."""
    same = [plain(made[part]) == plain(wanted[part]) for part in ("table", "keys", "predicate")]
    return made["kind"] == "create" and made["method"] == "btree" and all(same)


def plain(text: str | None) -> str:
    """A part of a definition, without what PostgreSQL adds to it."""
    return re.sub(r"::\w+|[\s()]", "", text or "")


def show_tables(result: dict[str, Any]) -> None:
    """What the README shows."""
    print("| missing index that was planted | proposed |\n| --- | --- |")
    for each in result["planted_missing"]:
        wanted = f"{each['table']} ({each['keys']})" + (f" WHERE {each['predicate']}" if each["predicate"] else "")
        print(f"| `{wanted}` | {'the same' if each['proposed'] else 'not'} |")
    for key in ("beyond_planted", "findings_missed", "findings_extra", "seconds", "workload"):
        print(key, json.dumps(result[key]))
    print("| index | cost saved | time at most | time measured | size, promised / built | build, promised / took |")
    print("| --- | --- | --- | --- | --- | --- |")
    for each in result["indexes"]:
        promised, measured = each["promised"], each["measured"]
        time_taken = f"{figure(promised['time_ratio_at_most'])} | {figure(measured['time_ratio'])}"
        size = f"{figure(promised['size_bytes'], 1e6)} / {figure(measured['size_bytes'], 1e6)} MB"
        build = f"{figure(promised['build_ms'])} / {figure(measured['build_ms'])} ms"
        drop = each["kind"] == "drop"
        print(
            f"| {'drop ' if drop else ''}`{each['index']}` | {promised['cost_share']:.1%} | {time_taken} "
            f"| {size.replace(' / –', '') if drop else size} | {'' if drop else build} |"
        )


def figure(value: float | None, unit: float = 1.0) -> str:
    """A number of three digits; a dash where there is none."""
    return "–" if value is None else f"{value / unit:,.3g}" if abs(value / unit) < 100 else f"{value / unit:,.0f}"


if __name__ == "__main__":
    main()
