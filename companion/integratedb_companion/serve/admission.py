"""What a request passes before its body is read: who is asking, and whether there may be a body like this one."""

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
    """A route for everybody: whoever is not logged in sends little."""

    async def admit(self, request: Request, shared: Services) -> Caller | None:
        """Find who is asking; refuses with 401 whoever may not. Here it is nobody in particular."""
        return None

    def get_route_handler(self) -> Handler:
        """Admit a request, hold its body, and let the framework answer it."""
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
                    # From here on it may hold a connection to the database.
                    await stack.enter_async_context(shared.work.take(asking.id, 1))
                return await answer(request)

        return handle


class TokenRoute(OpenRoute):
    """A route for users."""

    async def admit(self, request: Request, shared: Services) -> Caller | None:
        """Find the user of the token."""
        return await authenticate(request, shared)


class FirstUserRoute(OpenRoute):
    """A route for root, and for anybody while there is no user."""

    async def admit(self, request: Request, shared: Services) -> Caller | None:
        """Find root; or nobody, who creates the first user."""
        return await authenticate_first(request, shared)


def _require_json(request: Request) -> None:
    """Refuse a body that is said to be anything but JSON, or compressed."""
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
