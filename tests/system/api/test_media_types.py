"""Media types that the database answers by aggregates, as roles with fewer rights and later changes see them."""

from __future__ import annotations

import json

import pytest

from tests.system.api.conftest import StartApi
from tests.system.api.harness import LOGIN, Api, Place, unique

FUNCTION = """
CREATE DOMAIN "application/vnd.names" AS text;
CREATE FUNCTION names_step(state text, next people) RETURNS "application/vnd.names"
  LANGUAGE sql AS $$ SELECT state || next.name || ';' $$;
"""
AGGREGATE = """
CREATE AGGREGATE names_agg(people) (initcond = '', stype = "application/vnd.names", sfunc = names_step);
"""
TITLES = FUNCTION + AGGREGATE
NAMES = {"Accept": "application/vnd.names"}


def asked(api: Api, url: str = "/people?id=eq.1", **more: str) -> tuple[int, str]:
    """Send a request for the names; return the status and the text."""
    answer = api.send("GET", url, headers=NAMES, **more)
    return answer.status_code, answer.text if answer.status_code == 200 else answer.json()["code"]


def test_a_new_aggregate_answers_at_once_and_a_dropped_one_no_more(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(FUNCTION)
    api = start_api(fresh)
    assert asked(api) == (406, "PGRST107")
    fresh.superuser.run(AGGREGATE)
    assert asked(api) == (200, "person 1;")
    fresh.superuser.run("ALTER AGGREGATE names_agg(people) RENAME TO renamed_agg")
    assert asked(api) == (200, "person 1;")
    fresh.superuser.run("DROP AGGREGATE renamed_agg(people)")
    assert asked(api) == (406, "PGRST107")


def test_an_aggregate_that_the_role_may_not_execute_is_none(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(TITLES + "REVOKE EXECUTE ON FUNCTION names_agg(people) FROM PUBLIC")
    fresh.superuser.run(f"GRANT EXECUTE ON FUNCTION names_agg(people) TO {fresh.user}")
    api = start_api(fresh)
    assert asked(api) == (406, "PGRST107")
    assert asked(api, role=fresh.user) == (200, "person 1;")


def test_whole_rows_need_the_right_to_read_each_column(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(TITLES + f"REVOKE SELECT ON people FROM {fresh.anonymous}")
    fresh.superuser.run(f"GRANT SELECT (id, name) ON people TO {fresh.anonymous}")
    api = start_api(fresh)
    assert asked(api) == (406, "PGRST107")
    fresh.superuser.run(f"GRANT SELECT (age) ON people TO {fresh.anonymous}")
    assert asked(api) == (200, "person 1;")


def test_an_aggregate_reads_only_rows_that_policies_allow(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(
        f"{TITLES} ALTER TABLE people ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY own ON people TO {fresh.anonymous} USING (id = 2)"
    )
    assert asked(start_api(fresh), "/people") == (200, "person 2;")


def test_an_aggregate_acts_as_the_caller_and_writes_nothing_by_get(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run("""
        CREATE TABLE secrets (text text);
        CREATE DOMAIN "application/vnd.read" AS text;
        CREATE FUNCTION read_step(state text, next people) RETURNS "application/vnd.read"
          LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT string_agg(text, '') FROM secrets); END $$;
        CREATE AGGREGATE read_agg(people) (stype = "application/vnd.read", sfunc = read_step);
        CREATE DOMAIN "application/vnd.write" AS text;
        CREATE FUNCTION write_step(state text, next people) RETURNS "application/vnd.write"
          LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE made (a int); DELETE FROM people; RETURN 'x'; END $$;
        CREATE AGGREGATE write_agg(people) (stype = "application/vnd.write", sfunc = write_step);""")
    api = start_api(fresh)
    read = api.send("GET", "/people", headers={"Accept": "application/vnd.read"})
    assert (read.status_code, read.json()["code"]) == (401, "42501")
    written = api.send("GET", "/people", headers={"Accept": "application/vnd.write"}, role=fresh.user)
    assert (written.status_code, written.json()["code"]) == (405, "25006")
    assert fresh.superuser.value("SELECT count(*) FROM people") == 2000


def test_an_answer_is_cut_at_the_most_rows_and_says_so(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(TITLES)
    answer = start_api(fresh, "--max-rows", "2").send("GET", "/people?order=id", headers=NAMES)
    assert (answer.status_code, answer.text) == (206, "person 1;person 2;")
    assert answer.headers["integratedb-truncated"] == "true"


def test_a_stakeholder_gets_what_an_aggregate_makes_of_rows_that_it_claims(fresh: Place, start_api: StartApi) -> None:
    fresh.superuser.run(TITLES)
    roles = []
    for fields in (["id", "name", "age"], ["id", "name"]):
        name = unique("reporter")
        user = fresh.superuser.row("SELECT username FROM integratedb_create_stakeholder(%s)", name)[0]
        claim = {"match": [{"path": "public.people", "fields": fields}]}
        fresh.superuser.run("SELECT integratedb_claim(%s, %s)", name, json.dumps(claim))
        fresh.superuser.run(f"GRANT {user} TO {LOGIN}")
        roles.append((name, user))
    api = start_api(fresh)
    assert [asked(api, role=user) for _, user in roles] == [(200, "person 1;"), (406, "PGRST107")]
    for name, _ in roles:
        fresh.superuser.run("SELECT integratedb_drop_stakeholder(%s)", name)


def test_rows_with_a_geometry_are_features(fresh: Place, start_api: StartApi) -> None:
    wanted = {"Accept": "application/geo+json"}
    api = start_api(fresh)
    refused = api.send("GET", "/people?id=eq.1", headers=wanted)
    assert (refused.status_code, refused.json()["code"]) == (406, "PGRST107")
    if not fresh.superuser.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"):
        pytest.skip("PostGIS is not installed: scripts/bootstrap --test")
    fresh.superuser.run(f"""
        CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis; GRANT USAGE ON SCHEMA gis TO {fresh.anonymous};
        CREATE TABLE places (id int PRIMARY KEY, name text, geom gis.geometry(Point, 4326));
        INSERT INTO places VALUES (1, 'mill', gis.ST_SetSRID(gis.ST_MakePoint(1, 2), 4326)), (2, 'well', NULL);
        GRANT SELECT ON places TO {fresh.anonymous}""")
    answer = api.send("GET", "/places?order=id&limit=1", headers=wanted)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json; charset=utf-8")
    point = {"type": "Point", "coordinates": [1, 2]}
    feature = {"type": "Feature", "geometry": point, "properties": {"id": 1, "name": "mill"}}
    assert answer.json() == {"type": "FeatureCollection", "features": [feature]}
    selected = api.send("GET", "/places?id=eq.1&select=geom", headers=wanted).json()["features"]
    assert selected == [{**feature, "properties": {}}]
    assert api.send("GET", "/places?id=lt.0", headers=wanted).json() == {"type": "FeatureCollection", "features": []}
    without = api.send("GET", "/people?id=eq.1", headers=wanted)
    assert (without.status_code, "geometry" in without.json()["message"]) == (400, True)
    fresh.superuser.run("DROP EXTENSION postgis CASCADE")
    assert api.send("GET", "/people?id=eq.1", headers=wanted).status_code == 406
