"""Checks a request before its body is read: who sends it, and whether such a body is permitted."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from integratedb_companion.http.refusals import RefusalError, phrase

from .authentication import Caller, authenticate, authenticate_first
from .services import Services, services

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OpenRoute(APIRoute):
    """A route without login, with a low limit on the body."""

    async def admit(self, request: Request, shared: Services) -> Caller | None:
        """Return the sender of a request; raises 401 if the sender may not send it. Here nobody has to log in."""
        return None

    def get_route_handler(self) -> Handler:
        """Admit a request, read its body, and let the framework answer it."""
        answer = super().get_route_handler()
        takes_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            shared = services(request)
            asking = await self.admit(request, shared)
            request.state.caller = asking
            _require_json(request)
            async with AsyncExitStack() as stack:
                if takes_body:
                    user = None if asking is None else asking.id
                    request = await stack.enter_async_context(shared.bodies.held(request, user))
                if asking is not None:
                    # From here on the request may use a connection to the database.
                    await stack.enter_async_context(shared.work.take(asking.id, 1))
                return await answer(request)

        return handle


class TokenRoute(OpenRoute):
    """A route for users."""

    async def admit(self, request: Request, shared: Services) -> Caller | None:
        """Return the user of the token."""
        return await authenticate(request, shared)


class FirstUserRoute(OpenRoute):
    """A route for root, and for any client while there is no user."""

    async def admit(self, request: Request, shared: Services) -> Caller | None:
        """Return root; None when the request creates the first user."""
        return await authenticate_first(request, shared)


def _require_json(request: Request) -> None:
    """Refuse a body that is compressed, or is not declared as JSON."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise _unsupported("the header Content-Type must say application/json", Accept="application/json")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _unsupported("the header Content-Encoding must be left out, or say identity", Accept_Encoding="identity")


def _unsupported(reason: str, **headers: str) -> RefusalError:
    return RefusalError(415, {"detail": phrase(415), "reason": reason}, **headers)
