"""What the audit log keeps of a statement: whatever is written around a secret, the secret is not kept."""

from __future__ import annotations

import random
import re

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.support import Session

SECRET = "zq4711secrt"
OURS = "/* left out: the text names functions of integratedb */"
UNCERTAIN = "/* left out: the text may hold a secret */"


def masked(session: Session, text: str) -> str:
    kept: str = session.value("SELECT integratedb.masked(%s)", text)
    return kept


# Literals as Postgres reads them: the secret between other characters, some of which look like an end.
TEXT = st.text(alphabet="ab \n'\"$;-/*(){}=é\\", max_size=6)
TAGS = st.sampled_from(["", "a", "_tag1", "é"])


@st.composite
def literals(draw: st.DrawFn) -> str:
    before, after = draw(TEXT), draw(TEXT)
    kind = draw(st.sampled_from(["plain", "E", "U&", "N", "dollar", "adjacent", "escaped"]))
    if kind == "dollar":
        tag = f"${draw(TAGS)}$"
        return f"{tag}{before}{SECRET}{after} {tag}".replace(f"{tag}{before}{SECRET}{after} ", f"{tag}x{SECRET}y ")
    plain = (before + SECRET + after).replace("\\", "").replace("'", "''")
    if kind == "E":
        return "E'" + (before + SECRET + after).replace("\\", "\\\\").replace("'", "\\'") + "'"
    if kind == "escaped":
        return f"e'\\'{SECRET}\\\\'"
    if kind == "U&":
        return draw(st.sampled_from([f"U&'{plain}'", f"u&'{plain}' UESCAPE '!'"]))
    if kind == "N":
        return f"n'{plain}'"
    if kind == "adjacent":
        space = draw(st.sampled_from(["\n", " \n ", " -- x'y\n", "\r\n"]))
        return f"'a'{space}'{plain}'"
    return f"'{plain}'"


@st.composite
def gaps(draw: st.DrawFn) -> str:
    """White space or comments, nested and with what looks like literals, between two tokens."""
    comment = st.sampled_from(
        ["/**/", "/* it's */", "/* /* $$ ' */ \" */", "/*/**/*/", "-- don't\n", "--\n", "/*--*/", "/***/"]
    )
    return draw(st.sampled_from([" ", "\n", "\t", "  "])) + draw(st.sampled_from(["", ""]) | comment)


