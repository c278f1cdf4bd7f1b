"""Every tool that has a recipe: its own command line, on migrations that hurt nobody and that break a claim."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support import Session
from tests.tools.harness import COLUMNS, FILE, PROJECTS, RECIPES, Project, Tool, answers

PSYCOPG = "postgresql+psycopg"
PSQL = "psql --no-psqlrc --single-transaction --set ON_ERROR_STOP=1 --file"
TOOLS = [
    Tool(
        name="alembic",
        command="alembic upgrade head",
        status=(1, 255),
        recorded="SELECT version_num FROM shop.alembic_version",
        versions=(["0001"], ["0002"]),
        driver=PSYCOPG,
    ),
    Tool(
        name="django",
        command="python manage.py migrate",
        recorded="SELECT name FROM shop.django_migrations WHERE app = 'shop' ORDER BY id",
        versions=(["0001_vat"], ["0001_vat", "0002_rename"]),
    ),
    Tool(
        name="drizzle",
        command="node migrate.mjs",
        recorded="SELECT created_at FROM shop.drizzle_migrations ORDER BY id",
        versions=([1767225600000], [1767225600000, 1767312000000]),
        creates_schemas=True,
    ),
    Tool(
        name="knex",
        command="knex migrate:latest",
        recorded="SELECT name FROM shop.knex_migrations ORDER BY id",
        versions=(["0001_vat.mjs"], ["0001_vat.mjs", "0002_rename.mjs"]),
    ),
    Tool(
        name="node-pg-migrate",
        command="node-pg-migrate up --migrations-schema shop",
        recorded="SELECT name FROM shop.pgmigrations ORDER BY id",
        versions=(["0001_vat"], ["0001_vat", "0002_rename"]),
    ),
    Tool(
        name="psql",
        first=f"{PSQL} 0001_vat.sql",
        command=f"{PSQL} 0002_rename.sql",
        status=(3, 3),
        recorded="SELECT version FROM shop.schema_version ORDER BY version",
        versions=([1], [1, 2]),
    ),
    Tool(
        name="rails",
        command="rake db:migrate",
        recorded="SELECT version FROM shop.schema_migrations ORDER BY version",
        versions=(["20260101000000"], ["20260101000000", "20260102000000"]),
    ),
    Tool(
        name="sequelize",
        command="sequelize-cli db:migrate",
        recorded='SELECT name FROM shop."SequelizeMeta" ORDER BY name',
        versions=(["0001-vat.cjs"], ["0001-vat.cjs", "0002-rename.cjs"]),
    ),
    Tool(
        name="sqitch",
        command="sqitch deploy",
        status=(2, 2),
        recorded="SELECT change FROM sqitch.changes ORDER BY committed_at",
        versions=(["vat"], ["vat", "rename"]),
        creates_schemas=True,
    ),
    Tool(
        name="typeorm",
        command="typeorm migration:run --dataSource data-source.mjs",
        recorded="SELECT name FROM shop.migrations ORDER BY id",
        versions=(["Vat1767225600000"], ["Vat1767225600000", "Rename1767312000000"]),
    ),
    Tool(
        name="yoyo",
        command="yoyo apply",
        recorded="SELECT migration_id FROM shop._yoyo_migration ORDER BY applied_at_utc",
        versions=(["0001_vat"], ["0001_vat", "0002_rename"]),
        driver=PSYCOPG,
    ),
]
BY_NAME = {tool.name: tool for tool in TOOLS}
VARIANTS = ["plain", "validated"]
FIRST = ["shop.customers.email", "shop.orders.vat"]
BOTH = ["shop.customers.email_address", "shop.orders.channel", "shop.orders.vat"]

MakeProject = Callable[..., Project]


def column(session: Session, query: str) -> list[object]:
    """Give the only column of a result."""
    return [value for (value,) in session.rows(query)]


def migrate_first(project: Project, owner: Session) -> None:
    """Run the first migration, as yet without the second."""
    project.hold_back()
    passed = project.run(project.tool.first or project.tool.command)
    assert passed.status == 0, passed.output
    assert column(owner, COLUMNS) == FIRST
    assert column(owner, project.tool.recorded) == project.tool.versions[0]
    project.write_second()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_breaking_migration_is_refused_whole_and_passes_when_the_claim_allows_it(
    tool: Tool, variant: str, project: MakeProject, mailer: Callable[[], object], owner: Session
) -> None:
    made = project(tool, variant)
    migrate_first(made, owner)

    refused = made.run(tool.command)
    assert refused.status == tool.status[VARIANTS.index(variant)], refused.output
    shown = answers(tool.recipe(), tool.command)
    refused.says(shown[0] if variant == "plain" else shown[-1])
    assert column(owner, COLUMNS) == FIRST
    assert column(owner, tool.recorded) == tool.versions[0]

    mailer()
    passed = made.run(tool.command)
    assert passed.status == 0, passed.output
    assert column(owner, COLUMNS) == BOTH
    assert column(owner, tool.recorded) == tool.versions[1]


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.name != "drizzle"], ids=lambda tool: tool.name)
def test_without_a_transaction_what_came_before_the_refused_statement_stays(
    tool: Tool, project: MakeProject, mailer: object, owner: Session
) -> None:
    made = project(tool, "plain")
    migrate_first(made, owner)
    made.add("pieces")
    refused = made.run(tool.command.replace("--single-transaction ", ""))
    assert "it breaks a claim of mailer" in refused.output
    assert refused.status != 0
    assert column(owner, COLUMNS) == ["shop.customers.email", "shop.orders.channel", "shop.orders.vat"]
    assert column(owner, tool.recorded) == tool.versions[0]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_files_on_a_page_are_those_that_are_run(tool: Tool) -> None:
    for path, text in FILE.findall(tool.recipe()):
        written = [file.read_text() for file in PROJECTS.glob(f"{tool.name}/*/{path}")]
        assert any(text in content for content in written), f"{tool.name}: no {path} has\n{text}"
    assert FILE.search(tool.recipe())


def test_a_page_whose_tool_is_not_run_says_so() -> None:
    index = (RECIPES / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[.+\]\((.+)\.md\) \|.*\| (.+) \|$", index, re.MULTILINE))
    assert set(rows) == {page.stem for page in RECIPES.glob("*.md")} - {"README"}
    for name, seen_with in rows.items():
        said = "**Not run by the tests**" in (RECIPES / f"{name}.md").read_text(encoding="utf-8")
        assert said == (name not in BY_NAME) == (seen_with == "not run"), name
