"""Handles requests about the schema as a map: relations, columns, foreign keys, and who depends on them."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Query
from psycopg.rows import DictRow

from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Caller, Shared
from integratedb_companion.serve.console_responses import ColumnStatistics, DependentObject, ForeignKey, Map, Relation
from integratedb_companion.serve.outside import outside
from integratedb_companion.serve.pool import Transaction
from integratedb_companion.serve.responses import Data, refusals

router = APIRouter(prefix="/map", tags=["map"], route_class=TokenRoute)

RELATIONS: LiteralString = "SELECT * FROM integratedb.management_relations()"
FOREIGN_KEYS: LiteralString = "SELECT * FROM integratedb.management_foreign_keys()"
STATISTICS: LiteralString = "SELECT * FROM integratedb.management_column_statistics(%(path)s::text)"
OBJECTS: LiteralString = "SELECT * FROM integratedb.management_dependent_objects(%(path)s::text)"


@router.get("", responses=refusals(401))
async def show(asking: Authenticated, shared: Shared) -> Data[Map]:
    """Show every table and view of the database; scopes restrict the schemas, and the dependents that are named."""
    async with shared.database.transaction() as transaction:
        relations = await transaction.rows(RELATIONS)
        hidden = await _hidden(asking, transaction, relations)
        keys = await transaction.rows(FOREIGN_KEYS)
    shown = [row for row in relations if row["schema_name"] not in hidden]
    paths = {row["path"] for row in shown}
    return Data(
        data=Map(
            relations=[Relation(**{**row, "dependents": _in_scope(asking, row["dependents"])}) for row in shown],
            foreign_keys=[ForeignKey(**key) for key in keys if key["from_path"] in paths and key["to_path"] in paths],
        )
    )


@router.get("/statistics", responses=refusals(401, 422))
async def statistics(
    asking: Authenticated,
    shared: Shared,
    path: Annotated[str, Query(max_length=300, description="schema.table")],
) -> Data[list[ColumnStatistics]]:
    """Show what ANALYZE found in the columns of a table, without any of its values."""
    async with shared.database.transaction() as transaction:
        rows = await transaction.rows(STATISTICS, path=path)
        hidden = await _hidden(asking, transaction, rows)
    return Data(data=[ColumnStatistics(**row) for row in rows if row["schema_name"] not in hidden])


@router.get("/objects", responses=refusals(401, 422))
async def objects(
    asking: Authenticated,
    shared: Shared,
    path: Annotated[str, Query(max_length=300, description="schema.table")],
) -> Data[list[DependentObject]]:
    """Show the views, functions, policies and triggers that depend on a table, as far as Postgres knows them."""
    async with shared.database.transaction() as transaction:
        rows = await transaction.rows(OBJECTS, path=path)
        hidden = await _hidden(asking, transaction, rows, "schema_name", "table_schema")
    shown = [row for row in rows if hidden.isdisjoint({row["schema_name"], row["table_schema"]})]
    return Data(data=[DependentObject(**row) for row in shown])


async def _hidden(asking: Caller, transaction: Transaction, rows: list[DictRow], *columns: LiteralString) -> set[str]:
    """Return the schemas of these rows that the user may not see; columns: those that name a schema."""
    names = {row[column] for row in rows for column in columns or ("schema_name",)}
    return set(await outside(transaction, asking.scopes, names))


def _in_scope(asking: Caller, dependents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dependent for dependent in dependents if asking.scopes.has_stakeholder(dependent["stakeholder"])]
