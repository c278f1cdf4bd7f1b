"""BEGIN and COMMIT around a migration, and what only looks like them."""

from __future__ import annotations

import time

import pytest

from integratedb_companion.common.sql_text import TransactionError, statements, without_transaction

BODY = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"


@pytest.mark.parametrize(
    ("begin", "commit"),
    [
        ("BEGIN;", "COMMIT;"),
        ("begin work;", "end transaction;"),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE;", "COMMIT AND NO CHAIN;"),
        ("/* a /* b; */ c; */ BEGIN -- x;\n TRANSACTION;", "COMMIT WORK"),
        ("\n\n-- COMMIT;\nBEGIN;", "COMMIT; -- done\n;;\n"),
    ],
)
@pytest.mark.parametrize(
    "inner", ["CREATE TABLE x (id int);", f"{BODY};", "DO $b$ BEGIN COMMIT; END $b$;", "SELECT ';COMMIT;';"]
)
def test_what_wraps_the_whole_is_blanked(begin: str, commit: str, inner: str) -> None:
    text = f"{begin}\n{inner}\n{commit}"
    bare = without_transaction(text)
    assert len(bare) == len(text)
    assert bare.count("\n") == text.count("\n")
    assert bare.index(inner) == text.index(inner)
    assert [found.words for found in statements(bare)] == [found.words for found in statements(inner)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "SELECT 1",
        f"{BODY};",
        BODY,
        "DO $$ BEGIN; COMMIT; END $$;",
        "SELECT 'BEGIN;', \"COMMIT;\", E'\\';BEGIN;', $a$;COMMIT;$a$, $1",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);",
        "/* BEGIN; */ SELECT 1; -- COMMIT;",
        'SELECT a$b$ FROM t; SELECT 1 AS "end";',
        "SAVEPOINT s;",
    ],
)
def test_what_has_no_transaction_stays(text: str) -> None:
    assert without_transaction(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("BEGIN;", 1),
        ("BEGIN; SELECT 1;", 1),
        ("SELECT 1;\nCOMMIT;", 2),
        ("BEGIN;\nSELECT 1;\nROLLBACK;", 1),
        ("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;", 1),
        ("BEGIN; SELECT 1;\nCOMMIT;\nBEGIN; SELECT 2; COMMIT;", 2),
        ("SELECT 1; BEGIN; SELECT 2; COMMIT;", 1),
        (f"BEGIN;\n{BODY};", 1),
        ("BEGIN; SELECT 1; PREPARE TRANSACTION 'x';", 1),
        ("ABORT", 1),
    ],
)
def test_all_else_that_begins_or_ends_a_transaction_is_refused(text: str, line: int) -> None:
    with pytest.raises(TransactionError, match=f"^line {line}: "):
        without_transaction(text)


def test_the_time_it_takes_grows_with_the_text_and_not_with_its_square() -> None:
    begun_s = time.process_time()
    assert len(list(statements("a;\n" * 200_000))) == 200_000
    assert time.process_time() - begun_s < 10
