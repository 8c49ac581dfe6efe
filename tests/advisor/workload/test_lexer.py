"""Tokens as PostgreSQL splits them, on texts of every kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.workload import lexer
from pgadvisor.workload.lexer import MAX_TOKENS, Kind, first_keyword, has_literal, hides_nothing, lex

PIECES = [
    *("select", "Straße", "a$1", "$1", "$22", "'it''s'", "e'\\''", "$$x$1$$", "$q$ $$ $q$", '"a""b"', 'U&"\\0061"'),
    *("1", "1.5e-3", "0x1F", ".5", "::", "..", "(", ")", "[", "]", ",", ";", ".", "=", "->>", "@>-", "=-", "-- $1\n"),
    *("/* $1 /* ; */ */", " ", "\n", "\u00a0", "'", '"', "$", "$$", "/*", "\\", "\x00", "{{ }}", "</script>"),
]
texts = st.one_of(st.lists(st.sampled_from(PIECES)).map("".join), st.text())


def split(text: str) -> list[str]:
    lexed = lex(text)
    return [lexed.of(token) for token in lexed.tokens]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a=$1and b", ["a", "=", "$1", "and", "b"]),
        ("($1,$2)", ["(", "$1", ",", "$2", ")"]),
        ("a$1", ["a$1"]),
        ("'$1'", ["'$1'"]),
        ("'it''s'||E'\\'$1'", ["'it''s'", "||", "E'\\'$1'"]),
        ("$$ $1 $$", ["$$ $1 $$"]),
        ("$a$ $b$ $1 $a$", ["$a$ $b$ $1 $a$"]),
        ('"a""$1"', ['"a""$1"']),
        ('U&"\\0061"', ['U&"\\0061"']),
        ("a -- $1\nb", ["a", "b"]),
        ("a /* /* $1 */ $2 */ b", ["a", "b"]),
        ("a=-1", ["a", "=", "-", "1"]),
        ("a@>-1", ["a", "@>-", "1"]),
        ("a<--1\n", ["a", "<"]),
        ("a*/*b*/c", ["a", "*", "c"]),
        ("1..2", ["1", "..", "2"]),
        ("1.5e-3+0xFF", ["1.5e-3", "+", "0xFF"]),
        ("a::int[]", ["a", "::", "int", "[", "]"]),
        ("é\u00a0ü", ["é\u00a0ü"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert split(text) == tokens


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("select 'a", "a string"),
        ("select 'a''", "a string"),
        ("select e'a\\'", "a string"),
        ("select $a$ $$", "a string"),
        ('select "a', "a quoted name"),
        ("select 1 /* a /* b */", "a comment"),
    ],
)
def test_what_is_not_closed_is_said(text: str, inside: str) -> None:
    lexed = lex(text)
    assert lexed.unterminated == inside
    assert not lexed.balanced


@pytest.mark.parametrize("text", ["select (1", "select 1)", "select (1]", "select [1)", ")("])
def test_parentheses_must_match(text: str) -> None:
    lexed = lex(text)
    assert not lexed.balanced
    assert not lexed.unterminated


def test_depth_is_that_around_a_token() -> None:
    assert lex("a(b[c]d)e").depths == (0, 0, 1, 1, 2, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("text", "commands"),
    [("", 0), (";;", 0), ("a", 1), ("a;", 1), ("a; b", 2), ("a;;b;;", 2), ("';' -- ;", 1), ("$$;$$", 1)],
)
def test_commands_are_counted(text: str, commands: int) -> None:
    assert lex(text).commands == commands


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("SELECT 1", "select"),
        ("/* x */ (( Select 1))", "select"),
        ("-- update\ndelete from t", "delete"),
        ('"select" 1', ""),
        ("<insufficient privilege>", ""),
        ("", ""),
    ],
)
def test_first_keyword(text: str, keyword: str) -> None:
    assert lex(text).first_keyword == first_keyword(text) == keyword


@given(texts, st.sampled_from((1, 3, 9)))
def test_what_is_seen_without_splitting_is_what_tokens_show(text: str, beginning: int) -> None:
    lexed = lex(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexer, "_BEGINNING", beginning)
        assert first_keyword(text) == lexed.first_keyword
    assert has_literal(text) == any(token.kind in (Kind.STRING, Kind.NUMBER) for token in lexed.tokens)
    if hides_nothing(text):
        assert not any(token.kind is Kind.STRING for token in lexed.tokens)
        assert lexed.unterminated in ("", "a quoted name")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("select 1", "select 1"),
        ("/* a */ select 1 ; ;\n-- b", "/* a */ select 1"),
        ("select ';'", "select ';'"),
        ("a; b;", "a; b"),
        (" ; ", ""),
        ("-- a", ""),
    ],
)
def test_the_body_ends_before_trailing_semicolons(text: str, body: str) -> None:
    assert lex(text).body == body


def test_a_long_literal_is_one_token() -> None:
    assert [token.kind for token in lex("'" + "x''" * 1_000_000 + "'").tokens] == [Kind.STRING]


def test_too_many_tokens_are_cut_and_said() -> None:
    lexed = lex("1," * MAX_TOKENS)
    assert lexed.cut
    assert len(lexed.tokens) == MAX_TOKENS
    assert not lexed.balanced
    assert lexed.body == lexed.text


@settings(deadline=None)
@given(texts)
def test_tokens_do_not_overlap_and_leave_only_blanks_and_comments_out(text: str) -> None:
    lexed = lex(text)
    position = 0
    for token in lexed.tokens:
        assert position <= token.start < token.end <= len(text)
        between = text[position : token.start].strip(" \t\n\r\f\v")
        assert not between or between.startswith(("--", "/*"))
        position = token.end
    rest = text[position:].strip(" \t\n\r\f\v")
    assert not rest or rest.startswith(("--", "/*"))


@settings(deadline=None)
@given(texts)
def test_a_token_read_alone_is_the_same_token(text: str) -> None:
    lexed = lex(text)
    for token in lexed.tokens:
        if not lexed.unterminated:
            assert split(lexed.of(token)) == [lexed.of(token)]


def test_signs_in_a_row_take_linear_time() -> None:
    signs = 100_000
    lexed = lex("SELECT " + "+" * signs + "1")
    assert len(lexed.tokens) == signs + 2
    assert [lex("a <+-@- b").of(t) for t in lex("a <+-@- b").tokens] == ["a", "<+-@-", "b"]
    assert [lex("b <+- c").of(t) for t in lex("b <+- c").tokens] == ["b", "<", "+", "-", "c"]
