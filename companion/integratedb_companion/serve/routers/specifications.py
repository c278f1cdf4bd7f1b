"""Handles the claims and notifications of a stakeholder."""

from __future__ import annotations

from typing import Any, Literal, LiteralString

from fastapi import APIRouter
from psycopg.types.json import Jsonb

from integratedb_companion.http.refusals import RefusalError, forbidden
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Caller, Shared
from integratedb_companion.serve.outside import outside
from integratedb_companion.serve.pool import Transaction
from integratedb_companion.serve.requests import CheckBody, Id, SpecificationBody
from integratedb_companion.serve.responses import (
    Checked,
    Data,
    InvalidOrUnmet,
    Specification,
    SpecificationProblem,
    refusals,
)
from integratedb_companion.serve.services import Services

from .stakeholders import name_of

router = APIRouter(prefix="/stakeholders/{id}", tags=["specifications"], route_class=TokenRoute)

Kind = Literal["claims", "notifications"]
SHOW: LiteralString = "SELECT {x}.integratedb_specification(stakeholder => %(name)s::text, kind => %(kind)s::text)"
SCHEMAS: LiteralString = "SELECT integratedb.management_schemas(%(spec)s::jsonb, %(kind)s::text)"
CHECK: LiteralString = (
    "SELECT pointer, message FROM {x}.integratedb_check_spec(spec => %(spec)s::jsonb, kind => %(kind)s::text)"
    " WHERE code <> '01000'"
)
PROBLEMS: LiteralString = """
SELECT c.code, c.pointer, c.path, c.field, c.message
  FROM {x}.integratedb_check_spec(spec => %(spec)s::jsonb, kind => %(kind)s::text) AS c
"""
#: The code of rows that warn.
WARNING = "01000"
SUBMIT: dict[Kind, LiteralString] = {
    "claims": "SELECT {x}.integratedb_claim(stakeholder => %(name)s::text, spec => %(spec)s::jsonb)",
    "notifications": "SELECT {x}.integratedb_notify(stakeholder => %(name)s::text, spec => %(spec)s::jsonb)",
}
REFUSALS = refusals(400, 401, 403, 404, 408, 413, 415, 422) | {422: {"model": InvalidOrUnmet}}


@router.get("/claims", responses=refusals(401, 404))
async def claims(stakeholder_id: Id, asking: Authenticated, shared: Shared) -> Data[Specification]:
    """Show the claims of a stakeholder."""
    return await _show(shared, asking, stakeholder_id, "claims")


@router.put("/claims", responses=REFUSALS)
async def claim(
    stakeholder_id: Id, body: SpecificationBody, asking: Authenticated, shared: Shared
) -> Data[Specification]:
    """Replace the claims of a stakeholder, which determine what it may read."""
    return await _submit(shared, asking, stakeholder_id, body, "claims")


@router.post("/{kind}/check", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def check(stakeholder_id: Id, kind: Kind, body: CheckBody, asking: Authenticated, shared: Shared) -> Checked:
    """List the reasons why a specification would be refused, except missing privileges, and what is deprecated."""
    await name_of(shared, asking, stakeholder_id)
    document = dict(body.data)
    document.pop("type", None)
    spec = Jsonb(document)
    async with shared.database.transaction() as transaction:
        found = await transaction.rows(PROBLEMS, spec=spec, kind=kind)
        if not any(row["code"] == "IDB02" for row in found):
            await require_scopes(transaction, asking, spec, kind)
    rows = [SpecificationProblem(**row) for row in found]
    return Checked(
        data=[row for row in rows if row.code != WARNING], warnings=[row for row in rows if row.code == WARNING]
    )


@router.get("/notifications", responses=refusals(401, 404))
async def notifications(stakeholder_id: Id, asking: Authenticated, shared: Shared) -> Data[Specification]:
    """Show the notifications of a stakeholder, and their channels."""
    return await _show(shared, asking, stakeholder_id, "notifications")


@router.put("/notifications", responses=REFUSALS)
async def notify(
    stakeholder_id: Id, body: SpecificationBody, asking: Authenticated, shared: Shared
) -> Data[Specification]:
    """Replace the notifications of a stakeholder, and its channels; without `channels`, they stay unchanged."""
    return await _submit(shared, asking, stakeholder_id, body, "notifications")


async def _show(shared: Services, asking: Caller, stakeholder_id: int, kind: Kind) -> Data[Specification]:
    name = await name_of(shared, asking, stakeholder_id)
    return _answer(await shared.database.value(SHOW, name=name, kind=kind), kind)


async def _submit(
    shared: Services, asking: Caller, stakeholder_id: int, body: SpecificationBody, kind: Kind
) -> Data[Specification]:
    name = await name_of(shared, asking, stakeholder_id)
    document = dict(body.data)
    of_kind = document.pop("type", None) in (None, kind.upper())
    spec = Jsonb(document)
    async with shared.database.transaction() as transaction:
        if not of_kind:
            # Together with all other faults, which only the database finds.
            found = await transaction.rows(CHECK, spec=spec, kind=kind)
            faults = [[row["message"], row["pointer"]] for row in found if row["pointer"] is not None]
            raise RefusalError(422, {"detail": [[f"it should be {kind.upper()}", "#/type"], *faults]})
        await require_scopes(transaction, asking, spec, kind)
        await transaction.rows(SUBMIT[kind], name=name, spec=spec)
        # Checked again under the locks: meanwhile another stakeholder may have got the name of a schema.
        await require_scopes(transaction, asking, spec, kind)
        stored = await transaction.value(SHOW, name=name, kind=kind)
    return _answer(stored, kind)


async def require_scopes(transaction: Transaction, asking: Caller, spec: Jsonb, kind: Kind) -> None:
    """Refuse a document that names schemas outside the user's scopes."""
    if asking.scopes.is_everything:
        return
    named = await transaction.value(SCHEMAS, spec=spec, kind=kind)
    if hidden := await outside(transaction, asking.scopes, named):
        raise forbidden(f"this user is restricted by scopes, and may not name schema {', '.join(hidden)}")


def _answer(stored: dict[str, Any], kind: Kind) -> Data[Specification]:
    return Data(data=Specification.model_validate({"type": kind.upper(), **stored}))
