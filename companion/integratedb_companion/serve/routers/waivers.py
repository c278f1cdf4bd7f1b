"""Handles waivers: dependencies of stakeholders that refuse no migration for a time."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from fastapi import APIRouter, Response

from integratedb_companion.http.refusals import RefusalError, invalid
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Shared
from integratedb_companion.serve.errors import shortened
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.requests import After, Id, Limit, WaiverBody
from integratedb_companion.serve.responses import Data, Numbered, Page, Waived, refusals

from .deprecations import UNKNOWN
from .stakeholders import name_of

router = APIRouter(tags=["agreements"], route_class=TokenRoute)

LIST: LiteralString = """
SELECT w.*, w.ordinality
  FROM {x}.integratedb_waivers() WITH ORDINALITY AS w
 WHERE w.ordinality > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR w.stakeholder = ANY (%(names)s::text[]))
 ORDER BY w.ordinality
 LIMIT %(limit)s::integer
"""
OWNER: LiteralString = "SELECT w.stakeholder FROM {x}.integratedb_waivers() AS w WHERE w.id = %(id)s::bigint"
WAIVE: LiteralString = """
SELECT {x}.integratedb_waive(
         stakeholder => %(name)s::text, path => %(path)s::text, field => %(field)s::text,
         until => %(until)s::timestamptz, reason => %(reason)s::text)
"""
END: LiteralString = "SELECT {x}.integratedb_end_waiver(id => %(id)s::bigint)"


@router.get("/waivers", responses=refusals(401, 422))
async def waivers(asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[Waived]:
    """List the waivers in force, those that end first first; scopes restrict the list to the user's stakeholders."""
    names = None if asking.scopes.stakeholders is None else sorted(asking.scopes.stakeholders)
    rows = await shared.database.rows(LIST, names=names, after=after, limit=limit + 1)
    return page(Waived, rows, limit, key="ordinality")


@router.post("/stakeholders/{id}/waivers", status_code=201, responses=refusals(400, 401, 404, 408, 413, 415, 422))
async def waive(stakeholder_id: Id, body: WaiverBody, asking: Authenticated, shared: Shared) -> Data[Numbered]:
    """Let migrations break one dependency of a stakeholder until a time; again: change the end and the reason."""
    name = await name_of(shared, asking, stakeholder_id)
    try:
        number = await shared.database.value(WAIVE, name=name, **body.data.model_dump())
    except psycopg.Error as problem:
        if problem.sqlstate not in UNKNOWN:
            raise
        raise invalid(shortened(problem.diag.message_primary or ""), "#/path") from None
    return Data(data=Numbered(id=number))


@router.delete("/waivers/{id}", status_code=204, responses=refusals(401, 404))
async def end(waiver_id: Id, asking: Authenticated, shared: Shared) -> Response:
    """End a waiver; what is unmet under it is reported from then on."""
    name = await shared.database.value(OWNER, id=waiver_id)
    if name is None or not asking.scopes.has_stakeholder(name):
        raise RefusalError(404)
    await shared.database.value(END, id=waiver_id)
    return Response(status_code=204)
