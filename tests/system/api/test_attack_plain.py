"""Code of a table's owner that a plain statement could run, in a session that the next plain statement shares."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.system.api.harness import Api, Place, unique
from tests.system.api.test_kept_sessions import opened

StartApi = Callable[..., Api]
PEOPLE = "/people?id=eq.1&select=id"


@pytest.fixture
def one(fresh: Place, start_api: StartApi) -> Api:
    """A service with one connection."""
    return start_api(fresh, "--connections", "1")


#: An immutable function that leaves a trace in its session.
CODE = """
CREATE SCHEMA elsewhere;
GRANT USAGE ON SCHEMA elsewhere TO PUBLIC;
CREATE FUNCTION elsewhere.evil(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $f$
BEGIN
  IF n > 100 AND current_setting('evil.fails', true) = 'yes' THEN RAISE 'no'; END IF;
  PERFORM set_config('evil.mark', 'here', false);
  RETURN n;
END $f$;
"""


def test_an_index_that_becomes_valid_later_is_code(one: Api, fresh: Place) -> None:
    fresh.superuser.run(CODE)
    assert opened(one, PEOPLE, 10, role=fresh.user) < 10
    fresh.superuser.run("SET evil.fails = 'yes'")
    with pytest.raises(psycopg.errors.RaiseException):
        fresh.superuser.run("CREATE INDEX CONCURRENTLY later ON people ((elsewhere.evil(1) + elsewhere.evil(id)))")
    fresh.superuser.run("RESET evil.fails")
    fresh.superuser.run("REINDEX INDEX later")
    one.get(PEOPLE, role=fresh.user)
    assert opened(one, PEOPLE, 10, role=fresh.user) == 10


def test_a_table_that_becomes_a_partition_of_a_hidden_table_is_plain_no_longer(one: Api, fresh: Place) -> None:
    fresh.superuser.run(CODE)
    assert opened(one, PEOPLE, 10, role=fresh.user) < 10
    fresh.superuser.run(
        "CREATE TABLE elsewhere.whole (id int NOT NULL, name text NOT NULL, age int)"
        " PARTITION BY LIST ((elsewhere.evil(1) + 0 * id))"
    )
    fresh.superuser.run("ALTER TABLE elsewhere.whole ATTACH PARTITION people FOR VALUES IN (1)")
    # Partitions are not shown.
    assert one.send("GET", PEOPLE, role=fresh.user).status_code == 403


def test_an_operator_of_somebody_is_code(one: Api, fresh: Place) -> None:
    fresh.superuser.run(CODE)
    fresh.superuser.run("CREATE TABLE words (id int PRIMARY KEY, word varchar); INSERT INTO words VALUES (1, 'a')")
    fresh.superuser.run(
        "CREATE FUNCTION elsewhere.same(a varchar, b varchar) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM elsewhere.evil(1); RETURN false; END'"
    )
    fresh.superuser.run("CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = elsewhere.same)")
    stakeholder = unique("asker")
    fresh.superuser.run("GRANT integratedb_authenticator TO api_login")
    fresh.superuser.run("SELECT integratedb_create_stakeholder(%s)", stakeholder)
    for name, column in (("theirs", "word"), ("ours", "id")):
        call = {"call": ["nullif", {"field": column}, {"field": column}]}
        query = {"select": [[call, "found"]], "from": "words"}
        fresh.superuser.run("SELECT integratedb_save_query(%s, %s, %s)", stakeholder, name, Jsonb(query))
    fresh.superuser.run("SELECT integratedb_allow_api(%s)", stakeholder)
    assert one.get("/queries/theirs", role=stakeholder) == [{"found": "a"}]
    assert one.get("/queries/ours", role=stakeholder) == [{"found": None}]
    assert opened(one, "/queries/ours", 10, role=stakeholder) < 10
    assert opened(one, "/queries/theirs", 10, role=stakeholder) == 10
    fresh.superuser.run("SELECT integratedb_drop_stakeholder(%s)", stakeholder)
