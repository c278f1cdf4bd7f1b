"""Handles requests about the server at work: a panel for each question of an incident, and the sessions to end."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from fastapi import APIRouter
from fastapi import Path as PathParameter

from integratedb_companion.http.refusals import RefusalError
from integratedb_companion.serve.admission import TokenRoute
from integratedb_companion.serve.authentication import Root, Shared, Unrestricted
from integratedb_companion.serve.console_responses import Ended, PanelOut, Sample
from integratedb_companion.serve.monitoring import PANELS
from integratedb_companion.serve.requests import CancelBody
from integratedb_companion.serve.responses import Data, refusals

router = APIRouter(prefix="/monitoring", tags=["monitoring"], route_class=TokenRoute)

CANCEL: LiteralString = "SELECT {x}.integratedb_cancel(pid => %(pid)s::integer, terminate => %(terminate)s::boolean)"
Name = Annotated[str, PathParameter(max_length=40, description="A panel, as in GET /monitoring")]


@router.get("", responses=refusals(401, 403))
async def panels(_: Unrestricted) -> Data[list[PanelOut]]:
    """List the panels, in the order in which an incident asks them."""
    return Data(
        data=[
            PanelOut(name=name, title=panel.title, what=panel.what, function=panel.function)
            for name, panel in PANELS.items()
        ]
    )


@router.get("/history", responses=refusals(401, 403))
async def history(_: Unrestricted, shared: Shared) -> Data[list[Sample]]:
    """Show the figures of the last hour, which this process keeps in memory."""
    return Data(data=list(shared.history.samples))


@router.get("/panels/{name}", responses=refusals(401, 403, 404))
async def panel(name: Name, _: Unrestricted, shared: Shared) -> Data[list[dict[str, Any]]]:
    """Show the rows of a panel, as its function returns them (docs/sql-reference.md)."""
    found = PANELS.get(name)
    if found is None:
        raise RefusalError(404)
    return Data(data=await shared.database.rows(found.query))


@router.post("/cancel", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422))
async def cancel(body: CancelBody, _: Root, shared: Shared) -> Data[Ended]:
    """Cancel the statement of a session, or end the session; the audit log has it."""
    session = await shared.database.value(CANCEL, pid=body.data.pid, terminate=body.data.terminate)
    if session is None:
        raise RefusalError(404)
    return Data(data=Ended(session=session))
