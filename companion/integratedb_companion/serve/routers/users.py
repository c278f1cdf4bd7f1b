"""Handles the users of the API: the first one is root, who manages the others."""

from __future__ import annotations

from typing import Any, LiteralString

from fastapi import APIRouter, Request
from psycopg.errors import InsufficientPrivilege
from psycopg.types.json import Jsonb

from integratedb_companion.http.refusals import RefusalError, forbidden, invalid, unauthorized
from integratedb_companion.serve import authentication
from integratedb_companion.serve.admission import FirstUserRoute, TokenRoute
from integratedb_companion.serve.authentication import Authenticated, AuthenticatedIfAny, Caller, Root, Shared
from integratedb_companion.serve.paging import page
from integratedb_companion.serve.requests import (
    After,
    Id,
    Limit,
    NewUserAsUser,
    NewUserBody,
    ScopesIn,
    UserChangeAsUser,
    UserChangeBody,
)
from integratedb_companion.serve.responses import Data, Page, Session, User, refusals
from integratedb_companion.serve.services import Services

router = APIRouter(prefix="/users", tags=["users"], route_class=TokenRoute)

CREATE_FIRST: LiteralString = (
    "SELECT integratedb.management_create_first_user(%(username)s::text, %(password_hash)s::text)"
)
CREATE: LiteralString = (
    "SELECT integratedb.management_create_user(%(username)s::text, %(password_hash)s::text, %(scopes)s::jsonb)"
)
LIST: LiteralString = "SELECT * FROM integratedb.management_users(%(after)s::bigint, %(limit)s::integer)"
ONE: LiteralString = (
    "SELECT %(id)s::bigint AS id, username, root, scopes, created_at "
    "FROM integratedb.management_user_by_id(%(id)s::bigint)"
)
CHANGE: LiteralString = (
    "SELECT integratedb.management_change_user(%(id)s::bigint, %(username)s::text, %(password_hash)s::text,"
    " %(new_scopes)s::boolean, %(scopes)s::jsonb)"
)
DELETE: LiteralString = "SELECT integratedb.management_delete_user(%(id)s::bigint)"


async def create(body: NewUserBody, asking: AuthenticatedIfAny, shared: Shared) -> Data[Session]:
    """Create a user. The first user is created without a token, and is root."""
    new = body.user if isinstance(body, NewUserAsUser) else body.data
    if asking is None:
        return Data(data=await _create_first(shared, new.username, new.password, new.scopes))
    password_hash = await shared.passwords.hash(new.password)
    values = {"username": new.username, "password_hash": password_hash, "scopes": _stored(new.scopes)}
    return Data(data=await _session(shared, await shared.database.value(CREATE, **values)))


router.add_api_route(
    "",
    create,
    methods=["POST"],
    status_code=201,
    responses=refusals(400, 401, 403, 408, 413, 415, 422),
    route_class_override=FirstUserRoute,
)


async def _create_first(shared: Services, username: str, password: str, scopes: ScopesIn | None) -> Session:
    if scopes is not None:
        raise forbidden("the first user is root, who cannot be restricted")
    password_hash = await shared.passwords.hash(password)
    try:
        # The database decides which user is the first, because two requests may arrive together.
        user_id = await shared.database.value(CREATE_FIRST, username=username, password_hash=password_hash)
    except InsufficientPrivilege:
        raise unauthorized() from None
    return await _session(shared, user_id)


async def _session(shared: Services, user_id: int) -> Session:
    user = await shared.database.row(authentication.USER, id=user_id)
    if user is None:  # the user was deleted meanwhile
        raise RefusalError(404)
    return await authentication.issue(shared, user_id, user["token_secret"])


@router.get("", responses=refusals(401, 422))
async def list_all(asking: Authenticated, shared: Shared, limit: Limit = 100, after: After = 0) -> Page[User]:
    """List the users; a user who is not root sees only itself."""
    if not asking.is_root:
        row = await shared.database.row(ONE, id=asking.id)
        return Page(data=[User(**row)] if row and asking.id > after else [], next=None)
    rows = await shared.database.rows(LIST, after=after, limit=limit + 1)
    return page(User, rows, limit)


@router.get("/{id}", responses=refusals(401, 403, 404))
async def show(user_id: Id, asking: Authenticated, shared: Shared) -> Data[User]:
    """Show a user; a user who is not root may see only itself."""
    _require_root_or_self(asking, user_id)
    return Data(data=await _user(shared, user_id))


@router.put("/{id}", responses=refusals(400, 401, 403, 404, 408, 413, 415, 422, 429))
async def change(
    user_id: Id, body: UserChangeBody, request: Request, asking: Authenticated, shared: Shared
) -> Data[User]:
    """Change a user. A user who is not root may change only its own password; a new password ends the user's sessions.

    To change the own password, a user must submit the old one: `old_password`.
    """
    _require_root_or_self(asking, user_id)
    new = body.user if isinstance(body, UserChangeAsUser) else body.data
    if not asking.is_root and new.model_fields_set - {"password", "old_password"}:
        raise forbidden("only the root user changes more than a password")
    if new.password is not None and user_id == asking.id:
        if new.old_password is None:
            raise invalid("the old password is needed to change the own one", "#/old_password")
        # A guess like that of a login, and counted together with those.
        address = authentication.address_of(request)
        await authentication.check_password(shared, asking.username, new.old_password, address)
    await shared.database.row(
        CHANGE,
        id=user_id,
        username=new.username,
        password_hash=None if new.password is None else await shared.passwords.hash(new.password),
        new_scopes="scopes" in new.model_fields_set,
        scopes=_stored(new.scopes),
    )
    return Data(data=await _user(shared, user_id))


@router.delete("/{id}", status_code=204, response_model=None, responses=refusals(401, 403, 404))
async def delete(user_id: Id, _: Root, shared: Shared) -> None:
    """Delete a user, and end its sessions. Root cannot be deleted."""
    await shared.database.row(DELETE, id=user_id)


def _require_root_or_self(asking: Caller, user_id: int) -> None:
    if not asking.is_root and asking.id != user_id:
        raise forbidden("only the root user sees and changes other users")


async def _user(shared: Services, user_id: int) -> User:
    row = await shared.database.row(ONE, id=user_id)
    if row is None:
        raise RefusalError(404)
    return User(**row)


def _stored(scopes: ScopesIn | None) -> Any:
    return None if scopes is None else Jsonb(scopes.model_dump(exclude_none=True))
