"""The keys of the data API's tokens: read by its service only, replaced by admins, and in no dump."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from integratedb_companion.api.own_keys import KEYS
from tests.sql.conftest import ADMIN, DATABASE, OWNER, Connect
from tests.sql.test_restore import tool
from tests.support import Server, Session


@pytest.fixture
def gate(superuser: Session, connect: Connect) -> Session:
    """The login of a service."""
    superuser.run("CREATE ROLE gate LOGIN NOINHERIT IN ROLE integratedb_authenticator")
    return connect("gate")


def keys(session: Session, statement: str = KEYS) -> list[Any]:
    with session.transaction():
        session.run("SET LOCAL ROLE integratedb_authenticator")
        return session.rows(statement)


def test_the_first_call_makes_a_key_that_stays(gate: Session, superuser: Session) -> None:
    [(name, secret, signs)] = keys(gate)
    assert (len(bytes(secret)), signs) == (32, True)
    assert keys(gate) == [(name, secret, True)]
    assert superuser.value("SELECT count(*) FROM integratedb.api_key") == 1


def test_only_the_statement_of_the_service_reads_them(gate: Session, connect: Connect) -> None:
    keys(gate)
    for statement in (
        f"{KEYS} WHERE true",
        f"{KEYS};",
        "SELECT integratedb.api_keys()",
        f"SELECT * FROM ({KEYS}) AS s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            keys(gate, statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        gate.rows(KEYS)  # NOINHERIT
    for user in (ADMIN, OWNER):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect(user).rows(KEYS)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect(user).rows("SELECT * FROM integratedb.api_key")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        gate.rows("SELECT * FROM integratedb.api_key")


def test_code_in_the_path_of_a_request_does_not_read_them(gate: Session, superuser: Session) -> None:
    keys(gate)
    superuser.run(
        f"""CREATE FUNCTION public.steal() RETURNS SETOF text LANGUAGE plpgsql AS $f$ BEGIN
              SET LOCAL ROLE integratedb_authenticator;
              RETURN QUERY SELECT s.id FROM ({KEYS}) AS s;
              RETURN QUERY EXECUTE $q${KEYS}$q$;
            END $f$;
            CREATE FUNCTION public.steal_by_query() RETURNS SETOF text LANGUAGE plpgsql AS $f$ BEGIN
              SET LOCAL ROLE integratedb_authenticator;
              RETURN QUERY EXECUTE 'SELECT id FROM integratedb.api_keys()';
            END $f$;
            CREATE ROLE app_user; GRANT app_user TO integratedb_authenticator"""
    )
    for name in ("steal", "steal_by_query"):
        gate.run("SET ROLE app_user")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            gate.rows(f"SELECT public.{name}()")
        gate.run("RESET ROLE")


def test_a_rotation_keeps_the_tokens_of_the_old_key(gate: Session, superuser: Session, connect: Connect) -> None:
    [(old, _, _)] = keys(gate)
    admin = connect(ADMIN)
    admin.run("SELECT integratedb_rotate_api_key()")
    [new] = [name for name, _, _ in keys(gate) if name != old]
    assert [name for name, _, signs in keys(gate) if signs] == [old]  # until all services know the new one
    superuser.run("UPDATE integratedb.api_key SET signs_from = signs_from - interval '61 s'")
    assert {(name, signs) for name, _, signs in keys(gate)} == {(old, False), (new, True)}
    superuser.run(
        "UPDATE integratedb.api_key"
        " SET verifies_until = verifies_until - interval '67 min', signs_from = signs_from - interval '1 day'"
    )
    assert [(name, signs) for name, _, signs in keys(gate)] == [(new, True)]
    assert superuser.rows(
        "SELECT command_tag, reason FROM integratedb.ddl_event WHERE command_tag LIKE '%KEY' ORDER BY id"
    ) == [("INTEGRATEDB ROTATE API KEY", "after a minute")]


def test_a_rotation_at_once_ends_all_keys(gate: Session, connect: Connect) -> None:
    before = keys(gate)
    connect(ADMIN).run("SELECT integratedb_rotate_api_key()")
    connect(ADMIN).run("SELECT integratedb_rotate_api_key(true)")
    [(name, _, signs)] = keys(gate)
    assert signs
    assert name not in {one for one, _, _ in before}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        gate.run("SELECT integratedb_rotate_api_key(true)")


def test_a_read_only_session_makes_no_key(gate: Session) -> None:
    with gate.transaction():
        gate.run("SET TRANSACTION READ ONLY")
        gate.run("SET LOCAL ROLE integratedb_authenticator")
        assert gate.rows(KEYS) == []


def test_no_dump_has_a_key(gate: Session, server: Server) -> None:
    [(name, secret, _)] = keys(gate)
    dump = tool(server, "pg_dump", DATABASE)
    assert "integratedb" in dump
    assert name not in dump
    assert bytes(secret).hex() not in dump
