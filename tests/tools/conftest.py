"""The shop with one stakeholder, ``mailer``, and the tools' projects in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sql import conftest as sql
from tests.sql.conftest import OWNER
from tests.support import Server, Session
from tests.tools.harness import PASSWORD, Project, Tool, environment

# The fixtures of the tests in SQL: the same shop, the same roles.
admin, claim, connect, created, database, owner = (
    sql.admin,
    sql.claim,
    sql.connect,
    sql.created,
    sql.database,
    sql.owner,
)
server, stakeholder, superuser, template = sql.server, sql.stakeholder, sql.superuser, sql.template

NAME = {"path": "shop.customers", "fields": ["name", "email"]}
EITHER_NAME: dict[str, object] = {
    "path": "shop.customers",
    "fields": ["name", {"alternatives": ["email", "email_address"]}],
}


@pytest.fixture
def mailer(superuser: Session, database: str, claim: Callable[..., object]) -> Callable[[], object]:
    """Set up what docs/recipes/README.md sets up; ``mailer()`` makes the stakeholder read either name."""
    superuser.run(f"ALTER ROLE {OWNER} PASSWORD '{PASSWORD}'")
    superuser.run(f"ALTER ROLE {OWNER} IN DATABASE {database} SET search_path = shop, public")
    claim(NAME, by="mailer")
    return lambda: claim(EITHER_NAME, by="mailer")


@pytest.fixture
def project(
    server: Server,
    database: str,
    superuser: Session,
    mailer: object,
    tmp_path: Path,
) -> Callable[..., Project]:
    """``project(tool, variant)``: its files in a directory of their own."""

    def make(tool: Tool, variant: str) -> Project:
        if tool.creates_schemas:
            superuser.run(f"GRANT CREATE ON DATABASE {database} TO {OWNER}")
        return Project(tool, variant, tmp_path / "project", environment(server.port, database, tool.driver))

    return make
