"""Chooses what answers a request by its path."""

from __future__ import annotations

from .data import Data
from .execution import Executor, Watch
from .graphql import GraphQL
from .messages import Request, Response
from .rest import Rest
from .saved import PREFIX, Saved, turned_off
from .settings import Settings
from .tokens import Caller


class Faces:
    """The faces of the service.

    GET /queries/<name> is a saved query, POST /query a query as data, /graphql GraphQL, every other path PostgREST's.
    """

    def __init__(self, settings: Settings, executor: Executor) -> None:
        self._rest = Rest(settings, executor)
        self._data = Data(settings, executor)
        self.graphql = GraphQL(settings, executor)
        self._saved = Saved(settings, executor, self.graphql)
        self._saved_only = settings.saved_only
        self._has_root_function = settings.root is not None

    async def answer(self, request: Request, caller: Caller, watch: Watch) -> Response:
        """Answer a request. Errors: those of the executor."""
        if request.path.startswith(PREFIX):
            return await self._saved.answer(request, caller, watch)
        is_graphql = request.path == "/graphql" and request.method in ("GET", "POST")
        # Without a document it is no request of GraphQL.
        if self._saved_only and not (is_graphql and (request.method == "POST" or "=" in request.query)):
            is_root = request.path == "/" and request.method in ("GET", "HEAD", "OPTIONS")
            if not is_root or self._has_root_function:
                return turned_off(request)
        if is_graphql:
            return await self.graphql.answer(request, caller, watch)
        is_data = request.method == "POST" and request.path == "/query"
        return await (self._data if is_data else self._rest).answer(request, caller, watch)