# {s}: a literal with the secret; {c}: the same within a comment, which goes on; a space: white space or comments.
STATEMENTS = [
    "CREATE ROLE x PASSWORD {s}",
    "CREATE USER x WITH ENCRYPTED PASSWORD {s} VALID UNTIL 'infinity'",
    "ALTER USER x PASSWORD {s}",
    "ALTER ROLE x LOGIN PASSWORD {s} CONNECTION LIMIT 5",
    "CREATE GROUP x PASSWORD {s}",
    "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'u', password {s})",
    "ALTER USER MAPPING FOR x SERVER y OPTIONS (SET password {s})",
    "CREATE SUBSCRIPTION x CONNECTION {s} PUBLICATION y",
    "ALTER SUBSCRIPTION x CONNECTION {s}",
    "CREATE SERVER x FOREIGN DATA WRAPPER y OPTIONS (host {s})",
    "ALTER SERVER x VERSION '2' OPTIONS (ADD dbname {s})",
    "CREATE FOREIGN TABLE x (a int) SERVER y OPTIONS (token {s})",
    "CREATE FOREIGN TABLE x (a int OPTIONS (column_name {s})) SERVER y",
    "ALTER FOREIGN TABLE x OPTIONS (SET password {s})",
    "ALTER TABLE x OPTIONS (SET passfile {s})",
    "ALTER TABLE x ALTER COLUMN y OPTIONS (ADD z {s})",
    "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z OPTIONS (import_default {s})",
    "CREATE FOREIGN DATA WRAPPER x OPTIONS (key {s})",
    "ALTER FOREIGN DATA WRAPPER x OPTIONS (SET key {s})",
    "SECURITY LABEL FOR p ON ROLE x IS {s}",
    "ALTER SYSTEM SET primary_conninfo = {s}",
    "ALTER SYSTEM SET primary_conninfo TO {s}",
    "ALTER DATABASE x SET app.key = {s}",
    "ALTER ROLE x IN DATABASE y SET app.key TO {s}",
    "ALTER FUNCTION x() SET app.key TO {s}",
    'SET "app"."key" TO {s}',
    "SET LOCAL app.key = 'a', {s}",
    "SELECT set_config('app.key', {s}, false)",
    "SELECT dblink_connect('a', {s})",
    "SELECT * INTO x FROM dblink({s}, 'SELECT 1') AS y (a int)",
    "CREATE TABLE x AS SELECT * FROM dblink({s}, 'SELECT 1') AS y (a int)",
    "CREATE TABLE x (a) AS SELECT {s}",
    "CREATE TABLE x AS EXECUTE y({s})",
    "CREATE VIEW x AS SELECT * FROM s.dblink({s}, 'SELECT 1') AS y (a int)",
    'CREATE MATERIALIZED VIEW x AS SELECT "dblink" ({s}, lower({s}))',
    "CREATE VIEW x AS SELECT s.lower({s})",
    "CREATE TABLE x (a bytea DEFAULT pgp_sym_encrypt('x', {s}))",
    "ALTER TABLE x ALTER a TYPE bytea USING (pgp_sym_encrypt(a, coalesce({s})))",
    "CREATE TABLE x (password text DEFAULT {s})",
    'ALTER TABLE x ADD "api_key" text DEFAULT {s}',
    "CREATE TABLE x (a text DEFAULT 'host=y password='\n {s})",
    "CREATE POLICY x ON y USING (f({s}))",
    "CREATE INDEX x ON y (f(a, {s}))",
    "CREATE TRIGGER x AFTER INSERT ON y FOR EACH ROW EXECUTE FUNCTION z({s})",
    "COPY x FROM PROGRAM {s}",
    "COPY x TO {s}",
    "CREATE FUNCTION x() RETURNS text LANGUAGE sql AS {s}",
    "CREATE FUNCTION x(a text DEFAULT {s}) RETURNS text LANGUAGE sql BEGIN ATOMIC; SELECT {s}; END",
    "CREATE PROCEDURE x() LANGUAGE plpgsql AS {s}",
    "DO {s}",
    "DO LANGUAGE plpgsql {s}",
    "INSERT INTO x VALUES (1, {s})",
    "UPDATE x SET a = {s} WHERE b = {s}",
    "CALL x({s})",
    "PREPARE x AS SELECT {s}",
    "EXECUTE x({s})",
    "COMMENT ON TABLE x IS {s}",
    "NOTIFY x, {s}",
    "CREATE EXTENSION x WITH VERSION {s}",
    "CREATE RULE x AS ON INSERT TO y DO ALSO (DELETE FROM z; SELECT f({s}))",
    "SELECT 1 - -1, 2*/* {c} */3, @-{s}",
    "/* ALTER ROLE x PASSWORD {c} */ SELECT 1",
]
# Where a value may be written without quotes.
BARE = [
    "SET app.key = {s}",
    "SET LOCAL app.key TO {s}",
    'SET app.key TO "{s}"',
    "ALTER ROLE x SET app.key TO {s}",
    'ALTER DATABASE "set" SET "app".key = "{s}"',
    "ALTER SYSTEM SET app.key = 'a', {s}",
    "CREATE FUNCTION x() RETURNS int LANGUAGE sql SET app.key TO {s} AS 'SELECT 1'",
]
AROUND = [
    "CREATE TABLE shop.a (id integer, b text DEFAULT 'x' CHECK (b IN ('it''s', 'y')))",
    "CREATE TABLE shop.a (b text DEFAULT E'a\\'b\\\\', c text DEFAULT $$it's$$)",
    'ALTER TABLE shop.a ADD COLUMN "it\'s" integer',
    "SELECT 1 /* ' */, \"a\"\"b\", '$$', $1, x'1F', b'01', 2 -- '\n",
    "SET search_path TO shop",
    "CREATE DOMAIN d AS text CHECK (value ~ '^\\d+$')",
    "",
]


