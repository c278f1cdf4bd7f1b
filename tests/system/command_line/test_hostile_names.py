"""Names that whoever owns a table chooses: they write no lines of ours, and do not steer a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.command_line.conftest import Place, run

Stakeholder = Callable[..., str]

FORGED = "2026-01-01 00:00 postgres"
#: A line of its own, controls of C0 and C1, and one that turns the direction of writing around.
HOSTILE = f"x\n{FORGED}\r\t\x1b[31m\u009b31m\u202e\u2028"
PATH = f'shop."{HOSTILE}"'
DROP = f'ALTER TABLE {PATH} DROP COLUMN "{HOSTILE}"'
#: Notices and errors of code in the database, with every part that Postgres shows.
SAYS = f"""
DO $do$ BEGIN
  RAISE WARNING USING MESSAGE = $t${HOSTILE}$t$, DETAIL = $t${HOSTILE}$t$, HINT = $t${HOSTILE}$t$;
  RAISE EXCEPTION USING MESSAGE = $t${HOSTILE}$t$, DETAIL = $t${HOSTILE}$t$, HINT = $t${HOSTILE}$t$;
END $do$
"""
UNKNOWN_COLUMN = json.dumps({"match": [{"path": PATH, "fields": [HOSTILE + "?"]}]})
UNKNOWN_KEY = json.dumps({HOSTILE: 1})


@pytest.fixture
def hostile(place: Place, stakeholder: Stakeholder) -> Place:
    """A table and a column of that name, which the reporter claims."""
    with place.session("shop_owner") as owner:
        owner.run(f'CREATE TABLE {PATH} (id integer, "{HOSTILE}" integer)')
    stakeholder("reporter", {"path": PATH, "fields": [HOSTILE]})
    with place.session("shop_owner") as owner:
        owner.run(f"GRANT SELECT ON {PATH} TO reporter")
    return place


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        ("log", ""),
        ("access reporter", ""),
        ("status", ""),
        ("dependents PATH?", ""),
        ("preview -", DROP),
        ("preview -", SAYS),
        ("preview -", f'TABLE shop."{HOSTILE}?"'),
        ("claim reporter -", UNKNOWN_COLUMN),
        ("claim reporter - --dry-run", UNKNOWN_COLUMN),
        ("claim reporter -", UNKNOWN_KEY),
        ("unmet", ""),
        ("plan CONTRACTS", ""),
        ("lint CONTRACTS", ""),
    ],
)
def test_a_name_writes_no_line_and_no_control_character(
    hostile: Place, arguments: str, stdin: str, more: list[str]
) -> None:
    contract = {"stakeholder": "mule", "claims": {"match": {"path": PATH, HOSTILE: [HOSTILE + "?"]}}}
    contracts = hostile.contract(json.dumps(contract))
    if arguments == "unmet":
        with hostile.session() as superuser:
            superuser.run(f"SET session_replication_role = replica; {DROP}")
    meant: dict[str, str | Path] = {"PATH?": PATH[:-1] + '?"', "CONTRACTS": contracts}
    given = [meant.get(one, one) for one in arguments.split()]
    done = run(
        *given, *more, stdin=stdin, **hostile.environment("shop_owner" if "preview" in arguments else "shop_admin")
    )
    said = done.stdout + done.stderr
    assert done.returncode < 70, said
    assert said.replace("\n", "").isprintable(), said
    assert not [line for line in said.splitlines() if line.startswith("2026-01-01 00:00 ")], said
    assert FORGED in said or arguments in ("status", "dependents PATH?")


def test_in_json_the_name_is_whole(hostile: Place) -> None:
    rows = json.loads(hostile.run("access", "reporter", "--json").stdout)
    assert {row["path"] for row in rows} == {PATH}
    assert HOSTILE in {row["field"] for row in rows}


def test_a_name_of_a_role_is_harmless_where_it_is_asked_about(place: Place) -> None:
    with place.session() as superuser:
        superuser.run(f'CREATE ROLE "{HOSTILE}" LOGIN; GRANT integratedb_admin TO "{HOSTILE}"')
    with place.session(HOSTILE) as holder:
        holder.run("BEGIN; SELECT integratedb_sync()")
        terminal = place.terminal("unlock")
        shown = terminal.expect("[y/N]")
        terminal.type("n\n")
        terminal.end()
    assert FORGED in shown
    assert not {"\u009b", "\u202e", "\u2028"} & set(shown)
    assert f"\n{FORGED}" not in shown.replace("\r", "")
