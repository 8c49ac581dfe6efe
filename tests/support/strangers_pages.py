"""What holds of every page and every text for a terminal, whatever names and texts of strangers are in it."""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len

from support.hostile_reports import HOSTILE

_STEERING = {"Cc", "Cf", "Zl", "Zp"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_CONTROL = re.compile(r'<span class="ctl" title="U\+[0-9A-F]+">.</span>')


def check_terminal(text: str) -> None:
    """Nothing in it steers a terminal but our own colours."""
    bare = _COLOUR.sub("", text)
    assert {c for c in bare if unicodedata.category(c) in _STEERING} - {"\n"} == set()


def check_width(text: str, width: int, sql: list[str]) -> None:
    """No line is wider but those of commands, which are to be copied whole."""
    starts = {line.split()[0] for each in sql for line in each.split("\n") if line.split()}
    for line in text.split("\n"):
        assert cell_len(line) <= width or line.split()[0] in starts, line


def check_page(page: str) -> None:
    """Text of strangers is text in it: no script, no element, no template, no character that acts."""
    assert page.count("<script>") == 1
    assert "<img src=x" not in page
    assert "{{ 7*7 }}" in page
    bare = _SHOWN_CONTROL.sub("", page)
    assert not {c for c in bare if unicodedata.category(c) in {"Cc", "Cf"}} - {"\n", "\t"}
    assert HOSTILE[0] not in page


def check_stands_alone(page: str) -> None:
    """It loads nothing from elsewhere, and its links lead somewhere in it."""
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page)
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)
