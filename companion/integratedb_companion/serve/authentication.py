"""Authenticates users: exchanges passwords for tokens, and tokens for users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, LiteralString
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import DictRow

from integratedb_companion.common.networks import network_of
from integratedb_companion.http.refusals import RefusalError, forbidden, unauthorized

from . import sessions, tokens
from .responses import Session
from .scopes import Scopes
from .services import Services, services
from .tokens import ACCESS, LIFETIMES_S, REFRESH, SESSION, BadTokenError

HAS_USERS: LiteralString = "SELECT integratedb.management_has_users()"
USER: LiteralString = "SELECT %(id)s::bigint AS id, u.* FROM integratedb.management_user_by_id(%(id)s::bigint) AS u"
USER_BY_NAME: LiteralString = "SELECT * FROM integratedb.management_user_by_name(%(username)s::text)"
ATTEMPT: LiteralString = "SELECT * FROM integratedb.management_login_attempted(%(username)s::text, %(address)s::text)"
SUCCESS: LiteralString = (
    "SELECT integratedb.management_login_succeeded(%(username)s::text, %(address)s::text, %(attempt)s::timestamptz)"
)
ISSUED: LiteralString = (
    "SELECT integratedb.management_refresh_token_issued(%(id)s::bigint, make_interval(secs => %(lifetime_s)s::float8))"
)
USED: LiteralString = "SELECT integratedb.management_refresh_token_used(%(token_id)s::uuid, %(id)s::bigint)"
GOES_ON: LiteralString = "SELECT integratedb.management_session_exists(%(token_id)s::uuid, %(id)s::bigint)"

_bearer = HTTPBearer(auto_error=False, description="The `token` of a login")

Shared = Annotated[Services, Depends(services)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who sends a request."""

    id: int
    username: str
    is_root: bool
    scopes: Scopes
    #: The session of the console that has sent the request, and its CSRF token.
    session: UUID | None = None
    csrf_token: str | None = None


async def authenticate(request: Request, shared: Services) -> Caller:
    """Return the sender of a request, by its headers alone; 401 without exactly one valid token or session."""
    if "authorization" not in request.headers:
        return await _session(request, shared)
    bearer = await _bearer(request)
    if bearer is None or len(request.headers.getlist("authorization")) > 1:
        raise unauthorized()
    try:
        user, _ = await _verified(shared, ACCESS, bearer.credentials)
    except BadTokenError:
        raise unauthorized() from None
    request.state.user_id = user["id"]
    return Caller(user["id"], user["username"], user["root"], Scopes.read(user["scopes"]))


async def _session(request: Request, shared: Services) -> Caller:
    """Return the user of a session; 401 without one, 403 when a writing request does not repeat its CSRF token."""
    cookie = sessions.cookie_of(request)
    if cookie is None:
        raise unauthorized()
    try:
        user, claims = await _verified(shared, SESSION, cookie)
        session = tokens.token_id(claims)
        if not await shared.database.value(GOES_ON, token_id=session, id=user["id"]):
            raise BadTokenError
    except BadTokenError:
        raise unauthorized() from None
    if not sessions.is_allowed(request, user["token_secret"], session):
        raise forbidden(f"a request that changes something repeats the session's token in {sessions.HEADER}")
    request.state.user_id = user["id"]
    csrf_token = sessions.csrf_token(user["token_secret"], session)
    return Caller(user["id"], user["username"], user["root"], Scopes.read(user["scopes"]), session, csrf_token)


async def _verified(shared: Services, use: str, token: str) -> tuple[DictRow, dict[str, Any]]:
    """Return the user and the claims of a token; raises BadTokenError."""
    user = await shared.database.row(USER, id=tokens.claimed_user(token))
    if user is None:
        raise BadTokenError
    return user, tokens.verify(use, token, user["token_secret"])


async def authenticate_first(request: Request, shared: Services) -> Caller | None:
    """Return root; None where no user exists who could have a token."""
    if "authorization" not in request.headers and not await shared.database.value(HAS_USERS):
        return None
    asking = await authenticate(request, shared)
    if not asking.is_root:
        raise forbidden("only the root user creates users")
    return asking


async def caller(request: Request, _: Bearer) -> Caller:
    """Return the user, whom the route has found before it read the body."""
    found: Caller = request.state.caller
    return found


