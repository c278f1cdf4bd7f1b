"""Gives tokens to stakeholders for their database user and password: OAuth 2, client_credentials."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections import OrderedDict
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

import jwt
import orjson

from integratedb_companion.http.login import Logins, NoServerError, TooManyFailuresError

from . import bodies
from .connection import DatabaseError, LostError, Query
from .keys import Key
from .messages import JSON, Headers, Request, Response
from .pool import BusyError, Pool, UnreachableError
from .settings import Settings

LIFETIME_S: Final = 3600
MAX_FORM_BYTES: Final = 16 << 10
ALGORITHM: Final = "HS256"
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105  a path
SERVER_PATH: Final = "/.well-known/oauth-authorization-server"
RESOURCE_PATH: Final = "/.well-known/oauth-protected-resource"
_REMEMBERED: Final = 10_000

#: The role that logs in by a name, if the service may act for it.
LOGIN_ROLE: Final = b"""
SELECT r.oid::text
  FROM pg_catalog.pg_roles AS r
 WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
   AND r.rolcanlogin
   AND NOT r.rolsuper
   AND NOT r.rolbypassrls
   AND r.rolname OPERATOR(pg_catalog.<>) SESSION_USER
   AND pg_catalog.pg_has_role(SESSION_USER, r.oid, 'MEMBER')
"""


def own_key(secret: bytes) -> Key:
    """Return the key that verifies tokens of this service."""
    return Key((ALGORITHM,), secret, _kid(secret), is_own=True)


def _kid(secret: bytes) -> str:
    import hashlib

    return "integratedb-" + hashlib.sha256(b"kid" + secret).hexdigest()[:16]


class OAuth:
    """The endpoints of OAuth."""

    def __init__(self, settings: Settings, pool: Pool, secret: bytes) -> None:
        self._settings = settings
        self._pool = pool
        self._secret = secret
        self._roles: OrderedDict[str, int | None] = OrderedDict()
        self._logins = Logins(lambda: pool.server, self._roles.get)

    @staticmethod
    def concerns(path: str) -> bool:
        """Whether a path may be one of these."""
        return path.startswith(("/oauth/", "/.well-known/"))

    async def answer(self, request: Request, receive: bodies.Receive) -> Response | None:
        """Answer a request to one of these paths; None: it is another one."""
        path = request.path
        if path == TOKEN_PATH:
            return await self._token(request, receive)
        if path == SERVER_PATH and request.method in ("GET", "HEAD"):
            return _json(200, self._server(request))
        if path.startswith(RESOURCE_PATH) and request.method in ("GET", "HEAD"):
            return _json(200, self._resource(request))
        return None

    def _base(self, request: Request) -> str:
        if self._settings.openapi_server is not None:
            return self._settings.openapi_server.rstrip("/").removesuffix(self._settings.prefix)
        scheme = "http" if self._settings.tls_certificate is None else "https"
        return f"{scheme}://{request.header(b'host') or 'localhost'}"

    def _server(self, request: Request) -> dict[str, object]:
        """Return the metadata of RFC 8414."""
        base = self._base(request)
        return {
            "issuer": base,
            "token_endpoint": base + TOKEN_PATH,
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "response_types_supported": [],
        }

    def _resource(self, request: Request) -> dict[str, object]:
        """Return the metadata of RFC 9728."""
        base = self._base(request)
        issuers = [base] if self._settings.issuer is None else [self._settings.issuer, base]
        return {
            "resource": base + self._settings.prefix,
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
        }

    async def _token(self, request: Request, receive: bodies.Receive) -> Response:
        if request.method != "POST":
            return _json(405, {"error": "invalid_request"}, [(b"allow", b"POST")])
        try:
            body = await bodies.read(request, receive, MAX_FORM_BYTES)
        except bodies.BodyError as refused:
            return refused.response
        media_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            return _refusal(400, "invalid_request", "the body must be application/x-www-form-urlencoded")
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
        except (ValueError, UnicodeError):
            return _refusal(400, "invalid_request", "the body cannot be read")
        form = dict(pairs)
        if len(form) != len(pairs):
            return _refusal(400, "invalid_request", "a parameter is repeated")
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "the grant type is client_credentials")
        credentials = _credentials(request.header(b"authorization"), form)
        if credentials is None:
            return _unauthorized()
        return await self._log_in(request.address, *credentials)

    async def _log_in(self, address: str, user: str, password: str) -> Response:
        try:
            self._roles[user] = await self._role_of(user)
            self._roles.move_to_end(user)
            while len(self._roles) > _REMEMBERED:
                self._roles.popitem(last=False)
            role = await self._logins.check(address, user, password)
        except TooManyFailuresError:
            return _refusal(429, "temporarily_unavailable", "too many failures", [(b"retry-after", b"60")])
        except DatabaseError:  # a name that the database's encoding does not have
            return _unauthorized()
        except (NoServerError, UnreachableError, BusyError, LostError):
            return _refusal(503, "temporarily_unavailable", "the database does not answer", [(b"retry-after", b"1")])
        if role is None:
            return _unauthorized()
        now_s = int(time.time())
        claims = {"role": user, "sub": user, "iat": now_s, "exp": now_s + LIFETIME_S, "jti": secrets.token_urlsafe(12)}
        token = jwt.encode(claims, self._secret, ALGORITHM, headers={"kid": _kid(self._secret)})
        return _json(200, {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S})

    async def _role_of(self, user: str) -> int | None:
        async with self._pool.lend() as connection:
            found = (await connection.run([Query(LOGIN_ROLE, (user.encode(),))]))[0]
        return int(found.get_value(0, 0) or b"0") if found.ntuples == 1 else None


def _credentials(header: str | None, form: dict[str, str]) -> tuple[str, str] | None:
    """Return the id and secret of a client, from one place only (RFC 6749, 2.3)."""
    if header is not None:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic" or "client_secret" in form:
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        if not colon:
            return None
        user, password = unquote_plus(user), unquote_plus(password)
    else:
        user, password = form.get("client_id", ""), form.get("client_secret", "")
    return (user, password) if user and "\0" not in user + password else None


def _json(status: int, content: object, headers: Headers | None = None) -> Response:
    return Response(status, [(b"content-type", JSON), *(headers or [])], orjson.dumps(content), route="oauth")


def _refusal(status: int, error: str, description: str, headers: Headers | None = None) -> Response:
    return _json(status, {"error": error, "error_description": description}, headers)


def _unauthorized() -> Response:
    headers = [(b"www-authenticate", b'Basic realm="integratedb"')]
    return _refusal(401, "invalid_client", "the client is unknown, or its secret is wrong", headers)
