"""Logging in."""

from __future__ import annotations

from fastapi import APIRouter, Request

from .. import authentication
from ..answers import Data, Session, refusals
from ..authentication import Shared
from ..requests import LoginBody, RenewBody

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", responses=refusals(400, 403, 413, 415, 422, 429))
async def login(body: LoginBody, request: Request, shared: Shared) -> Data[Session]:
    """Give tokens for a name and a password; at most 10 wrong guesses a minute from one address."""
    address = request.client.host if request.client else ""
    session = await authentication.log_in(shared, body.data.username, body.data.password, address)
    return Data(data=session)


@router.post("/renew", responses=refusals(400, 403, 413, 415, 422))
async def renew(body: RenewBody, shared: Shared) -> Data[Session]:
    """Give new tokens for a refresh token, once."""
    return Data(data=await authentication.renew(shared, body.data))
