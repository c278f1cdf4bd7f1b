"""Handles stakeholders by id, since names can change; a stakeholder outside a user's scopes is reported as unknown."""

from __future__ import annotations

from typing import Any, LiteralString

from fastapi import APIRouter, Response

from integratedb_companion.http.refusals import RefusalError, forbidden
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Caller, Shared
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.requests import After, Id, Limit, StakeholderAsStakeholder, StakeholderBody
from integratedb_companion.serve.responses import (
    Access,
    Credentials,
    Data,
    Dropped,
    NewCredentials,
    Page,
    Stakeholder,
    StakeholderWithCredentials,
    refusals,
)
from integratedb_companion.serve.services import Services

router = APIRouter(prefix="/stakeholders", tags=["stakeholders"], route_class=TokenRoute)

LIST: LiteralString = """
SELECT s.*
  FROM {x}.integratedb_stakeholders() AS s
 WHERE s.id > %(after)s::bigint
   AND (%(names)s::text[] IS NULL OR s.name = ANY (%(names)s::text[]))
 ORDER BY s.id
 LIMIT %(limit)s::integer
"""
ONE: LiteralString = "SELECT s.* FROM {x}.integratedb_stakeholders() AS s WHERE s.id = %(id)s::bigint"
NAME_OF: LiteralString = "SELECT integratedb.management_stakeholder(%(id)s::bigint)"
NORMALISED: LiteralString = "SELECT integratedb.management_stakeholder_name(%(name)s::text)"
CREATE: LiteralString = (
    "SELECT * FROM {x}.integratedb_create_stakeholder(stakeholder => %(name)s::text, valid_until => NULL::timestamptz)"
)
RENAME: LiteralString = (
    "SELECT * FROM {x}.integratedb_rename_stakeholder(stakeholder => %(name)s::text, new_name => %(new_name)s::text)"
)
ROTATE: LiteralString = (
    "SELECT * FROM {x}.integratedb_rotate_password(stakeholder => %(name)s::text, valid_until => NULL::timestamptz)"
)
DROP: LiteralString = "SELECT {x}.integratedb_drop_stakeholder(stakeholder => %(name)s::text)"
NOTHING_KEPT: dict[int | str, dict[str, Any]] = {204: {"description": "Nothing is kept", "model": None}}
ACCESS: LiteralString = """
SELECT a.path, a.field, a.reason, a.excess, a.ordinality
  FROM {x}.integratedb_access(stakeholder => %(name)s::text) WITH ORDINALITY AS a
 WHERE a.ordinality > %(after)s::bigint
 ORDER BY a.ordinality
 LIMIT %(limit)s::integer
"""


async def name_of(shared: Services, asking: Caller, stakeholder_id: int) -> str:
    """Return the name of a stakeholder that the user may manage; otherwise 404."""
    name: str | None = await shared.database.value(NAME_OF, id=stakeholder_id)
    if name is None or not asking.scopes.has_stakeholder(name):
        raise RefusalError(404)
    return name


async def _allowed_name(shared: Services, asking: Caller, given: str) -> str:
    name: str = await shared.database.value(NORMALISED, name=given)
    if not asking.scopes.has_stakeholder(name):
        raise forbidden("this user is restricted by scopes to other stakeholders")
    return name


async def _stakeholder(shared: Services, stakeholder_id: int) -> dict[str, Any]:
    row = await shared.database.row(ONE, id=stakeholder_id)
    if row is None:
        raise RefusalError(404)
    return row


async def _with_credentials(shared: Services, row: dict[str, Any]) -> StakeholderWithCredentials:
    credentials = Credentials(username=row["username"], password=row["password"])
    return StakeholderWithCredentials(**await _stakeholder(shared, row["id"]), credentials=credentials)


@router.get("", responses=refusals(401, 422))
async def list_all(asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[Stakeholder]:
    """List the stakeholders, by id."""
    names = None if asking.scopes.stakeholders is None else sorted(asking.scopes.stakeholders)
    rows = await shared.database.rows(LIST, after=after, names=names, limit=limit + 1)
    return page(Stakeholder, rows, limit)


@router.post("", status_code=201, responses=refusals(400, 401, 403, 408, 413, 415, 422))
async def create(body: StakeholderBody, asking: Authenticated, shared: Shared) -> Data[StakeholderWithCredentials]:
    """Create a stakeholder; its credentials are shown only in this answer."""
    given = body.stakeholder if isinstance(body, StakeholderAsStakeholder) else body.data
    name = await _allowed_name(shared, asking, given.name)
    row = await shared.database.row(CREATE, name=name)
    assert row is not None
    return Data(data=await _with_credentials(shared, row))


@router.get("/{id}", responses=refusals(401, 404))
async def show(stakeholder_id: Id, asking: Authenticated, shared: Shared) -> Data[Stakeholder]:
    """Show a stakeholder."""
    await name_of(shared, asking, stakeholder_id)
    return Data(data=Stakeholder(**await _stakeholder(shared, stakeholder_id)))


@router.put("/{id}", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def rename(
    stakeholder_id: Id, body: StakeholderBody, asking: Authenticated, shared: Shared
) -> Data[StakeholderWithCredentials | Stakeholder]:
    """Rename a stakeholder, its role and its schema; its new credentials are shown only in this answer."""
    name = await name_of(shared, asking, stakeholder_id)
    given = body.stakeholder if isinstance(body, StakeholderAsStakeholder) else body.data
    new_name = await _allowed_name(shared, asking, given.name)
    if new_name == name:
        return Data(data=Stakeholder(**await _stakeholder(shared, stakeholder_id)))
    row = await shared.database.row(RENAME, name=name, new_name=new_name)
    assert row is not None
    return Data(data=await _with_credentials(shared, row))


@router.delete("/{id}", response_model=Data[Dropped], responses=refusals(401, 404, 422) | NOTHING_KEPT)
async def drop(stakeholder_id: Id, asking: Authenticated, shared: Shared) -> Data[Dropped] | Response:
    """Drop a stakeholder with its claims, grants and role. The answer lists what is kept, such as a full schema."""
    name = await name_of(shared, asking, stakeholder_id)
    async with shared.database.transaction() as transaction:
        with transaction.notices() as kept:
            schema_dropped = await transaction.value(DROP, name=name)
    if schema_dropped and not kept:
        return Response(status_code=204)
    return Data(data=Dropped(schema_dropped=schema_dropped, kept=kept))


@router.post("/{id}/credentials", responses=refusals(401, 404))
async def rotate(stakeholder_id: Id, asking: Authenticated, shared: Shared) -> Data[NewCredentials]:
    """Set a new password for a stakeholder, shown only in this answer; open sessions continue."""
    row = await shared.database.row(ROTATE, name=await name_of(shared, asking, stakeholder_id))
    assert row is not None
    return Data(data=NewCredentials(credentials=Credentials(username=row["username"], password=row["password"])))


@router.get("/{id}/access", responses=refusals(401, 404, 422))
async def access(
    stakeholder_id: Id, asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0
) -> Page[Access]:
    """List the columns that a stakeholder can actually read, and why."""
    name = await name_of(shared, asking, stakeholder_id)
    rows = await shared.database.rows(ACCESS, name=name, after=after, limit=limit + 1)
    return page(Access, rows, limit, key="ordinality")
