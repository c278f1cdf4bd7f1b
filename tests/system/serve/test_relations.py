"""The map: relations, columns, dependents and foreign keys, without any value of a user's table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.system.serve.harness import Client, Place, unique

User = Callable[..., Client]


def relation(client: Client, path: str) -> dict[str, Any]:
    found = [row for row in client.data("GET", "/map")["relations"] if row["path"] == path]
    assert len(found) == 1, path
    return dict(found[0])


def test_the_map_has_tables_columns_and_foreign_keys(place: Place, root: Client) -> None:
    place.owner.run(
        "CREATE TABLE lines (order_id bigint NOT NULL REFERENCES orders, place int, PRIMARY KEY (order_id, place))"
    )
    try:
        found = root.data("GET", "/map")
        (lines,) = [row for row in found["relations"] if row["path"] == "public.lines"]
        assert lines["kind"] == "table"
        assert [(column["name"], column["type"], column["nullable"], column["key"]) for column in lines["columns"]] == [
            ("order_id", "bigint", False, True),
            ("place", "integer", False, True),
        ]
        assert {
            "name": "lines_order_id_fkey",
            "from_path": "public.lines",
            "from_columns": ["order_id"],
            "to_path": "public.orders",
            "to_columns": ["id"],
        } in found["foreign_keys"]
        schemas = {row["schema_name"] for row in found["relations"]}
        assert not schemas & {"pg_catalog", "information_schema", "integratedb"}
    finally:
        place.owner.run("DROP TABLE lines")


def test_each_kind_of_relation_is_named(place: Place, root: Client) -> None:
    place.owner.run("CREATE TABLE parts (id bigint) PARTITION BY RANGE (id)")
    place.owner.run("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)")
    place.owner.run("CREATE VIEW seen AS SELECT id FROM orders")
    place.owner.run("CREATE MATERIALIZED VIEW kept AS SELECT id FROM orders")
    try:
        kinds = {row["path"]: (row["kind"], row["partitions"]) for row in root.data("GET", "/map")["relations"]}
        assert kinds["public.parts"] == ("partitioned table", 1)
        assert kinds["public.seen"] == ("view", None)
        assert kinds["public.kept"] == ("materialized view", None)
        assert "public.parts_1" not in kinds
    finally:
        place.owner.run("DROP TABLE parts; DROP VIEW seen; DROP MATERIALIZED VIEW kept")


def test_dependents_have_their_columns(place: Place, root: Client) -> None:
    name = unique("mapped")
    root.stakeholder(name)
    fields = ["id", {"name": "status", "optional": True}]
    place.superuser.run(
        "SELECT integratedb_claim(%s, %s)", name, json.dumps({"match": [{"path": "public.orders", "fields": fields}]})
    )
    (dependent,) = [row for row in relation(root, "public.orders")["dependents"] if row["stakeholder"] == name]
    assert dependent == {
        "stakeholder": name,
        "kind": "claims",
        "dependency": "required",
        "columns": {"id": "required", "status": "optional"},
    }


def test_scopes_hide_schemas_and_other_dependents(place: Place, root: Client, user: User) -> None:
    mine, other = unique("mapped"), unique("mapped")
    for name in (mine, other):
        root.stakeholder(name)
        place.superuser.run(
            "SELECT integratedb_claim(%s, %s)",
            name,
            json.dumps({"match": [{"path": "public.orders", "fields": ["id"]}]}),
        )
    place.superuser.run(f"CREATE TABLE {other}.secret (id int)")
    try:
        restricted = user({"stakeholders": [mine]})
        assert f"{other}.secret" not in {row["path"] for row in restricted.data("GET", "/map")["relations"]}
        assert [row["stakeholder"] for row in relation(restricted, "public.orders")["dependents"]] == [mine]
        place.superuser.run(f"INSERT INTO {other}.secret VALUES (1)")
        place.superuser.run(f"ANALYZE {other}.secret")
        assert restricted.data("GET", f"/map/statistics?path={other}.secret") == []
        assert root.data("GET", f"/map/statistics?path={other}.secret") != []
        only = user({"schemas": ["warehouse"]}).data("GET", "/map")
        assert {row["schema_name"] for row in only["relations"]} == {"warehouse"}
        assert only["foreign_keys"] == []
    finally:
        place.superuser.run(f"DROP TABLE {other}.secret")


def test_statistics_have_no_values(place: Place, root: Client) -> None:
    place.owner.run("CREATE TABLE measured (id int, word text)")
    try:
        place.owner.run(
            "INSERT INTO measured SELECT n, CASE WHEN n % 2 = 0 THEN 'topsecret' END FROM generate_series(1, 100) AS n"
        )
        assert root.data("GET", "/map/statistics?path=public.measured") == []
        place.owner.run("ANALYZE measured")
        answer = root.send("GET", "/map/statistics?path=public.measured")
        assert "topsecret" not in answer.text
        word = next(row for row in answer.json()["data"] if row["column_name"] == "word")
        assert word["null_fraction"] == 0.5
        assert word["frequencies"] == [0.5]
    finally:
        place.owner.run("DROP TABLE measured")


def test_a_path_that_is_none_is_refused(root: Client) -> None:
    assert "not a table path" in root.refused(422, "GET", "/map/statistics?path=orders")["detail"][0][0]
    assert root.data("GET", "/map/statistics?path=no.where") == []
