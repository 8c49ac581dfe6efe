"""The page in a real browser: scripts run under its own policy, nothing complains, nothing overflows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgadvisor.model.report import Report
from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor.registry import load_whatif
from pgadvisor_reports.html import render
from support.hostile_reports import hostile_report
from support.index_reports import hostile_index_report, tried_index_report
from support.reports import healthy_report, large_report, partial_report, sample_report
from support.whatifs import hostile_whatif, sample_whatif

pytestmark = pytest.mark.browser

# Runs in a copy of the page whose policy lets it in, once our own script has; what it finds goes into the title.
PROBE = """<script>
addEventListener("load", () => setTimeout(() => {
  const one = (s) => document.querySelector(s), all = (s) => [...document.querySelectorAll(s)], found = {};
  found.width = document.documentElement.scrollWidth <= innerWidth;
  found.wide = all("body *").filter((e) => !e.closest(".scroll, .bar, .legend, svg, .vh, .skip")
    && e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map((e) => e.outerHTML.slice(0, 90));
  found.scripted = document.documentElement.classList.contains("js-on") && all(".js").every((e) => !e.hidden);
  found.copies = all(".sql").every((e) => e.querySelector("button"));
  one("#theme").click(); found.light = document.documentElement.dataset.theme;
  one("#theme").click(); found.dark = document.documentElement.dataset.theme;
  const table = one("table.sortable");
  if (table) {
    const calls = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[2].dataset.v));
    table.tHead.rows[0].cells[2].querySelector("button").click();
    found.sort = table.tHead.rows[0].cells[2].getAttribute("aria-sort");
    found.sorted = calls().every((v, i, a) => i === 0 || a[i - 1] >= v);
    table.tHead.rows[0].cells[2].querySelector("button").click();
    found.turned = calls().every((v, i, a) => i === 0 || a[i - 1] <= v);
  }
  const shown = () => all(".finding").filter((e) => !e.hidden).length, form = one(".filter");
  if (form) {
    const change = (name, value) => { form.elements[name].value = value;
      form.dispatchEvent(new Event("input", { bubbles: true })); return shown(); };
    found.findings = shown();
    found.none = change("text", "no such words anywhere");
    found.hash = location.hash; change("text", "");
    const box = form.querySelector("[value=warning]"); box.click(); found.without = shown(); box.click();
    found.again = shown();
  }
  dispatchEvent(new Event("beforeprint"));
  found.printed = all("details").every((e) => e.open);
  document.title = "FOUND" + JSON.stringify(found) + "END";
}, 50));
</script>"""


def chromium(page: Path, home: Path, *options: str, width: int = 1400) -> subprocess.CompletedProcess[str]:
    """A run of headless Chromium on a page. A missing browser fails."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program is not None, "these tests need Chromium"
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0", "--hide-scrollbars"]
    command += [f"--user-data-dir={home}", f"--window-size={width},900", *options]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def console(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def probe(report: Report, folder: Path, width: int) -> dict[str, object]:
    return probed(render(report), folder, width)


def probed(content: bytes, folder: Path, width: int) -> dict[str, object]:
    text = content.decode()
    policy = re.search(r"script-src '[^']*'", text)
    assert policy is not None
    text = text.replace(policy[0], "script-src 'unsafe-inline'", 1).replace("</body>", PROBE + "</body>")
    page = folder / "probe.html"
    page.write_text(text, encoding="utf-8")
    done = chromium(page, folder / "home", "--dump-dom", "--virtual-time-budget=2000", width=width)
    assert console(done) == []
    match = re.search(r"<title>FOUND(.*?)END</title>", done.stdout, re.DOTALL)
    assert match is not None, done.stdout[:500]
    found: dict[str, object] = json.loads(match[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    return found


@pytest.mark.parametrize("make", [sample_report, healthy_report, partial_report, large_report, hostile_report])
def test_the_page_runs_under_its_own_policy_without_a_complaint(make: Callable[[], Report], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(render(make()))
    done = chromium(page, tmp_path / "home", "--dump-dom")
    assert console(done) == []
    assert '<html lang="en" class="js-on">' in done.stdout
    assert "alert(1)" not in re.sub(
        r"<script type=\"application/json\".*?</script>|&lt;script&gt;alert", "", done.stdout
    )


@pytest.mark.parametrize("width", [1400, 360])
@pytest.mark.parametrize(
    "make",
    [sample_report, healthy_report, partial_report, hostile_report, tried_index_report, hostile_index_report],
)
def test_nothing_is_wider_than_the_window(make: Callable[[], Report], width: int, tmp_path: Path) -> None:
    found = probe(make(), tmp_path, width)
    assert found["width"], found
    assert found["wide"] == []


@pytest.mark.parametrize("width", [1400, 360])
@pytest.mark.parametrize("make", [sample_whatif, hostile_whatif])
def test_the_page_of_a_whatif_runs_and_fits(make: Callable[[], WhatIfResult], width: int, tmp_path: Path) -> None:
    found = probed(load_whatif("html")(make()), tmp_path, width)
    assert found["width"], found
    assert found["wide"] == []
    for name in ("scripted", "copies", "printed"):
        assert found[name], name


def test_controls_work(tmp_path: Path) -> None:
    found = probe(sample_report(), tmp_path, 1400)
    for name in ("scripted", "copies", "sorted", "turned", "printed"):
        assert found[name], name
    assert (found["light"], found["dark"]) == ("light", "dark")
    assert found["sort"] == "descending"
    assert (found["findings"], found["none"], found["without"], found["again"]) == (7, 0, 3, 7)
    assert found["hash"] == "#?text=no+such+words+anywhere"


def test_it_prints(tmp_path: Path) -> None:
    page, paper = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_bytes(render(sample_report()))
    chromium(page, tmp_path / "home", f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 30