async def caller_if_any(request: Request, _: Bearer) -> Caller | None:
    """Return the user, or None on a route without login."""
    found: Caller | None = request.state.caller
    return found


Authenticated = Annotated[Caller, Depends(caller)]
AuthenticatedIfAny = Annotated[Caller | None, Depends(caller_if_any)]


async def root(asking: Authenticated) -> Caller:
    """Admit the root user only."""
    if not asking.is_root:
        raise forbidden("only the root user may")
    return asking


async def unrestricted(asking: Authenticated) -> Caller:
    """Admit only users who may see and change what concerns every stakeholder."""
    if not asking.scopes.is_everything:
        raise forbidden("it concerns every stakeholder, and this user is restricted by scopes")
    return asking


Root = Annotated[Caller, Depends(root)]
Unrestricted = Annotated[Caller, Depends(unrestricted)]


async def check_password(shared: Services, username: str, password: str, address: str) -> DictRow:
    """Return the user with this password; 403 when it is wrong, 429 after too many guesses."""
    guess = {"username": username, "address": network_of(address)}
    attempt = await shared.database.row(ATTEMPT, **guess)
    if attempt is None or attempt["attempt"] is None:
        shared.metrics.logins_refused.labels("too many").inc()
        raise RefusalError(429, Retry_After=str(attempt["retry_after_s"] if attempt else 60))
    user = await shared.database.row(USER_BY_NAME, username=username)
    if not await shared.passwords.matches(password, user["password_hash"] if user else None) or user is None:
        shared.metrics.logins_refused.labels("wrong").inc()
        raise RefusalError(403)
    await shared.database.row(SUCCESS, **guess, attempt=attempt["attempt"])
    return user


async def log_in(shared: Services, username: str, password: str, address: str) -> Session:
    """Issue tokens for a password; 403 when it is wrong, 429 after too many guesses."""
    user = await check_password(shared, username, password, address)
    # The secret was read together with the password hash: if the password has changed since, the tokens are invalid.
    return await issue(shared, user["id"], user["token_secret"])


async def renew(shared: Services, token: str) -> Session:
    """Issue tokens for a refresh token, once; otherwise 403."""
    try:
        user, claims = await _verified(shared, REFRESH, token)
        if not await shared.database.value(USED, token_id=tokens.token_id(claims), id=user["id"]):
            raise BadTokenError
    except BadTokenError:
        shared.metrics.logins_refused.labels("token").inc()
        raise RefusalError(403) from None
    return await issue(shared, user["id"], user["token_secret"])


async def start_session(shared: Services, username: str, password: str, address: str) -> tuple[Caller, str]:
    """Begin a session of the console; return its user and its token. 403 and 429 as for a login."""
    checked = await check_password(shared, username, password, address)
    session = await _record(shared, checked["id"], SESSION)
    user = await shared.database.row(USER, id=checked["id"])
    if user is None:  # the user was deleted meanwhile
        raise RefusalError(403)
    # The secret was read together with the password hash: if the password has changed since, the token is invalid.
    token = tokens.issue(SESSION, user["id"], checked["token_secret"], session)
    csrf_token = sessions.csrf_token(checked["token_secret"], session)
    caller = Caller(user["id"], user["username"], user["root"], Scopes.read(user["scopes"]), session, csrf_token)
    return caller, token


async def end_session(shared: Services, asking: Caller) -> None:
    """End a session of the console, so that its cookie is worth nothing."""
    await shared.database.value(USED, token_id=asking.session, id=asking.id)


async def _record(shared: Services, user_id: int, use: str) -> UUID:
    """Record a token that ends before its time: when it is used, or when the user logs out."""
    try:
        recorded: UUID = await shared.database.value(ISSUED, id=user_id, lifetime_s=LIFETIMES_S[use])
    except ForeignKeyViolation:  # the user was deleted meanwhile
        raise RefusalError(403) from None
    return recorded


async def issue(shared: Services, user_id: int, secret: bytes) -> Session:
    """Sign both tokens."""
    token_id = await _record(shared, user_id, REFRESH)
    return Session(
        id=user_id,
        token=tokens.issue(ACCESS, user_id, secret),
        refresh_token=tokens.issue(REFRESH, user_id, secret, token_id),
    )


def address_of(request: Request) -> str:
    """Return the client's address, from a proxy's header if the proxy is trusted."""
    return request.client.host if request.client else ""