@st.composite
def queries(draw: st.DrawFn) -> str:
    bare = draw(st.booleans()) and draw(st.booleans())
    statement = draw(st.sampled_from(BARE if bare else STATEMENTS))
    # Not inside literals: a comment's quote would end them, and Postgres would not read such a text.
    parts = statement.split("'")
    parts[::2] = ["".join(draw(gaps()) if sign == " " else sign for sign in part) for part in parts[::2]]
    statement = "'".join(parts)
    statement = statement.replace("{s}", SECRET if bare else draw(literals())).replace("{c}", f"'{SECRET}'")
    if draw(st.booleans()):
        statement = statement.swapcase().replace(SECRET.swapcase(), SECRET) if "$" not in statement else statement
    texts = [
        *draw(st.lists(st.sampled_from(AROUND), max_size=2)),
        statement,
        *draw(st.lists(st.sampled_from(AROUND), max_size=1)),
    ]
    text = ";".join(texts)
    # The cut falls somewhere around the secret.
    if draw(st.integers(0, 4)) == 0:
        text = " " * (8192 - text.index(SECRET) - draw(st.integers(0, 30))) + text
    return text


@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(query=queries())
def test_a_secret_is_never_kept(superuser, query):
    kept = masked(superuser, query)
    note(kept)
    assert SECRET[:6] not in kept


@pytest.mark.parametrize("statement", [*STATEMENTS, *BARE])
def test_a_secret_is_not_kept_in_any_statement(superuser, statement):
    plain = f"'{SECRET}'" if statement in STATEMENTS else SECRET
    kept = masked(
        superuser,
        f"CREATE TABLE shop.a (id integer); {re.sub('{[sc]}', plain, statement)}; CREATE TABLE shop.b (id integer)",
    )
    assert SECRET not in kept
    assert kept.startswith("CREATE TABLE shop.a (id integer); ")
    assert kept.endswith("; CREATE TABLE shop.b (id integer)")


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE shop.a (id integer)",
        "CREATE TABLE shop.a (id integer DEFAULT 1 - 2, s text DEFAULT 'open' CHECK (s IN ('open', 'it''s')))",
        'CREATE TABLE "shop"."a" ("id" bigint PRIMARY KEY, "s" varchar(10) DEFAULT \'x\' NOT NULL)',
        "CREATE UNLOGGED TABLE IF NOT EXISTS a (b text DEFAULT E'\\n', c timestamptz DEFAULT now())",
        "CREATE TABLE a PARTITION OF b FOR VALUES IN ('x')",
        "CREATE TABLE a PARTITION OF b FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "CREATE TYPE t AS ENUM ('a', 'b'); ALTER TYPE t ADD VALUE 'c' BEFORE 'b'",
        "CREATE DOMAIN d AS text CHECK (value ~ '^\\d+$')",
        "CREATE VIEW v AS SELECT a FROM b WHERE c = 'x' AND d BETWEEN '1' AND '2'",
        "ALTER TABLE a ADD b text DEFAULT 'é', DROP COLUMN c, ALTER d SET DEFAULT nextval('e'::regclass)",
        "ALTER TABLE a ALTER b TYPE integer USING (b::integer), ALTER c SET DEFAULT (1 * 2 / 3)",
        "CREATE INDEX i ON a (lower(b)) WHERE c = 'x'",
        "CREATE POLICY p ON a USING (b = current_setting('app.tenant'))",
        "GRANT SELECT ON a TO integratedb_admin",
        "GRANT integratedb_management TO a; GRANT integratedb_daemon TO b; GRANT c TO integratedb_archive",
        "CREATE EXTENSION IF NOT EXISTS integratedb; ALTER EXTENSION integratedb UPDATE",
        "SET search_path TO 'shop', public; SET LOCAL lock_timeout = '5s'; DROP TABLE a",
        "BEGIN; DROP SCHEMA a CASCADE; COMMIT",
        "SELECT 1 AS id INTO shop.a",
    ],
)
def test_a_text_without_secrets_stays_as_it_is(superuser, query):
    assert masked(superuser, query) == query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT integratedb_notify('a', '{}')",
        "SELECT INTEGRATEDB_CLAIM('a', '{}')",
        'SELECT public."integratedb_notify"($1, $2)',
        "CREATE TABLE a (id integer); SELECT * FROM public . integratedb_create_stakeholder('a')",
        "DO $$ BEGIN PERFORM integratedb_notify('a', '{}'); END $$",
        "CREATE FUNCTION f() RETURNS jsonb LANGUAGE sql AS 'SELECT integratedb_notify(''a'', ''{}'')'",
        "SELECT integratedb.management_create_user('a', 'b', NULL)",
        'SELECT "integratedb" /* x */ . management_users(1, 2)',
        "-- integratedb_notify('a', '{}')\nCREATE TABLE a (id integer)",
    ],
)
def test_a_text_that_names_our_functions_is_left_out(superuser, query):
    assert masked(superuser, query) == OURS


