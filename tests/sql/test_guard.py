"""The owner of the schema that the extension lives in does not remove the extension in passing."""

from __future__ import annotations

import pytest

from tests.sql.conftest import DATABASE, OWNER
from tests.support import Session, refused


@pytest.fixture
def database_owner(superuser: Session, owner: Session) -> Session:
    """The owner of the tables owns the database too, and so schema public."""
    superuser.run(f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}")
    return owner


@pytest.mark.parametrize(
    "statement",
    [
        "DROP SCHEMA public CASCADE",
        'drop schema if exists shop, "public" cascade',
        "DO $$ BEGIN DROP SCHEMA public CASCADE; END $$",
        "DO $$ BEGIN EXECUTE 'DROP SCHEMA pub' || 'lic CASCADE'; END $$",
    ],
)
def test_the_guard_does_not_go_with_its_schema(database_owner: Session, claim, statement: str) -> None:
    claim({"path": "shop.orders", "fields": ["id"]})
    with refused("2BP01", match="integratedb") as error:
        database_owner.run(statement)
    assert "DROP EXTENSION integratedb" in (error.value.diag.message_hint or "")
    with refused("IDB01"):
        database_owner.run("DROP TABLE shop.orders CASCADE")


def test_the_guard_does_not_go_with_what_its_owner_owns(superuser: Session, owner: Session) -> None:
    superuser.run(f"DROP EXTENSION integratedb; CREATE SCHEMA apart AUTHORIZATION {OWNER}")
    superuser.run("DROP PUBLICATION integratedb, integratedb_append, integratedb_control")
    superuser.run("CREATE EXTENSION integratedb SCHEMA apart")
    with refused("2BP01", match="apart"):
        owner.run(f"DROP OWNED BY {OWNER} CASCADE")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA other; DROP SCHEMA other",
        "CREATE SCHEMA other; CREATE TABLE other.t (); DROP SCHEMA other CASCADE",
        "DROP SCHEMA shop CASCADE",
    ],
)
def test_other_schemas_may_go(database_owner: Session, statement: str) -> None:
    for part in statement.split("; "):
        database_owner.run(part)


def test_who_does_not_own_the_schema_is_not_asked(owner: Session) -> None:
    owner.run("DO $$ BEGIN DROP SCHEMA shop CASCADE; END $$")


def test_a_superuser_may_drop_it(superuser: Session) -> None:
    superuser.run("DROP SCHEMA public CASCADE")
    assert superuser.rows("SELECT FROM pg_extension WHERE extname = 'integratedb'") == []


def test_the_extension_cannot_be_dropped_after_other_ddl_of_a_transaction_but_before_it(owner, superuser, claim):
    claim({"path": "shop.orders", "fields": ["*"]})
    with refused("55006", match="pending trigger events"), superuser.transaction():
        superuser.run("ALTER TABLE shop.orders ADD COLUMN origin text")
        superuser.run("DROP EXTENSION integratedb")
    with superuser.transaction():
        superuser.run("DROP EXTENSION integratedb")
        superuser.run("ALTER TABLE shop.orders DROP COLUMN note")
    owner.run("ALTER TABLE shop.orders ADD COLUMN origin text")
