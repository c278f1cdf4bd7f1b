"""What the recipes say about single tools, beyond the story that all of them tell."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.support import Session
from tests.tools.harness import COLUMNS, RECIPES, Project, answers
from tests.tools.test_recipes import BOTH, BY_NAME, FIRST, column, migrate_first

MakeProject = Callable[..., Project]


def test_alembic_validates_every_version_from_env_py(project: MakeProject, mailer: object, owner: Session) -> None:
    made = project(BY_NAME["alembic"], "plain")
    migrate_first(made, owner)
    env = made.directory / "migrations/env.py"
    env.write_text(
        "from integratedb_companion.migrations import validate\n"
        + env.read_text().replace(
            "context.configure(", "context.configure(on_version_apply=lambda ctx, **_: validate(ctx.connection), "
        )
    )
    refused = made.run("alembic upgrade head")
    assert refused.status == 255
    refused.says(answers(made.tool.recipe(), "alembic upgrade head")[-1])
    assert column(owner, COLUMNS) == FIRST


def test_alembic_prints_the_call_where_it_prints_sql(project: MakeProject) -> None:
    made = project(BY_NAME["alembic"], "validated")
    printed = made.run("alembic upgrade head --sql")
    assert printed.status == 0, printed.output
    assert printed.output.count("integratedb_validate_migration(CAST(100 AS pg_catalog.int4))") == 2


def test_a_migration_that_an_admin_overrides_passes(
    project: MakeProject, superuser: Session, admin: Session, owner: Session
) -> None:
    made = project(BY_NAME["alembic"], "validated")
    migrate_first(made, owner)
    migration = made.directory / "migrations/versions/0002_rename.py"
    override = "    op.execute(\"SELECT integratedb_override('incident 4711')\")\n"
    migration.write_text(migration.read_text().replace("-> None:\n", f"-> None:\n{override}"))
    refused = made.run("alembic upgrade head")
    assert refused.status == 1
    assert "permission denied for function integratedb_override" in refused.output
    superuser.run("GRANT integratedb_admin TO shop_owner")
    passed = made.run("alembic upgrade head")
    assert passed.status == 0, passed.output
    assert column(owner, COLUMNS) == BOTH
    assert admin.value("SELECT stakeholder FROM integratedb_unmet_claims()") == "mailer"


def test_django_does_without_the_extension_where_that_is_allowed(
    project: MakeProject, superuser: Session, owner: Session
) -> None:
    superuser.run("DROP EXTENSION integratedb CASCADE")
    made = project(BY_NAME["django"], "validated")
    refused = made.run("python manage.py migrate")
    assert refused.status == 1
    assert "integratedb_validate_migration() does not exist" in refused.output
    for migration in made.directory.glob("shop/migrations/0*.py"):
        migration.write_text(migration.read_text().replace("ValidateContracts()", "ValidateContracts(missing_ok=True)"))
    assert made.run("python manage.py migrate").status == 0
    assert column(owner, COLUMNS) == BOTH


def test_django_prints_the_call_and_undoes_a_validated_migration(
    project: MakeProject, mailer: Callable[[], object], owner: Session
) -> None:
    mailer()
    made = project(BY_NAME["django"], "validated")
    assert (
        "integratedb_validate_migration(CAST(100 AS pg_catalog.int4))"
        in made.run("python manage.py sqlmigrate shop 0001").output
    )
    assert made.run("python manage.py migrate").status == 0
    assert made.run("python manage.py migrate shop 0001").status == 0
    assert column(owner, COLUMNS) == FIRST


def test_django_looks_after_the_migrations_where_commit_only_warns(
    project: MakeProject, mailer: object, admin: Session, owner: Session
) -> None:
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    made = project(BY_NAME["django"], "plain")
    (made.directory / "shop/apps.py").write_text(
        "from django.apps import AppConfig\n"
        "from django.db.models.signals import post_migrate\n"
        "from integratedb_companion.migrations.django import validate_after_migrate\n\n\n"
        "class ShopConfig(AppConfig):\n"
        '    name = "shop"\n\n'
        "    def ready(self) -> None:\n"
        "        post_migrate.connect(validate_after_migrate, sender=self)\n"
    )
    refused = made.run("python manage.py migrate")
    assert refused.status == 1
    assert "CommandError: invalid migration" in refused.output
    assert "mailer (claims): shop.customers.email: expected a column" in refused.output
    assert column(owner, COLUMNS) == BOTH


def test_yoyo_has_the_helper_as_a_step(project: MakeProject, mailer: object, owner: Session) -> None:
    made = project(BY_NAME["yoyo"], "plain")
    migrate_first(made, owner)
    (made.directory / "migrations/0002_rename.sql").unlink()
    (made.directory / "migrations/0002_rename.py").write_text(
        "from integratedb_companion.migrations import validate\n"
        "from yoyo import step\n\n"
        '__depends__ = {"0001_vat"}\n'
        'steps = [step("ALTER TABLE shop.customers RENAME COLUMN email TO email_address"),\n'
        "         step(lambda connection: validate(connection))]\n"
    )
    refused = made.run("yoyo apply")
    assert refused.status == 1
    assert "InvalidMigration: invalid migration (ALTER TABLE): it breaks a claim of mailer" in refused.output
    assert column(owner, COLUMNS) == FIRST


def test_psql_exits_with_0_unless_told_to_stop(project: MakeProject, mailer: object, owner: Session) -> None:
    made = project(BY_NAME["psql"], "plain")
    migrate_first(made, owner)
    refused = made.run("psql --no-psqlrc --single-transaction --file 0002_rename.sql")
    assert refused.status == 0
    assert "it breaks a claim of mailer" in refused.output
    assert column(owner, COLUMNS) == FIRST


def test_a_file_is_previewed_as_in_ci(project: MakeProject, mailer: Callable[[], object], owner: Session) -> None:
    made = project(BY_NAME["psql"], "plain")
    migrate_first(made, owner)
    [command] = re.findall(r"^    (integratedb preview .*)$", (RECIPES / "README.md").read_text("utf-8"), re.MULTILINE)
    hurt = made.run(command)
    assert hurt.status == 1
    assert "mailer        claims   shop.customers   email" in hurt.output
    assert "Author of the migration: keep shop.customers.email" in hurt.output
    mailer()
    unhurt = made.run(command)
    assert unhurt.status == 0
    assert "Nobody would be hurt." in unhurt.output
    assert column(owner, COLUMNS) == FIRST


def test_sqitch_reverts_the_other_changes_of_a_deploy_by_default(
    project: MakeProject, mailer: object, owner: Session
) -> None:
    made = project(BY_NAME["sqitch"], "plain")
    refused = made.run("sqitch deploy")
    assert "Reverting all changes" in refused.output
    assert column(owner, COLUMNS) == ["shop.customers.email"]
    assert made.run("sqitch deploy --mode change").status == 2
    assert column(owner, COLUMNS) == FIRST


def test_knex_shows_detail_and_hint_from_a_script(project: MakeProject, mailer: object, owner: Session) -> None:
    made = project(BY_NAME["knex"], "plain")
    migrate_first(made, owner)
    refused = made.run("node migrate.mjs")
    assert refused.status == 1
    refused.says(answers(made.tool.recipe(), "node migrate.mjs")[0])


def test_drizzle_kit_shows_nothing_of_the_refusal(project: MakeProject, mailer: object, owner: Session) -> None:
    made = project(BY_NAME["drizzle"], "plain")
    migrate_first(made, owner)
    refused = made.run("drizzle-kit migrate")
    assert refused.status == 1
    assert "invalid migration" not in refused.output
    assert column(owner, COLUMNS) == FIRST


def test_rails_undoes_a_validated_migration(project: MakeProject, mailer: Callable[[], object], owner: Session) -> None:
    mailer()
    made = project(BY_NAME["rails"], "validated")
    assert made.run("rake db:migrate").status == 0
    undone = made.run("rake db:rollback")
    assert undone.status == 0, undone.output
    assert column(owner, COLUMNS) == FIRST
