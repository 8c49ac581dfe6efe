"""EXPLAIN's lines out of what a terminal, a log or a form has put round them."""

from __future__ import annotations

import re

# What psql puts on lines of its own: rules, headings, the number of rows, time taken.
_NOISE = re.compile(
    r"[|\s]*QUERY PLAN[|\s]*|[-+|]{3,}\s*|-\[ RECORD \d+ \][-+]*\s*|\(\d+ rows?\)\s*|Time: [\d.,]+ ms\b.*|EXPLAIN\s*",
    re.IGNORECASE,
)
_RECORD = "QUERY PLAN | "
_LOGGED = re.compile(r"(?:.*\s)?duration: [\d.]+ ms  plan:\s*")


def unframed(text: str) -> list[str]:
    """The lines of a plan, their indents kept as they stand to each other.

    Taken off: psql's frames (all borders, expanded output), the sign for a value that goes on in the next line,
    quotes round each line, tabs of a log's continued lines, a log's "duration: ... plan:" and blank lines round it all.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    for number, line in enumerate(lines):
        if _LOGGED.fullmatch(line):
            lines = lines[number + 1 :]
            break
        if line.strip():
            break
    lines = [_unbordered(line) for line in _without_quotes(lines) if not _NOISE.fullmatch(line.strip())]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) > 1 and all(line.startswith("\t") for line in lines[1:]):
        lines = [line.removeprefix("\t") for line in lines]
    if lines and lines[0].lstrip()[:1] in ("[", "{") and lines[0].endswith("+"):
        lines = [line.removesuffix("+") for line in lines]
    return lines


def _without_quotes(lines: list[str]) -> list[str]:
    """Forms that copy a result set put each line in quotes."""
    filled = [line.strip() for line in lines if line.strip()]
    quoted = [line for line in filled if len(line) > 1 and line[0] == line[-1] == '"']
    if len(quoted) < len(filled) - 1 or not quoted:
        return lines
    kept = [line.strip() for line in lines]
    return [line[1:-1].replace('""', '"') if len(line) > 1 and line[0] == line[-1] == '"' else line for line in kept]


def _unbordered(line: str) -> str:
    if line.startswith(_RECORD):
        return line.removeprefix(_RECORD)
    if len(line) > 1 and line[0] == "|" and line.rstrip()[-1:] == "|":
        return line[1:].rstrip()[:-1].rstrip()
    return line.rstrip()
