"""The documented `integratedb check` on a database that uses IntegrateDB, with the migration tools of its owners."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.sql.conftest import ROOT
from tests.support import Session
from tests.tools.harness import Project
from tests.tools.test_recipes import BY_NAME, MakeProject, migrate_first

COMMAND = re.compile(r'^integratedb check --base "\$PRODUCTION" (?:.*\\\n)*.*$', re.MULTILINE)
CONTRACT = """\
stakeholder: mailer
claims:
  match:
    - path: shop.customers
      fields: [name, {fields}]
"""


def documented(project: Project) -> str:
    """Give the command that the page has for the tool."""
    page = (ROOT / "docs/contracts.md").read_text(encoding="utf-8")
    [command] = [found for found in COMMAND.findall(page) if f"'{project.tool.command}'" in found]
    return str(command)


@pytest.mark.parametrize("name", ["alembic", "django"])
def test_the_documented_check_works_on_a_database_that_has_stakeholders(
    name: str, project: MakeProject, mailer: Callable[[], object], owner: Session, superuser: Session
) -> None:
    made = project(BY_NAME[name], "plain")
    migrate_first(made, owner)
    info = superuser.info
    made.environment["PRODUCTION"] = f"host={info.host} port={info.port} dbname={info.dbname} user={info.user}"
    # The login of the commands is another one than in production.
    made.environment["DATABASE_URL"] = "of-production"
    contracts = made.directory / "contracts"
    contracts.mkdir()

    (contracts / "mailer.yaml").write_text(CONTRACT.format(fields="email"))
    broken = made.run(documented(made))
    assert broken.status == 1, broken.output
    assert "mailer.yaml:5: claims: shop.customers.email" in broken.output
    assert "1 problem: contracts would break." in broken.output

    (contracts / "mailer.yaml").write_text(CONTRACT.format(fields="{alternatives: [email, email_address]}"))
    passed = made.run(documented(made))
    assert passed.status == 0, passed.output
    assert "Nobody would be hurt." in passed.output
