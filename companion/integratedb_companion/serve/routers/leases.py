"""Handles leases: temporary logins that act as a stakeholder."""

from __future__ import annotations

from typing import LiteralString

from fastapi import APIRouter, Response

from integratedb_companion.http.refusals import RefusalError
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Caller, Shared
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.requests import After, Id, LeaseBody, Limit, RenewalBody
from integratedb_companion.serve.responses import Credentials, Data, Leased, LeaseOut, Page, Renewed, refusals
from integratedb_companion.serve.services import Services

from .stakeholders import name_of

router = APIRouter(tags=["agreements"], route_class=TokenRoute)

LIST: LiteralString = """
SELECT l.*
  FROM {x}.integratedb_leases() AS l
 WHERE l.id > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR l.stakeholder = ANY (%(names)s::text[]))
 ORDER BY l.id
 LIMIT %(limit)s::integer
"""
OWNER: LiteralString = "SELECT l.stakeholder FROM {x}.integratedb_leases() AS l WHERE l.id = %(id)s::bigint"
LEASE: LiteralString = """
SELECT *
  FROM {x}.integratedb_lease(
         stakeholder => %(name)s::text, ttl => make_interval(secs => %(ttl_seconds)s::integer), note => %(note)s::text)
"""
RENEW: LiteralString = """
SELECT {x}.integratedb_renew_lease(id => %(id)s::bigint, ttl => make_interval(secs => %(ttl_seconds)s::integer))
"""
REVOKE: LiteralString = "SELECT {x}.integratedb_revoke_lease(id => %(id)s::bigint)"


@router.get("/leases", responses=refusals(401, 422))
async def leases(asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[LeaseOut]:
    """List the temporary logins, by id; scopes restrict the list to the user's stakeholders."""
    names = None if asking.scopes.stakeholders is None else sorted(asking.scopes.stakeholders)
    return page(LeaseOut, await shared.database.rows(LIST, names=names, after=after, limit=limit + 1), limit)


@router.post("/stakeholders/{id}/leases", status_code=201, responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def lease(stakeholder_id: Id, body: LeaseBody, asking: Authenticated, shared: Shared) -> Data[Leased]:
    """Create a temporary login that acts as a stakeholder; its password is shown only in this answer."""
    name = await name_of(shared, asking, stakeholder_id)
    row = await shared.database.row(LEASE, name=name, **body.data.model_dump())
    assert row is not None
    credentials = Credentials(username=row["username"], password=row["password"])
    return Data(data=Leased(id=row["id"], credentials=credentials, valid_until=row["valid_until"]))


@router.post("/leases/{id}/renew", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def renew(lease_id: Id, body: RenewalBody, asking: Authenticated, shared: Shared) -> Data[Renewed]:
    """Let a lease last longer, or shorter; its password stays."""
    await _require_own(shared, asking, lease_id)
    until = await shared.database.value(RENEW, id=lease_id, ttl_seconds=body.data.ttl_seconds)
    return Data(data=Renewed(valid_until=until))


@router.delete("/leases/{id}", status_code=204, responses=refusals(401, 403, 404))
async def revoke(lease_id: Id, asking: Authenticated, shared: Shared) -> Response:
    """End a lease: its sessions end, and its role is dropped."""
    await _require_own(shared, asking, lease_id)
    await shared.database.rows(REVOKE, id=lease_id)
    return Response(status_code=204)


async def _require_own(shared: Services, asking: Caller, lease_id: int) -> None:
    name = await shared.database.value(OWNER, id=lease_id)
    if name is None or not asking.scopes.has_stakeholder(name):
        raise RefusalError(404)