@pytest.mark.parametrize(
    "query",
    [
        # Which of the two it is, is a matter of standard_conforming_strings when the text was read.
        f"CREATE TABLE a (b text DEFAULT 'x\\'); SELECT '{SECRET}'",
        f"CREATE TABLE a (b text DEFAULT 'x\\' {SECRET}')",
        # A name that another one may be behind.
        "SELECT U&\"\\0069ntegratedb_notify\"('a')",
        f"SELECT u&\"!0069ntegratedb_notify\" UESCAPE '!' ('{SECRET}')",
        f"SELECT a$b$'{SECRET}'$b$",
        # Postgres would not read it, so it was read in another way.
        f"CREATE TABLE a (b text DEFAULT 'x'){SECRET}'",
        f"CREATE TABLE a (b text DEFAULT 'x', \"{SECRET})",
        f"CREATE TABLE a (b text DEFAULT 'x'); /* /* */ {SECRET}",
        f"CREATE TABLE a (b text DEFAULT 'x'); SELECT $a${SECRET}",
    ],
)
def test_a_text_that_is_in_doubt_is_left_out(superuser, query):
    assert masked(superuser, query) == UNCERTAIN


def test_what_is_dynamic_sql_is_masked_as_a_whole(superuser):
    text = f"DO $a$ BEGIN EXECUTE 'SELECT integr' || 'atedb_notify(''{SECRET}'')'; END $a$"
    assert masked(superuser, text) == "DO '***'"


def test_it_does_not_depend_on_settings_of_the_session(superuser):
    text = f"CREATE TABLE a (b text DEFAULT E'x\\'y'); ALTER ROLE x PASSWORD E'\\'{SECRET}'; CREATE TABLE c (d text)"
    expected = masked(superuser, text)
    assert SECRET not in expected
    superuser.run("SET standard_conforming_strings = off; SET escape_string_warning = off; SET backslash_quote = on")
    with superuser.cursor() as cursor:
        escaped = text.replace("\\", "\\\\").replace("'", "''")
        assert cursor.execute(f"SELECT integratedb.masked('{escaped}')").fetchone() == (expected,)


def test_any_characters_at_all_are_taken(superuser):
    chaos = random.Random(4711)
    alphabet = "'\"$\\;()/*-eEuU& \nab1_é=" * 3 + "\x01\u2028😀"
    for _ in range(300):
        text = "".join(chaos.choices(alphabet, k=chaos.randrange(200)))
        assert len(masked(superuser, text)) <= 8192


