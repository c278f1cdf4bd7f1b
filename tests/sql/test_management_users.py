"""The users of the management API in the database: who reads them, and what a dump carries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sql.conftest import DATABASE, Connect
from tests.sql.test_restore import tool
from tests.support import Server, Session, refused

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"
COPY = f"{DATABASE}_copy"


@pytest.fixture
def api(superuser: Session, connect: Connect) -> Session:
    """The login of the service."""
    superuser.run("CREATE ROLE management_login LOGIN IN ROLE integratedb_admin, integratedb_management")
    return connect("management_login")


def test_nobody_reads_the_tables_of_users_and_only_the_api_calls_its_functions(
    api: Session, admin: Session, owner: Session
) -> None:
    for table in ("management_user", "management_refresh_token", "management_login_attempt"):
        for session in (api, admin, owner):
            with refused("42501"):
                session.run(f"SELECT * FROM integratedb.{table}")
    for session in (admin, owner):
        with refused("42501"):
            session.run("SELECT integratedb.management_has_users()")
    assert api.value("SELECT integratedb.management_has_users()") is False


def test_the_first_user_is_root_and_there_is_one_root(api: Session) -> None:
    root = api.value("SELECT integratedb.management_create_first_user('root', %s)", HASH)
    with refused("42501", "the API has users"):
        api.run("SELECT integratedb.management_create_first_user('other', %s)", HASH)
    other = api.value("SELECT integratedb.management_create_user('other', %s, NULL)", HASH)
    assert api.rows("SELECT id, root FROM integratedb.management_users(NULL, NULL)") == [(root, True), (other, False)]
    for statement in ("management_delete_user(%s)", "management_change_user(%s, NULL, NULL, true, '{}')"):
        with refused("42501", "root user"):
            api.run(f"SELECT integratedb.{statement}", root)
        with refused("42704", "no API user 999"):
            api.run(f"SELECT integratedb.{statement}", 999)


@pytest.mark.parametrize(
    ("username", "password_hash", "scopes"),
    [
        ("", HASH, None),
        ("a b", HASH, None),
        ("x" * 65, HASH, None),
        ("x", "secret", None),
        ("x", HASH, "[]"),
        ("x", HASH, '{"schemas": "public"}'),
    ],
)
def test_what_is_no_user_is_not_stored(api: Session, username: str, password_hash: str, scopes: str | None) -> None:
    with refused("23514"):
        api.run("SELECT integratedb.management_create_user(%s, %s, %s::jsonb)", username, password_hash, scopes)


def test_each_user_has_a_secret_of_its_own_and_a_new_password_another_one(api: Session) -> None:
    ids = [api.value("SELECT integratedb.management_create_user(%s, %s, NULL)", name, HASH) for name in ("a", "b")]
    token = api.value("SELECT integratedb.management_refresh_token_issued(%s, '1 h')", ids[0])

    def secrets() -> list[bytes]:
        return [api.value("SELECT token_secret FROM integratedb.management_user_by_id(%s)", user) for user in ids]

    before = secrets()
    api.run("SELECT integratedb.management_change_user(%s, NULL, %s, false, NULL)", ids[0], HASH)
    assert len({*before, *secrets()}) == 3
    assert api.value("SELECT integratedb.management_refresh_token_used(%s, %s)", token, ids[0]) is False


def test_guesses_are_bounded_for_a_name_and_for_an_address(api: Session, superuser: Session) -> None:
    attempt = "SELECT attempt, retry_after_s FROM integratedb.management_login_attempted(%s, %s)"

    def refused_after_s(name: str, address: str) -> int | None:
        retry_after_s: int | None = api.row(attempt, name, address)[1]
        return retry_after_s

    assert [refused_after_s("one", "192.0.2.1") is None for _ in range(12)] == [True] * 10 + [False] * 2
    assert refused_after_s("one", "192.0.2.2") is None
    assert [refused_after_s(f"made_up_{n}", "192.0.2.1") is None for n in range(25)] == [True] * 20 + [False] * 5
    assert 1 <= int(refused_after_s("other", "192.0.2.1") or 0) <= 60
    rows = "SELECT count(*) FROM integratedb.management_login_attempt WHERE address = '192.0.2.1'"
    assert superuser.value(rows) == 22
    right, _ = api.row(attempt, "one", "192.0.2.3")
    api.run("SELECT integratedb.management_login_succeeded('one', '192.0.2.3', %s)", right)
    left = "SELECT DISTINCT cardinality(attempted_at) FROM integratedb.management_login_attempt WHERE address = %s"
    assert superuser.rows(left, "192.0.2.3") == [(0,)]


def test_a_refresh_token_is_good_once_for_its_user_until_it_expires(api: Session) -> None:
    one, other = (
        api.value("SELECT integratedb.management_create_user(%s, %s, NULL)", name, HASH) for name in ("a", "b")
    )
    use = "SELECT integratedb.management_refresh_token_used(%s, %s)"
    token = api.value("SELECT integratedb.management_refresh_token_issued(%s, '1 h')", one)
    expired = api.value("SELECT integratedb.management_refresh_token_issued(%s, '-1 s')", one)
    assert [api.value(use, *used) for used in ((token, other), (token, one), (token, one))] == [False, True, False]
    assert api.value(use, expired, one) is False


def test_a_dump_carries_users_with_their_secrets_and_no_sessions(api: Session, server: Server, connect) -> None:
    root = api.value("SELECT integratedb.management_create_first_user('root', %s)", HASH)
    api.run("SELECT integratedb.management_refresh_token_issued(%s, '1 h')", root)
    user = "SELECT username, token_secret, root FROM integratedb.management_user_by_id(%s)"
    before = api.row(user, root)
    script = tool(server, "pg_dump", DATABASE)
    assert "COPY integratedb.management_user " in script
    assert "COPY integratedb.management_refresh_token" not in script
    assert "COPY integratedb.management_login_attempt" not in script
    tool(server, "createdb", COPY)
    tool(server, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", COPY, script=script)
    copy = connect("management_login", dbname=COPY)
    assert copy.row(user, root) == before
    assert copy.value("SELECT integratedb.management_create_user('next', %s, NULL)", HASH) > root


def test_of_two_who_create_the_first_user_the_second_waits_and_is_refused(api: Session, connect: Connect) -> None:
    other = connect("management_login")
    create = "SELECT integratedb.management_create_first_user(%s, %s)"
    with ThreadPoolExecutor(1) as threads:
        with api.transaction():
            api.run(create, "one", HASH)
            second = threads.submit(other.run, create, "two", HASH)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
        with refused("42501", "the API has users"):
            second.result(timeout=30)
