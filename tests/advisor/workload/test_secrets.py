"""Passwords and other secrets do not survive in the texts of statements."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.workload import secrets
from pgadvisor.workload.lexer import lex
from pgadvisor.workload.secrets import HIDDEN, without_secrets

SECRET = "hunter2"
# Each holds a secret where {} stands: a literal, as SQL spells it.
COMMANDS = (
    "CREATE ROLE x PASSWORD {}",
    "create user x with login encrypted password {} valid until '2030-01-01'",
    "ALTER USER x PASSWORD {}",
    "ALTER GROUP x /* why */ PASSWORD\n  {};",
    "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password {})",
    "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password {})",
    "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', sas {})",
    "ALTER SERVER s OPTIONS (ADD \"sslpassword\" {})",
    "CREATE FOREIGN DATA WRAPPER w OPTIONS (token {})",
    "CREATE FOREIGN TABLE t (a int) SERVER s OPTIONS (x {})",
    "CREATE SUBSCRIPTION s CONNECTION {} PUBLICATION p",
    "ALTER SUBSCRIPTION s CONNECTION {}",
    "select dblink_connect('c', {})",
    "SELECT * FROM public.dblink({}, 'select 1') AS t(a int)",
    "COPY t TO PROGRAM {}",
    "copy (select 1) to program {} with csv",
    "ALTER SYSTEM SET primary_conninfo = {}",
    "SET app.jwt_secret TO {}",
    "set local app.encryption_key = {}",
    "ALTER DATABASE d SET \"app.settings.jwt_secret\" TO {}",
    "ALTER ROLE x IN DATABASE d SET app.pwd = {}",
    "CREATE TABLE t AS SELECT pgp_sym_encrypt(a, {}) FROM b",
    "CREATE TABLE t AS SELECT crypt({}, gen_salt('bf'))",
    "DECLARE c CURSOR FOR SELECT aws_s3.query_export_to_s3('select 1', {})",
    "select azure_storage.account_add('a', {})",
    "select set_config('app.token', {}, false)",
    "INSERT INTO users (name, password) SELECT name, password FROM old WHERE password = {}",
    "EXPLAIN SELECT 1; CREATE ROLE y PASSWORD {}; SELECT 2",
)  # fmt: skip
# A secret within a literal, as the text of it.
WITHIN = (
    "host=h password={} dbname=d",
    "postgres://ann:{}@h/d",
    "BEGIN EXECUTE format('CREATE ROLE x PASSWORD %L', '{}'); END",
    "curl -H 'Authorization: Bearer {}' http://h",
    '{{"api_key": "{}"}}',
)


def spellings(secret: str) -> list[str]:
    """A text as a literal in all the ways that SQL has."""
    plain = secret.replace("'", "''")
    escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
    return [f"'{plain}'", f"E'{escaped}'", f"U&'{plain}'", f"N'{plain}'", f"$x${secret}$x$", f"$${secret}$$"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_secret_is_hidden(command: str) -> None:
    for literal in spellings(SECRET):
        shown = without_secrets(command.format(literal))
        assert SECRET not in shown
        assert HIDDEN in shown


@settings(max_examples=300, deadline=None)
@given(
    command=st.sampled_from(COMMANDS),
    secret=st.text(min_size=4).filter(lambda text: "\0" not in text and text.strip("' \t\r\n\f\v…")),
)
def test_no_secret_survives(command: str, secret: str) -> None:
    # What could also stand elsewhere in the command proves nothing.
    marked = f"zq{secret}qz"
    for literal in spellings(marked):
        if "$" in literal[:3] and "$" in secret:
            continue
        shown = without_secrets(command.format(literal))
        assert marked not in shown
        assert marked.replace("'", "''") not in shown


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("cut", ["'hunter2", "E'hunter2\\", "$x$hunter2", "'hunter2\\' or hunter2'", "'a' /* hunter2"])
def test_a_text_that_is_cut_off_shows_nothing(command: str, cut: str) -> None:
    head, _, tail = command.partition("{}")
    assert SECRET not in without_secrets(head + cut)
    assert SECRET not in without_secrets(head + cut + tail)


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize("command", ["select {}", "DO {}", "CALL p({}, 1)", "CREATE FUNCTION f() RETURNS void AS {}"])
def test_what_a_literal_holds_gives_it_away(command: str, within: str) -> None:
    for literal in spellings(within.format(SECRET)):
        assert SECRET not in without_secrets(command.format(literal))


def test_a_literal_in_several_parts_is_hidden_whole() -> None:
    assert without_secrets("CREATE ROLE x PASSWORD 'hun'\n'ter2'") == f"CREATE ROLE x PASSWORD {HIDDEN}\n{HIDDEN}"


def test_a_value_without_quotes_is_hidden() -> None:
    assert SECRET not in without_secrets("SET app.secret = hunter2")
    assert SECRET not in without_secrets('ALTER ROLE x SET "app.secret" TO "hunter2", other')


def test_escapes_do_not_hide_a_word() -> None:
    assert SECRET not in without_secrets(r"select f(E'host=h p\x61ssword=hunter2')")
    assert SECRET not in without_secrets(r"select f(U&'host=h p\0061ssword=hunter2')")


def test_comments_that_tell_are_left_out() -> None:
    shown = without_secrets("select a -- the password is hunter2\nfrom t /* token: hunter2 /* or */ hunter2 */ where b")
    assert SECRET not in shown
    assert [lex(shown).of(token) for token in lex(shown).tokens] == ["select", "a", "from", "t", "where", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "select * from users where password = $1 and token in ($2, $3)",
        "select a from t where event = 'reset' -- app: web\n",
        "CREATE ROLE x PASSWORD $1",
        "update users set token = $1 where id = $2 /* job 7 */",
        "select 'it''s' || $$plain$$ || E'\\n' from \"Group\" group by 1",
        "SET work_mem TO '64MB'",
        "",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_secrets(text) == text


@given(st.lists(st.sampled_from([*secrets._NEEDLES, *"abcdefghiklmnoprstuvwxyz_ .:\\/", "set x.", "s\u017f"])))
def test_no_suspicious_word_is_passed_over(pieces: list[str]) -> None:
    for text in ("".join(pieces), "".join(pieces).upper()):
        assert secrets._is_suspicious(text) == (secrets._SUSPICIOUS.search(text) is not None)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(without_secrets(text), str)


@pytest.mark.parametrize(
    "text",
    [
        f"COMMENT ON TABLE t IS '{'token' * 10_000}'",
        f"COMMENT ON TABLE t IS '://{':' * 100_000}'",
        f"COMMENT ON TABLE t IS 'token{' ' * 50_000}'",
        f"SELECT {'crypt(' * 2_000}'a'{')' * 2_000}",
        f"SET x {'set token ' * 3_000}",
    ],
    ids=lambda text: text[:30],
)
def test_no_text_takes_long(text: str) -> None:
    """Any user of the database can write one, and the run that reads it is somebody else's."""
    started = time.perf_counter()
    without_secrets(text)
    assert time.perf_counter() - started < 5


