"""Handles logins."""

from __future__ import annotations

from fastapi import APIRouter, Request

from integratedb_companion.serve import authentication
from integratedb_companion.serve.admission import OpenRoute
from integratedb_companion.serve.authentication import Shared
from integratedb_companion.serve.requests import LoginBody, RenewBody
from integratedb_companion.serve.responses import Data, Session, refusals

router = APIRouter(prefix="/auth", tags=["auth"], route_class=OpenRoute)


@router.post("/login", responses=refusals(400, 403, 408, 413, 415, 422, 429))
async def login(body: LoginBody, request: Request, shared: Shared) -> Data[Session]:
    """Issue tokens for a name and a password; wrong guesses are limited, by name and by address."""
    address = authentication.address_of(request)
    return Data(data=await authentication.log_in(shared, body.data.username, body.data.password, address))


@router.post("/renew", responses=refusals(400, 403, 408, 413, 415, 422))
async def renew(body: RenewBody, shared: Shared) -> Data[Session]:
    """Issue new tokens for a refresh token, once."""
    return Data(data=await authentication.renew(shared, body.data))
