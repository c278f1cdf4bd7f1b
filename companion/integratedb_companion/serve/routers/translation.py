"""Translates queries of a stakeholder from one face of the data API into the others."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from fastapi import APIRouter

from integratedb_companion.http.refusals import invalid
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Shared
from integratedb_companion.serve.console_responses import Translation
from integratedb_companion.serve.errors import LATER, shortened
from integratedb_companion.serve.requests import Id, QuestionBody
from integratedb_companion.serve.responses import Data, refusals

from .stakeholders import name_of

router = APIRouter(prefix="/stakeholders/{id}", tags=["queries"], route_class=TokenRoute)

TRANSLATE: LiteralString = (
    "SELECT integratedb.management_translate(%(id)s::bigint, %(face)s::text, %(text)s::text, %(schemas)s::text[])"
)


@router.post("/translate", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def translate(stakeholder_id: Id, body: QuestionBody, asking: Authenticated, shared: Shared) -> Data[Translation]:
    """Say a query in each face, with the names of the stakeholder's claims; nothing is run."""
    await name_of(shared, asking, stakeholder_id)
    allowed = asking.scopes.schemas
    try:
        translated = await shared.database.value(
            TRANSLATE,
            id=stakeholder_id,
            face=body.data.face,
            text=body.data.query,
            schemas=None if allowed is None else sorted(allowed),
        )
    except psycopg.Error as problem:
        if problem.sqlstate is None or problem.sqlstate in LATER or problem.sqlstate[:2] in ("XX", "57", "58", "53"):
            raise
        diagnostic = problem.diag
        said = [shortened(part).rstrip(".") for part in (diagnostic.message_primary, diagnostic.message_hint) if part]
        raise invalid(". ".join(said) + ".", "#/data/query") from None
    return Data(data=Translation.model_validate(translated))