def test_long_words_and_gaps_hide_nothing() -> None:
    for between in ("x" * 500, " " * 500, f"{' ' * 200}={' ' * 200}", "' ]\"" * 100 + ": "):
        quoted = f"password{between}{SECRET}".replace("'", "''")
        assert SECRET not in without_secrets(f"COMMENT ON TABLE t IS '{quoted}'")


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE t ALTER password SET DEFAULT {}",
        "ALTER TABLE t ALTER COLUMN password SET DEFAULT ({}::text)",
        "(password <> {}::text)",
        "((password)::text = ANY ((ARRAY['a'::character varying, {}::character varying])::text[]))",
        " SELECT {}::text AS \"apiKey\",\n    1 AS b",
        "CREATE TABLE x AS SELECT concat({}) password",
        "CREATE FUNCTION get_api_key() RETURNS text LANGUAGE sql RETURN {}",
        "p_password character varying DEFAULT {}::character varying",
        "SELECT * FROM users WHERE {} = password",
        "SELECT * FROM users WHERE password LIKE {}",
        "SELECT * FROM users WHERE password NOT IN ('a', {})",
        "SELECT * FROM users WHERE password = ANY ({})",
        "SELECT * FROM users WHERE password::text = {}",
        "SELECT * FROM users WHERE lower(u.\"Password\") = lower({})",
        "SELECT * FROM users WHERE data ->> 'password' = {}",
        "SELECT * FROM users WHERE U&\"p\\0061ssword\" = {}",
        "INSERT INTO users (name, password) VALUES ('bob', {})",
        "UPDATE users SET (name, password) = ('bob', {})",
        "UPDATE users SET user_pin = {}",
        "SELECT stripe_key FROM t WHERE stripe_key = {}",
        "SELECT \"crypt\"({})",
        "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION hook({})",
        "NOTIFY ch, {}",
        "DO {}",
        "CALL login('bob', {})",
        "EXECUTE login('bob', {})",
        "COPY t FROM {}",
        "ALTER DATABASE d SET app.stripe = {}",
    ],
)  # fmt: skip
def test_what_something_telling_is_named_beside_is_hidden(text: str) -> None:
    for literal in spellings(SECRET):
        assert SECRET not in without_secrets(text.format(literal))