@pytest.mark.parametrize(
    "unit",
    [
        "'",
        "$",
        "$a$$",
        "/**/",
        "/*",
        "(",
        "'a',",
        "E'\\'',",
        "--\n",
        "CREATE TABLE a (b text DEFAULT 'x');",
        "set a to b;",
    ],
)
def test_its_cost_is_bounded(superuser, unit):
    text = unit * (300_000 // len(unit))
    masked(superuser, "'")
    start = superuser.processor_s()
    kept = masked(superuser, text)
    assert len(kept) <= 8192
    assert superuser.processor_s() - start < 0.5


def test_a_typical_statement_costs_little(superuser):
    text = """CREATE TABLE shop.customers (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name varchar(80) NOT NULL,
      status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed', 'on hold')),
      total numeric(10, 2) NOT NULL DEFAULT 0,
      placed_at timestamptz NOT NULL DEFAULT now())"""
    start = superuser.processor_s()
    superuser.value("SELECT count(integratedb.masked(%s || n)) FROM generate_series(1, 500) AS n", text)
    assert (superuser.processor_s() - start) / 500 < 0.001


# The word that tells that a literal is a secret stands behind it.
BEHIND = [
    "CREATE VIEW x AS SELECT id FROM y WHERE {s} = password",
    "CREATE VIEW x AS SELECT {s} AS password",
    'CREATE VIEW x AS SELECT {s} AS "API_KEY"',
    "CREATE VIEW x AS SELECT {s} AS a, 'host=y password=z' AS b",
    "CREATE MATERIALIZED VIEW x AS SELECT id FROM y WHERE (({s}) = (token)) AND a = 'b'",
    "CREATE POLICY x ON y USING ({s} = token)",
    "CREATE INDEX x ON y (a) WHERE {s} <> secret",
    "CREATE DOMAIN x AS text DEFAULT {s} CONSTRAINT no_password CHECK (value <> '')",
    "CREATE TABLE x (a text DEFAULT {s}, password text)",
    "ALTER TABLE x ADD CHECK ({s} <> password)",
    "ALTER TABLE x ALTER a SET DEFAULT {s}, ADD access_key text",
]
LITERALS = [f"'{SECRET}'", f"'a''{SECRET}'", f"'{SECRET}'''", f"E'\\'{SECRET}'", f"'a'\n'{SECRET}'"]


@pytest.mark.parametrize("statement", BEHIND)
@pytest.mark.parametrize("literal", LITERALS)
def test_a_literal_before_the_word_that_makes_it_a_secret_is_masked(superuser, statement, literal):
    around = "CREATE TABLE a (b text DEFAULT 'it''s')"
    kept = masked(superuser, f"{around}; {statement.replace('{s}', literal)}; {around}")
    assert SECRET not in kept
    assert kept.startswith(f"{around}; ")
    assert kept.endswith(f"; {around}")


def test_a_masked_literal_is_one_mask_however_many_quotes_it_has(superuser):
    text = "CREATE VIEW x AS SELECT 'a''b''''c' AS password, 'd' AS e"
    assert masked(superuser, text) == "CREATE VIEW x AS SELECT '***' AS password, '***' AS e"


def test_the_word_may_be_behind_the_cut(superuser):
    text = f"CREATE TABLE a (b text DEFAULT 'x'); CREATE VIEW x AS SELECT '{SECRET}'{' ' * 8192} AS password"
    for given_text in (text, text[:8192]):
        kept = masked(superuser, given_text)
        assert SECRET not in kept
        assert kept.startswith("CREATE TABLE a (b text DEFAULT 'x'); ")


def test_postgres_reads_the_statements_of_this_test(superuser):
    """Else a secret would be looked for where no statement can have one. What Postgres does not know is 42601."""
    wrong = []
    for statement in [*STATEMENTS, *BARE]:
        text = re.sub("{[sc]}", f"'{SECRET}'" if statement in STATEMENTS else SECRET, statement)
        with superuser.transaction(force_rollback=True):
            try:
                # In the simple protocol all is parsed before the first statement is run, which fails.
                superuser.run(f"SELECT 1 / 0; {text}")
            except psycopg.errors.SyntaxError:
                wrong.append(statement)
            except psycopg.Error:
                pass
    assert wrong == []
