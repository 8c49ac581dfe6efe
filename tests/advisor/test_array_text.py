"""Arrays in text form, against the server's own reading of them."""

from __future__ import annotations

import time

import pytest

from pgadvisor.array_text import array_literal, floats, texts
from support.databases import Database

HOSTILE = (
    "a",
    "",
    "NULL",
    "b, c",
    'say "hi"',
    "it's",
    "back\\slash",
    "{1,2}",
    " ",
    "line\nfeed",
    "é中\U0001f600",
    "%s",
)


@pytest.mark.server
def test_elements_are_those_the_server_put_in(database: Database) -> None:
    ((literal, read),) = database.execute(
        "SELECT %s::text[]::text, %s::text[]", [list(HOSTILE), array_literal(HOSTILE)]
    )
    assert texts(literal) == HOSTILE
    assert tuple(read) == HOSTILE


def test_arrays_without_elements_and_of_numbers() -> None:
    assert texts("{}") == ()
    assert floats("{}") == ()
    assert floats("{0.25,1e-05,3}") == (0.25, 1e-05, 3.0)
    assert texts("[0:1]={a,b}") == ("a", "b")


def test_a_quote_that_is_not_closed_is_looked_through_once() -> None:
    started = time.perf_counter()
    assert len(texts('{"' + '\\"' * 20_000 + "}")) == 1
    assert time.perf_counter() - started < 5
