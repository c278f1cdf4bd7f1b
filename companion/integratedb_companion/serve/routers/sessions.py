"""Handles the sessions of the console, whose cookie takes the place of a token."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from integratedb_companion.http.refusals import forbidden, unauthorized
from integratedb_companion.serve import authentication, sessions
from integratedb_companion.serve.admission import OpenRoute, TokenRoute
from integratedb_companion.serve.authentication import Authenticated, Caller, Shared
from integratedb_companion.serve.console_responses import ConsoleSession
from integratedb_companion.serve.requests import LoginBody
from integratedb_companion.serve.responses import Data, refusals

router = APIRouter()
_open = APIRouter(prefix="/session", tags=["auth"], route_class=OpenRoute)
_mine = APIRouter(prefix="/session", tags=["auth"], route_class=TokenRoute)


def _described(asking: Caller) -> Data[ConsoleSession]:
    if asking.csrf_token is None:  # a token has sent the request
        raise unauthorized()
    return Data(
        data=ConsoleSession(
            id=asking.id,
            username=asking.username,
            root=asking.is_root,
            everything=asking.scopes.is_everything,
            csrf_token=asking.csrf_token,
        )
    )


@_open.post("", status_code=201, responses=refusals(400, 403, 408, 413, 415, 422, 429))
async def begin(body: LoginBody, request: Request, response: Response, shared: Shared) -> Data[ConsoleSession]:
    """Begin a session for a name and a password: a cookie of 12 hours. Wrong guesses are limited, as for a login."""
    if not sessions.is_own(request):  # its page would put the browser into a session of its own choice
        raise forbidden("a page of another site begins no session")
    address = authentication.address_of(request)
    asking, token = await authentication.start_session(shared, body.data.username, body.data.password, address)
    sessions.set_cookie(request, response, token)
    return _described(asking)


@_mine.get("", responses=refusals(401))
async def show(asking: Authenticated) -> Data[ConsoleSession]:
    """Show the session of the cookie."""
    return _described(asking)


@_mine.delete("", status_code=204, responses=refusals(401, 403))
async def end(asking: Authenticated, request: Request, response: Response, shared: Shared) -> None:
    """End the session; its cookie is worth nothing from then on."""
    if asking.session is None:
        raise unauthorized()
    await authentication.end_session(shared, asking)
    sessions.delete_cookie(request, response)


router.include_router(_open)
router.include_router(_mine)
