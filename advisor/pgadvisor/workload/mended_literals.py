"""Literals and quoted names as sqlglot reads them."""

from __future__ import annotations

import re

from pgadvisor.masking import MASK

# A longer literal says nothing about the statement's shape, and is cut to this many characters.
LITERAL_KEPT = 200
_UNICODE_ESCAPE = re.compile(r"\\(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|(\\))")


def string(written: str) -> str:
    """A literal as sqlglot reads it, cut where it is long."""
    if written.startswith("$"):
        tag = written.index("$", 1) + 1
        return "'" + _cut(written[tag:-tag]).replace("'", "''") + "'"
    quote = written.index("'")
    prefix = written[:quote]
    if prefix.endswith("&"):
        prefix = ""
    body = written[quote + 1 : -1]
    if len(body) > LITERAL_KEPT:
        # Quotes and escapes are left out, of which a half might remain.
        body = _cut(body).replace("'", "").replace("\\", "")
    return f"{prefix}'{body}'"


def is_cut(literal: str) -> bool:
    """Whether the content of a literal in the copy may not be all of the original."""
    return literal.endswith(MASK)


def _cut(body: str) -> str:
    return body if len(body) <= LITERAL_KEPT else body[:LITERAL_KEPT] + MASK


def number(written: str) -> str:
    """A number without underscores and prefixes, which PostgreSQL has from 16 on."""
    bare = written.replace("_", "")
    if bare[:2].lower() in ("0x", "0o", "0b") and len(bare) <= LITERAL_KEPT:
        return str(int(bare, 0))
    return bare


def unicode_name(written: str) -> str:
    """A U&"..." name with its escapes resolved."""

    def character(match: re.Match[str]) -> str:
        code = int(match[1] or match[2] or "5c", 16)
        return chr(code) if code <= 0x10FFFF else match[0]

    return _UNICODE_ESCAPE.sub(character, written[2:])
