"""``integratedb_companion.migrations`` over every driver that it says it knows, and without any."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pg8000.dbapi
import psycopg
import psycopg2
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from integratedb_companion.migrations import InvalidMigration, validate
from integratedb_companion.migrations.validation import CALL, GUARDED_CALL
from tests.support import Server, Session, refused
from tests.tools.harness import PASSWORD

BREAK = "ALTER TABLE shop.customers RENAME COLUMN email TO email_address"
CLAIM = (
    "mailer (claims): shop.customers.email: expected a column of type shop.email, found none; "
    "it was renamed to email_address"
)
Open = Callable[[dict[str, Any]], Any]


def url(driver: str, parameters: dict[str, Any]) -> sqlalchemy.URL:
    """Give SQLAlchemy's form of the parameters."""
    login = {"username": parameters["user"], "password": parameters["password"]}
    return sqlalchemy.URL.create(
        driver, host=parameters["host"], port=parameters["port"], database=parameters["database"], **login
    )


def libpq(parameters: dict[str, Any]) -> dict[str, Any]:
    """Give libpq's names of them."""
    return {"dbname" if name == "database" else name: value for name, value in parameters.items()}


@contextmanager
def engine(driver: str, parameters: dict[str, Any]) -> Iterator[sqlalchemy.Connection]:
    """Connect by SQLAlchemy."""
    made = sqlalchemy.create_engine(url(driver, parameters))
    with made.connect() as connection:
        yield connection
    made.dispose()


CONNECTIONS: dict[str, Open] = {
    "psycopg": lambda parameters: psycopg.connect(**libpq(parameters)),
    "psycopg2": lambda parameters: closing(psycopg2.connect(**libpq(parameters))),
    "pg8000": lambda parameters: closing(pg8000.dbapi.connect(**parameters)),
    "sqlalchemy, psycopg2": lambda parameters: engine("postgresql+psycopg2", parameters),
    "sqlalchemy, pg8000": lambda parameters: engine("postgresql+pg8000", parameters),
}


@pytest.fixture
def parameters(server: Server, database: str, mailer: object) -> dict[str, Any]:
    """Whom to connect as, and where."""
    return {
        "host": server.tcp,
        "port": server.port,
        "user": "shop_owner",
        "password": PASSWORD,
        "database": database,
    }


def break_it(connection: Any) -> None:
    """Rename the claimed column in the open transaction, and validate."""
    if isinstance(connection, sqlalchemy.Connection):
        connection.exec_driver_sql(BREAK)
    else:
        with closing(connection.cursor()) as cursor:
            cursor.execute(BREAK)
    validate(connection)


@pytest.mark.parametrize("name", CONNECTIONS)
def test_the_refusal_is_the_same_over_every_driver(name: str, parameters: dict[str, Any], owner: Session) -> None:
    with CONNECTIONS[name](parameters) as connection:
        validate(connection)
        with pytest.raises(InvalidMigration) as caught:
            break_it(connection)
        connection.rollback()
    assert caught.value.claims == [CLAIM]
    assert [remedy.split(":")[0] for remedy in caught.value.remedies] == [
        "Author of the migration",
        "Stakeholder mailer",
        "Admin",
    ]
    message, claim, *remedies = str(caught.value).splitlines()
    assert message == "invalid migration (ALTER TABLE): it breaks a claim of mailer"
    assert claim == f"  {CLAIM}"
    assert remedies == caught.value.remedies


def test_the_refusal_over_asyncpg_as_alembic_uses_it(parameters: dict[str, Any]) -> None:
    async def migrate() -> None:
        made = create_async_engine(url("postgresql+asyncpg", parameters))
        try:
            async with made.connect() as connection:
                await connection.run_sync(break_it)
        finally:
            await made.dispose()

    with pytest.raises(InvalidMigration) as caught:
        asyncio.run(migrate())
    assert caught.value.claims == [CLAIM]
    assert len(caught.value.remedies) == 3


def test_every_other_error_is_the_drivers_own(parameters: dict[str, Any], owner: Session, superuser: Session) -> None:
    superuser.run("DROP EXTENSION integratedb CASCADE")
    with psycopg.connect(**libpq(parameters)) as connection, pytest.raises(psycopg.errors.UndefinedFunction):
        validate(connection)
    with psycopg.connect(**libpq(parameters)) as connection:
        validate(connection, missing_ok=True)


def test_importing_it_needs_neither_a_tool_nor_the_daemons_dependencies() -> None:
    tools = ["alembic", "django", "psycopg", "sqlalchemy"]
    daemons = ["aiohttp", "click", "orjson", "prometheus_client", "redis", "websockets"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({tools + daemons}))"
    subprocess.run(
        [sys.executable, "-c", f"{blocked}; from integratedb_companion.migrations import validate"], check=True
    )


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_no_function_of_that_name_that_somebody_else_made_is_called(
    kind: str, parameters: dict[str, Any], superuser: Session
) -> None:
    body = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$"
    for signature in ("()", "(max_results text)", "(max_results smallint)"):
        superuser.run(f"CREATE FUNCTION public.integratedb_validate_migration{signature} RETURNS integer {body}")
    with CONNECTIONS[kind](parameters) as connection:
        validate(connection)
        validate(connection, missing_ok=True)
    for statement in (CALL, GUARDED_CALL):
        superuser.run(statement)


def test_where_the_extension_is_missing_nothing_is_called(parameters: dict[str, Any], superuser: Session) -> None:
    superuser.run("DROP EXTENSION integratedb CASCADE")
    body = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$"
    superuser.run(f"CREATE FUNCTION public.integratedb_validate_migration() RETURNS integer {body}")
    superuser.run(GUARDED_CALL)
    with refused("42883", "not installed"):
        superuser.run(CALL)
    with psycopg.connect(**libpq(parameters)) as connection:
        validate(connection, missing_ok=True)
        with refused("42883"):
            validate(connection)
