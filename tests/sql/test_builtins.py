"""The built-in functions that queries as data may call are those that the rule selects on this version of Postgres."""

from __future__ import annotations

import re
from pathlib import Path

from integratedb.query.plan import builtins, functions
from tests.support import Session

RULE = (Path(__file__).parents[2] / "scripts/builtins.sql").read_text()


def selected(session: Session, what: str) -> list[str]:
    return [line for kind, _, line in session.rows(RULE) if kind == what]


def test_every_function_that_could_be_called_is_judged(admin: Session) -> None:
    """A new version of Postgres has new functions: scripts/builtins.sql allows or refuses their names."""
    assert selected(admin, "unjudged") == []


def test_the_list_is_what_the_rule_selects(admin: Session) -> None:
    """Else: scripts/builtins writes the list again. Functions of other versions stay in it."""
    listed = {
        candidate.oid: (name, candidate.kind, [of.name for of in candidate.arguments])
        for name in {line.split(" ")[0] for line in builtins.FUNCTIONS.strip().splitlines()}
        for candidate in functions.builtin(name)
    }
    here = {row[0] for row in admin.rows("SELECT p.oid::bigint FROM pg_proc AS p WHERE p.oid < 10000")}
    lines = [line.split(" ") for line in selected(admin, "function")]
    assert {int(oid): (name, kind) for oid, name, kind, *_ in lines} == {
        oid: (name, kind) for oid, (name, kind, _) in listed.items() if oid in here
    }


def test_what_is_dangerous_is_not_in_the_list() -> None:
    names = {line.split(" ")[0] for line in builtins.FUNCTIONS.strip().splitlines()}
    pattern = re.compile(
        r"pg_|has_|lo_|txid|.*xml|dblink|.*setting|set_config|.*_sleep|.*advisory|nextval|currval|lastval|inet_(client|server)"
        r"|version$|ts_rewrite|repeat$|[lr]pad$|format$|generate_|random|setseed|query_to|to_reg|row_security|current_"
    )
    assert [name for name in names if pattern.match(name)] == []
    assert {"lower", "coalesce", "now", "concat", "count", "row_number", "jsonb_set"} - names == {"coalesce"}
