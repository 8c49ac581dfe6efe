"""Which locales stand in for those that the twin's server lacks."""

from __future__ import annotations

# libc's UTF-8 locale without a language: it sorts by code points and yet does not count as C, so that a plain B-tree
# index serves no LIKE 'abc%' under it, as under any language's. Where there is none, as on macOS, English does as well.
STAND_INS = ("C.UTF-8", "C.utf8", "en_US.UTF-8")


def is_c(locale: str | None) -> bool:
    """Whether a locale sorts by bytes, so that a plain B-tree index serves LIKE 'abc%'."""
    return locale in ("C", "POSIX")
