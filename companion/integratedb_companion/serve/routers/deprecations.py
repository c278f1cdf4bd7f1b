"""Handles deprecations: tables and columns that their owners will remove."""

from __future__ import annotations

from typing import Annotated, LiteralString

import psycopg
from fastapi import APIRouter, Query, Response

from integratedb_companion.http.refusals import RefusalError, invalid
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Shared, Unrestricted
from integratedb_companion.serve.errors import shortened
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.requests import After, DeprecationBody, Limit
from integratedb_companion.serve.responses import Data, Deprecated, Deprecating, Page, refusals
from integratedb_companion.serve.services import Services

router = APIRouter(prefix="/deprecations", tags=["agreements"], route_class=TokenRoute)

#: A restricted user sees what its stakeholders claim, or what is in its schemas.
LIST: LiteralString = """
SELECT d.path, d.field, d.message, d.deprecated_by, d.deprecated_at, d.remove_after, d.days_left, d.removable_after,
       c.names AS claimed_by, d.ordinality
  FROM {x}.integratedb_deprecations() WITH ORDINALITY AS d
 CROSS JOIN LATERAL (
   SELECT ARRAY(SELECT n.name FROM unnest(d.claimed_by) AS n (name)
                 WHERE %(names)s::text[] IS NULL OR n.name = ANY (%(names)s::text[])) AS names) AS c
 WHERE d.ordinality > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR c.names <> '{{}}')
   AND (%(schemas)s::text[] IS NULL
        -- parse_ident() makes what is not quoted lower case; a path has the case of the catalog.
        OR CASE WHEN d.path LIKE '"%%' THEN (parse_ident(d.path))[1] ELSE split_part(d.path, '.', 1) END
           = ANY (%(schemas)s::text[]))
 ORDER BY d.ordinality
 LIMIT %(limit)s::integer
"""
DEPRECATE: LiteralString = """
SELECT {x}.integratedb_deprecate(
         path => %(path)s::text, field => %(field)s::text, remove_after => %(remove_after)s::timestamptz,
         message => %(message)s::text)
"""
UNDEPRECATE: LiteralString = "SELECT {x}.integratedb_undeprecate(path => %(path)s::text, field => %(field)s::text)"
#: The schema, table or column does not exist.
UNKNOWN = {"3F000", "42P01", "42703"}


@router.get("", responses=refusals(401, 422))
async def deprecations(asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[Deprecated]:
    """List what is deprecated, what goes first first, and who claims it; scopes restrict the list."""
    names, schemas = (
        None if only is None else sorted(only) for only in (asking.scopes.stakeholders, asking.scopes.schemas)
    )
    rows = await shared.database.rows(LIST, names=names, schemas=schemas, after=after, limit=limit + 1)
    return page(Deprecated, rows, limit, key="ordinality")


@router.post("", responses=refusals(400, 401, 403, 408, 413, 415, 422))
async def deprecate(body: DeprecationBody, _: Unrestricted, shared: Shared) -> Data[Deprecating]:
    """Announce that a table or column will be removed; again: change the time and the message."""
    number = await _called(shared, DEPRECATE, **body.data.model_dump())
    return Data(data=Deprecating(dependents=number))


@router.delete("", status_code=204, responses=refusals(401, 403, 404, 422))
async def undeprecate(
    _: Unrestricted,
    shared: Shared,
    path: Annotated[str, Query(max_length=300, description="schema.table")],
    field: Annotated[str | None, Query(max_length=100, description="A column")] = None,
) -> Response:
    """Take a deprecation back."""
    if not await _called(shared, UNDEPRECATE, path=path, field=field):
        raise RefusalError(404)
    return Response(status_code=204)


async def _called(shared: Services, query: LiteralString, **values: object) -> int:
    try:
        number: int = await shared.database.value(query, **values)
    except psycopg.Error as problem:
        if problem.sqlstate not in UNKNOWN:
            raise
        raise invalid(shortened(problem.diag.message_primary or ""), "#/path") from None
    return number
