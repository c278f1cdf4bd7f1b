"""Handles requests about the whole database: unmet claims, dependents, changes of the schema, and previews."""

from __future__ import annotations

from typing import Annotated, LiteralString

import psycopg
from fastapi import APIRouter, Query

from integratedb_companion.http.refusals import RefusalError, forbidden, invalid
from integratedb_companion.serve import trial
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Caller, Shared, Unrestricted
from integratedb_companion.serve.console_responses import Trial
from integratedb_companion.serve.errors import shortened
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.preview import Preview
from integratedb_companion.serve.requests import After, Limit, PreviewBody
from integratedb_companion.serve.responses import Data, DdlEvent, Dependent, Page, Synced, UnmetClaim, refusals
from integratedb_companion.serve.services import Services

router = APIRouter(tags=["database"], route_class=TokenRoute)

UNMET: LiteralString = """
SELECT u.*
  FROM {x}.integratedb_unmet_claims(max_results => NULL::integer) AS u
 WHERE u.claim_id > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR u.stakeholder = ANY (%(names)s::text[]))
 ORDER BY u.claim_id
 LIMIT %(limit)s::integer
"""
SYNC: LiteralString = "SELECT {x}.integratedb_sync()"
COUNT_UNMET: LiteralString = "SELECT count(*) FROM {x}.integratedb_unmet_claims(max_results => NULL::integer)"
DEPENDENTS: LiteralString = """
SELECT d.stakeholder, d.kind, d.dependency, d.ordinality
  FROM {x}.integratedb_dependents(path => %(path)s::text, field => %(field)s::text) WITH ORDINALITY AS d
 WHERE d.ordinality > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR d.stakeholder = ANY (%(names)s::text[]))
 ORDER BY d.ordinality
 LIMIT %(limit)s::integer
"""
#: The schema, table or column does not exist, and nobody claims it.
UNKNOWN = {"3F000", "42P01", "42703"}
STATUS: LiteralString = "SELECT * FROM {x}.integratedb_status()"
DDL_EVENTS: LiteralString = (
    "SELECT * FROM integratedb.management_ddl_events(nullif(%(after)s::bigint, 0), %(limit)s::integer)"
)


@router.get("/unmet-claims", responses=refusals(401, 422))
async def unmet_claims(asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[UnmetClaim]:
    """List the claims that the schema does not satisfy; scopes restrict the list to the user's stakeholders."""
    names = None if asking.scopes.stakeholders is None else sorted(asking.scopes.stakeholders)
    rows = await shared.database.rows(UNMET, after=after, names=names, limit=limit + 1)
    return page(UnmetClaim, rows, limit, key="claim_id")


@router.post("/sync", responses=refusals(401, 403, 422))
async def sync(_: Unrestricted, shared: Shared) -> Data[Synced]:
    """Bring wildcard claims, filled-in properties and grants up to date; return the number of unmet claims."""
    async with shared.database.transaction() as transaction:
        await transaction.rows(SYNC)
        unmet = await transaction.value(COUNT_UNMET)
    return Data(data=Synced(unmet=unmet))


@router.post("/preview", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def preview(body: PreviewBody, asking: Authenticated, shared: Shared) -> Data[list[UnmetClaim]]:
    """List the claims that SQL statements would leave unmet: run them as the preview login, and roll them back."""
    return Data(data=[UnmetClaim(**row) for row in await _preview(asking, shared).run(body.data)])


@router.post("/try", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def try_statements(body: PreviewBody, asking: Authenticated, shared: Shared) -> Data[Trial]:
    """Show what SQL statements return: run them as the preview login, and roll them back."""
    return Data(data=await trial.run(_preview(asking, shared), body.data))


def _preview(asking: Caller, shared: Services) -> Preview:
    if shared.preview is None:
        raise RefusalError(404)
    if not asking.is_root:
        raise forbidden("only the root user previews")
    return shared.preview


@router.get("/dependents", responses=refusals(401, 422))
async def dependents(
    asking: Authenticated,
    shared: Shared,
    path: Annotated[str, Query(max_length=300, description="schema.table, or schema.*")],
    field: Annotated[str | None, Query(max_length=100, description="A column")] = None,
    limit: Limit = 100,
    after: After = 0,
) -> Page[Dependent]:
    """List the dependents of a table or column; scopes restrict the list to the user's stakeholders."""
    names = None if asking.scopes.stakeholders is None else sorted(asking.scopes.stakeholders)
    asked = {"path": path, "field": field, "names": names}
    try:
        rows = await shared.database.rows(DEPENDENTS, **asked, after=after, limit=limit + 1)
    except psycopg.Error as problem:
        if problem.sqlstate not in UNKNOWN:
            raise
        message, hint = problem.diag.message_primary or "", problem.diag.message_hint or ""
        # The hint may contain a similar name that a restricted user must not see.
        said = f"{message}. {hint}" if asking.scopes.is_everything else message
        raise invalid(shortened(said), "#") from None
    return page(Dependent, rows, limit, key="ordinality")


@router.get("/status", responses=refusals(401, 403))
async def status(_: Unrestricted, shared: Shared) -> Data[dict[str, str]]:
    """Show the status, one fact for each key."""
    return Data(data={row["fact"]: row["value"] for row in await shared.database.rows(STATUS)})


@router.get("/ddl-events", responses=refusals(401, 403, 422))
async def ddl_events(_: Unrestricted, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[DdlEvent]:
    """List the changes of the schema, newest first."""
    return page(DdlEvent, await shared.database.rows(DDL_EVENTS, after=after, limit=limit + 1), limit)
