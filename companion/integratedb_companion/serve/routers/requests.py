"""Handles requests: specifications that wait until those who may grant them approve."""

from __future__ import annotations

from typing import Annotated, Literal, LiteralString

from fastapi import APIRouter, Query, Response
from psycopg.types.json import Jsonb

from integratedb_companion.http.refusals import RefusalError
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Shared, Unrestricted
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.requests import After, ClaimRequestBody, Id, Limit, NoteBody, RejectionBody
from integratedb_companion.serve.responses import Approved, Data, Numbered, Page, RequestOut, refusals

from .specifications import require_scopes
from .stakeholders import name_of

router = APIRouter(tags=["agreements"], route_class=TokenRoute)

State = Annotated[Literal["open", "approved", "rejected", "withdrawn", "all"], Query(description="Which requests")]
LIST: LiteralString = """
SELECT r.*
  FROM {x}.integratedb_requests(state => nullif(%(state)s::text, 'all')) AS r
 WHERE r.id > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR r.stakeholder = ANY (%(names)s::text[]))
 ORDER BY r.id
 LIMIT %(limit)s::integer
"""
OWNER: LiteralString = (
    "SELECT r.stakeholder FROM {x}.integratedb_requests(state => NULL::text) AS r WHERE r.id = %(id)s::bigint"
)
ASK: LiteralString = """
SELECT {x}.integratedb_request_claim(
         stakeholder => %(name)s::text, spec => %(spec)s::jsonb, kind => %(kind)s::text, reason => %(reason)s::text)
"""
APPROVE: LiteralString = "SELECT {x}.integratedb_approve_request(id => %(id)s::bigint, note => %(note)s::text)"
REJECT: LiteralString = "SELECT {x}.integratedb_reject_request(id => %(id)s::bigint, note => %(note)s::text)"
WITHDRAW: LiteralString = "SELECT {x}.integratedb_withdraw_request(id => %(id)s::bigint)"


@router.get("/requests", responses=refusals(401, 422))
async def requests(
    asking: Authenticated, shared: Shared, state: State = "open", limit: Limit = 100, after: After = 0
) -> Page[RequestOut]:
    """List requests, by id; scopes restrict the list to the user's stakeholders."""
    names = None if asking.scopes.stakeholders is None else sorted(asking.scopes.stakeholders)
    rows = await shared.database.rows(LIST, state=state, names=names, after=after, limit=limit + 1)
    return page(RequestOut, rows, limit)


@router.post("/stakeholders/{id}/requests", status_code=201, responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def ask(stakeholder_id: Id, body: ClaimRequestBody, asking: Authenticated, shared: Shared) -> Data[Numbered]:
    """Ask for a specification, which others approve. It takes the place of an open request of the same kind."""
    name = await name_of(shared, asking, stakeholder_id)
    given = body.data
    spec = Jsonb(given.specification)
    async with shared.database.transaction() as transaction:
        await require_scopes(transaction, asking, spec, given.kind)
        number = await transaction.value(ASK, name=name, spec=spec, kind=given.kind, reason=given.reason)
        # Checked again under the lock: meanwhile another stakeholder may have got the name of a schema.
        await require_scopes(transaction, asking, spec, given.kind)
    return Data(data=Numbered(id=number))


@router.post("/requests/{id}/approve", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def approve(request_id: Id, body: NoteBody, _: Unrestricted, shared: Shared) -> Data[Approved]:
    """Approve a request, which puts it in force."""
    in_force = await shared.database.value(APPROVE, id=request_id, note=body.data.note)
    return Data(data=Approved(in_force=in_force))


@router.post("/requests/{id}/reject", status_code=204, responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def reject(request_id: Id, body: RejectionBody, _: Unrestricted, shared: Shared) -> Response:
    """Reject a request; the note says what the stakeholder can do instead."""
    await shared.database.rows(REJECT, id=request_id, note=body.data.note)
    return Response(status_code=204)


@router.post("/requests/{id}/withdraw", status_code=204, responses=refusals(401, 404, 422))
async def withdraw(request_id: Id, asking: Authenticated, shared: Shared) -> Response:
    """Take a request back."""
    name = await shared.database.value(OWNER, id=request_id)
    if name is None or not asking.scopes.has_stakeholder(name):
        raise RefusalError(404)
    await shared.database.rows(WITHDRAW, id=request_id)
    return Response(status_code=204)