def test_fields_of_documents_keep_their_names_and_what_only_looks_like_one_does_not() -> None:
    shown = {
        "SELECT a FROM u WHERE d ->> 'apiKey' = 'x'": f"SELECT a FROM u WHERE d ->> 'apiKey' = {HIDDEN}",
        "((d #>> '{a,api_key}'::text[]) = 'x'::text)": f"((d #>> '{{a,api_key}}'::text[]) = {HIDDEN}::text)",
        "SELECT a FROM u WHERE d ? 'myToken'": f"SELECT a FROM u WHERE d ? {HIDDEN}",
        "SELECT u.tokens -> 'myToken' FROM u": f"SELECT u.tokens -> {HIDDEN} FROM u",
        "SELECT d -> 'my token: x7' FROM u": f"SELECT d -> {HIDDEN} FROM u",
    }
    assert {text: without_secrets(text) for text in shown} == shown


def test_bodies_that_name_something_telling_and_messages_are_hidden() -> None:
    body = "DECLARE k text := 'hunter2'; BEGIN PERFORM send(k, api_token); END"
    for literal in spellings(body):
        assert SECRET not in without_secrets(f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {literal}")
    assert SECRET not in without_secrets("SELECT pg_notify('c', '{\"pass\": \"hunter2\"}')")


def test_numbers_are_hidden_where_they_are_compared_with_something_telling() -> None:
    shown = {
        "SELECT a FROM u WHERE pin = 1234 AND b = 3": f"SELECT a FROM u WHERE pin = {HIDDEN} AND b = 3",
        "SELECT a FROM u WHERE 1234 = pin OR b = 3": f"SELECT a FROM u WHERE {HIDDEN} = pin OR b = 3",
        "SELECT 1234 AS pin, 4": f"SELECT {HIDDEN} AS pin, 4",
        "SELECT a FROM u WHERE pin BETWEEN 1234 AND 1235": f"SELECT a FROM u WHERE pin BETWEEN {HIDDEN} AND {HIDDEN}",
        "INSERT INTO u (a, pin) VALUES ($1, 1234)": f"INSERT INTO u (a, pin) VALUES ($1, {HIDDEN})",
    }
    assert {text: without_secrets(text) for text in shown} == shown


@pytest.mark.parametrize(
    "text",
    [
        "SELECT $1 FROM keyboard k WHERE k.monkey = 5 AND status = 'x' LIMIT 10",
        "SELECT passengers, 3 FROM trips WHERE token_count > 5 AND state = 'a' AND shipping = 'b'",
        "SELECT * FROM facts WHERE date_key = 20200101 AND sort_key = 'x' AND key = 'y' AND primary_key = 'z'",
        "SELECT a FROM u WHERE secretary = 'ann' AND password_changed_at > '2026-01-01'",
        "((status)::text = 'open'::text) AND (api_token IS NOT NULL)",
        "(password <> ''::text)",
        "nextval('user_tokens_id_seq'::regclass)",
        "SELECT jsonb_build_object('key', value) FROM t",
        "SELECT id FROM tickets WHERE meta ->> 'jiraKey' = 'J-' || '123'",
    ],
)
def test_names_that_only_sound_alike_hide_nothing(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "unit", ["password = 1, ", "x between pin and 2 or ", "a ->> 'pin' = 'x' and ", "insert pin ("]
)
def test_many_telling_names_take_no_long(unit: str) -> None:
    started = time.perf_counter()
    without_secrets(f"SELECT {unit * 20_000}")
    assert time.perf_counter() - started < 5
