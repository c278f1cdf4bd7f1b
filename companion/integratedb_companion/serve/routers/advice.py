"""Handles the findings of the advisers: what should be changed in the database, and what somebody decided to leave."""

from __future__ import annotations

from typing import Annotated, LiteralString

from fastapi import APIRouter, Query, Response

from integratedb_companion.http.refusals import RefusalError
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Shared, Unrestricted
from integratedb_companion.serve.console_responses import Adviser, Finding
from integratedb_companion.serve.requests import MuteBody
from integratedb_companion.serve.responses import Data, refusals

router = APIRouter(prefix="/advice", tags=["advice"], route_class=TokenRoute)

ADVICE: LiteralString = (
    "SELECT * FROM {x}.integratedb_advice(with_muted => %(muted)s::boolean, adviser => %(adviser)s::text)"
)
ADVISERS: LiteralString = "SELECT * FROM {x}.integratedb_advisers()"
MUTE: LiteralString = """
SELECT {x}.integratedb_mute_advice(
         cache_key => %(key)s::text, reason => %(reason)s::text, until => %(until)s::timestamptz)
"""
UNMUTE: LiteralString = "SELECT {x}.integratedb_unmute_advice(cache_key => %(key)s::text)"
Key = Annotated[str, Query(max_length=1000, description="The cache_key of a finding")]


@router.get("", responses=refusals(401, 403, 404, 422))
async def findings(
    _: Unrestricted,
    shared: Shared,
    muted: Annotated[bool, Query(description="Whether muted findings are shown too")] = False,
    adviser: Annotated[str | None, Query(max_length=200, description="Only those of this adviser")] = None,
) -> Data[list[Finding]]:
    """List what should be changed in the database and its contracts, the worst first."""
    return Data(data=[Finding(**row) for row in await shared.database.rows(ADVICE, muted=muted, adviser=adviser)])


@router.get("/advisers", responses=refusals(401, 403))
async def advisers(_: Unrestricted, shared: Shared) -> Data[list[Adviser]]:
    """List the advisers."""
    return Data(data=[Adviser(**row) for row in await shared.database.rows(ADVISERS)])


@router.post("/mutes", status_code=204, responses=refusals(400, 401, 403, 408, 413, 415, 422))
async def mute(body: MuteBody, _: Unrestricted, shared: Shared) -> Response:
    """Mute a finding, with the reason; until: when it is shown again, null: never."""
    given = body.data
    await shared.database.rows(MUTE, key=given.cache_key, reason=given.reason, until=given.until)
    return Response(status_code=204)


@router.delete("/mutes", status_code=204, responses=refusals(401, 403, 404, 422))
async def unmute(cache_key: Key, _: Unrestricted, shared: Shared) -> Response:
    """Show a muted finding again."""
    if not await shared.database.value(UNMUTE, key=cache_key):
        raise RefusalError(404)
    return Response(status_code=204)
