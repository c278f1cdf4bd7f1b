"""Each step of docs/emergency.md is run as it stands there, and prints what stands there."""

from __future__ import annotations

from tests.examples import run_examples
from tests.sql.conftest import ROOT
from tests.support import Server, Session


def test_each_step_prints_what_the_page_says(server: Server, database: str) -> None:
    run_examples(ROOT / "docs/emergency.md", server, database)


def test_after_the_page_a_breaking_migration_is_refused_again(
    server: Server, database: str, superuser: Session
) -> None:
    run_examples(ROOT / "docs/emergency.md", server, database)
    triggers = "SELECT evtenabled::text FROM pg_event_trigger WHERE evtname LIKE 'integratedb%'"
    assert set(superuser.rows(triggers)) == {("O",)}
    assert superuser.value("SELECT value FROM integratedb_status() WHERE fact = 'enforcement'") == "commit"
    assert superuser.value("SELECT value FROM integratedb_status() WHERE fact = 'unmet'") == "0"
