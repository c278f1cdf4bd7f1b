"""Answers the requests to the agent: state, health, discovery, and changes."""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from integratedb_companion.common import logs
from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.http.headers import OVER_TLS, SAFE_HEADERS

from . import discovery, membership, nodes
from .agent import Agent, server_tls
from .configuration import Configuration
from .errors import RefusedError
from .metrics import Metrics

log = logging.getLogger(__name__)

#: A request for a certificate is the longest body.
MOST_BODY = 16 << 10
#: Who asks for these needs no login: they say nothing of the cluster, and the certificate of the authority is public.
OPEN: Final = ("/live", "/ready", "/ca")
#: The token of a join is its login.
BY_TOKEN: Final = ("/join",)
HEALTH: Final = ("primary", "replica", "read-only", "sync", "health")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve(agent: Agent) -> contextlib.AsyncExitStack:
    """Listen, and return what closes the listener. Error: ConfigurationError."""
    stack = contextlib.AsyncExitStack()
    runner = web.AppRunner(Application(agent).make(), access_log=None, handle_signals=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    settings = agent.settings
    try:
        await web.TCPSite(
            runner, settings.address, settings.ports.agent, ssl_context=server_tls(agent.layout), shutdown_timeout=2.0
        ).start()
    except OSError as problem:
        await stack.aclose()
        raise ConfigurationError(f"cannot listen on {settings.agent}: {problem.strerror}") from None
    return stack


class Application:
    """The routes."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._membership = membership.Membership(agent)
        self._metrics = Metrics(agent)
        self._configuration = Configuration(agent)

    def make(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BODY)
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/ca", self._ca)
        app.router.add_get("/metrics", self._page)
        app.router.add_get("/status", self._status)
        app.router.add_get("/discovery", self._discovery)
        for name in HEALTH:
            app.router.add_get(f"/{name}", self._health)
        app.router.add_post("/switchover", self._switchover)
        app.router.add_get("/config", self._show)
        app.router.add_post("/config", self._change)
        app.router.add_get("/config/versions", self._versions)
        app.router.add_get("/config/versions/{number}/diff", self._diff)
        app.router.add_post("/config/rollback", self._rollback)
        app.router.add_post("/tokens", self._token)
        app.router.add_post("/join", self._join)
        app.router.add_delete("/nodes/{name}", self._leave)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the login before the body is read, and answer in one form."""
        try:
            self._check_login(request)
            answer = await handler(request)
        except RefusedError as refusal:
            answer = _answer(refusal.status, {"errors": {"detail": refusal.message, "hint": refusal.hint}})
        except web.HTTPException as problem:
            answer = _answer(problem.status, {"errors": {"detail": problem.reason}})
        except Exception as problem:
            log.error("a request failed", extra={"path": request.path, **logs.fault(problem)})
            answer = _answer(500, {"errors": {"detail": "Internal Server Error"}})
        answer.headers.update(SAFE_HEADERS | OVER_TLS)
        return answer

    def _check_login(self, request: web.Request) -> None:
        if request.path in OPEN or request.path in BY_TOKEN:
            return
        transport = request.transport
        given = _bearer(request)
        secrets = self._agent.secrets
        if _same(given, secrets["admin_token"]):
            return
        if request.method in ("GET", "HEAD"):
            if _same(given, secrets["read_token"]) or (transport and transport.get_extra_info("peercert")):
                return
            raise RefusedError(401, "reads need a client certificate of the cluster, or the read token")
        raise RefusedError(401, "changes need the admin token", hint="Authorization: Bearer TOKEN carries it.")

    async def _live(self, _: web.Request) -> web.Response:
        return _answer(200, {"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        problems = await self._agent_problems()
        return _answer(503 if problems else 200, {"ready": not problems, "problems": problems})

    async def _agent_problems(self) -> list[str]:
        agent = self._agent
        problems = [f"{part.name} does not run" for part in (agent.etcd_part, agent.patroni_part) if not part.runs]
        if (
            not problems
            and await agent.patroni.get(agent.settings.url(agent.settings.ports.patroni), "/liveness") is None
        ):
            problems.append("Patroni does not answer")
        if not problems and not (await agent.look()).quorum:
            problems.append("etcd has no majority")
        return problems

    async def _ca(self, _: web.Request) -> web.Response:
        return web.Response(body=self._agent.layout.ca.read_bytes(), content_type="application/x-pem-file")

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._metrics.page(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _status(self, request: web.Request) -> web.Response:
        state = await self._agent.look()
        if _wants_text(request):
            return web.Response(text=nodes.as_text(state))
        return _answer(200, state.as_json())

    async def _discovery(self, request: web.Request) -> web.Response:
        state, database = await self._agent.look(), self._agent.settings.database
        match request.query.get("format", "json"):
            case "json":
                return _answer(200, discovery.connection_strings(state, database))
            case "haproxy":
                return web.Response(text=discovery.haproxy(state))
            case "pgbouncer":
                return web.Response(text=discovery.pgbouncer(database))
            case _:
                raise RefusedError(400, "unknown format", hint=f"There are {', '.join(discovery.FORMATS)}.")

    async def _health(self, request: web.Request) -> web.Response:
        """Answer what this node's Patroni answers; it knows whether its key still holds."""
        path = request.path if "lag" not in request.query else f"{request.path}?lag={_lag(request.query['lag'])}"
        answer = await self._agent.patroni.get(self._agent.settings.url(self._agent.settings.ports.patroni), path)
        status = 200 if answer is not None and answer[0] == 200 else 503
        state = "does not answer" if answer is None else answer[1].get("state")
        return _answer(status, {"name": self._agent.settings.name, "state": state})

    async def _switchover(self, request: web.Request) -> web.Response:
        body = await _body(request, {"to": str, "at": str, "dry_run": bool})
        status, answer = await self._membership.switchover(
            body.get("to"), body.get("at"), dry_run=body.get("dry_run", False), now=datetime.now(UTC)
        )
        return _answer(status, answer)

    async def _show(self, _: web.Request) -> web.Response:
        return _answer(200, await self._configuration.show())

    async def _versions(self, _: web.Request) -> web.Response:
        return _answer(200, {"versions": await self._configuration.history()})

    async def _diff(self, request: web.Request) -> web.Response:
        against = request.query.get("against")
        number = _number(request.match_info["number"])
        return _answer(200, await self._configuration.diff(number, None if against is None else _number(against)))

    async def _change(self, request: web.Request) -> web.Response:
        body = await _body(request, {"patch": dict, "who": str, "why": str, "dry_run": bool})
        made = await self._configuration.change(
            body.get("patch", {}), body.get("who", ""), body.get("why", ""), dry_run=body.get("dry_run", False)
        )
        return _answer(200 if made["dry_run"] else 201, made)

    async def _rollback(self, request: web.Request) -> web.Response:
        body = await _body(request, {"version": int, "who": str, "why": str, "dry_run": bool})
        made = await self._configuration.rollback(
            body.get("version", 0), body.get("who", ""), body.get("why", ""), dry_run=body.get("dry_run", False)
        )
        return _answer(200 if made["dry_run"] else 201, made)

    async def _token(self, request: web.Request) -> web.Response:
        body = await _body(request, {"valid_s": int})
        return _answer(201, await self._membership.new_token(body.get("valid_s", 3600)))

    async def _join(self, request: web.Request) -> web.Response:
        token = _bearer(request)
        if not token:
            raise RefusedError(401, "a join needs a token", hint="integratedb cluster token on a node makes one.")
        await self._membership.check_token(token)
        body = await _body(request, {"node": dict, "request": str, "versions": dict})
        return _answer(200, await self._membership.join(token, body))

    async def _leave(self, request: web.Request) -> web.Response:
        return _answer(200, await self._membership.leave(request.match_info["name"]))


def _answer(status: int, document: dict[str, Any]) -> web.Response:
    return web.Response(status=status, text=f"{json.dumps(document)}\n", content_type="application/json")


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _wants_text(request: web.Request) -> bool:
    """Whether a person asks: curl, or whoever accepts text and not JSON."""
    accepted = request.headers.get("Accept", "*/*")
    if "json" in accepted:
        return False
    return "text/plain" in accepted or request.headers.get("User-Agent", "").startswith("curl/")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 8:
        raise RefusedError(400, "a version is a number")
    return int(text)


def _lag(text: str) -> str:
    if len(text) > 12 or not text.isalnum():
        raise RefusedError(400, "lag must be a size such as 16MB")
    return text


async def _body(request: web.Request, kinds: dict[str, type]) -> dict[str, Any]:
    """Read a JSON object with these members. Error: RefusedError."""
    try:
        found = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    unknown = found.keys() - kinds.keys() if isinstance(found, dict) else set()
    if not isinstance(found, dict) or unknown:
        names = ", ".join(kinds)
        raise RefusedError(
            400, f"the body must be an object of {names}" + (f", not {min(unknown)!a}" if unknown else "")
        )
    given = {name: value for name, value in found.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, kinds[name]) or (kinds[name] is int and isinstance(value, bool)):
            raise RefusedError(400, f"{name} must be of type {kinds[name].__name__}")
    return given
