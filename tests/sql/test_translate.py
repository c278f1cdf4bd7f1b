"""Translation in SQL: the names of the caller's claims, and the errors of what is no query."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, refused

CLAIM = {
    "match": [
        {"path": "shop.orders", "fields": ["id", "status", {"alternatives": ["state", "total"]}]},
        {"path": "shop.customers", "fields": ["id", {"alternatives": [{"name": "mail"}, {"name": "email"}]}]},
    ]
}


@pytest.fixture
def reader(owner: Session, admin: Session, stakeholder: Callable[[str], Session]) -> Session:
    owner.run("DROP TABLE IF EXISTS shop.orders, shop.customers CASCADE")
    owner.run("CREATE TABLE shop.customers (id integer PRIMARY KEY, email text NOT NULL)")
    owner.run(
        "CREATE TABLE shop.orders (id integer PRIMARY KEY, status text, total numeric, secret text,"
        " customer_id integer REFERENCES shop.customers)"
    )
    owner.run("INSERT INTO shop.customers VALUES (1, 'ann@example.org')")
    owner.run("INSERT INTO shop.orders VALUES (1, 'new', 10), (2, 'sent', 20)")
    session = stakeholder("reader")
    admin.run("SELECT integratedb_claim('reader', %s)", Jsonb(CLAIM))
    return session


def translated(session: Session, face: str, query: str) -> dict[str, tuple[str | None, list[str] | None, str | None]]:
    rows = session.rows("SELECT * FROM integratedb_translate(%s, %s)", face, query)
    assert [row[0] for row in rows] == ["url", "graphql", "data", "sql"]
    return {row[0]: row[1:] for row in rows}


def test_a_query_is_said_with_the_names_of_the_claims(reader: Session) -> None:
    found = translated(reader, "url", "/customers?select=id,mail&mail=like.ann*")
    data = {"select": ["id", "mail"], "from": "customers", "where": ["like", {"field": "mail"}, "ann%"]}
    assert json.loads(found["data"][0] or "") == data
    assert "mail" in (found["graphql"][0] or "")
    text, parameters, _ = found["sql"]
    assert 't_1.email AS "mail"' in (text or "")
    assert parameters == ["ann%"]
    assert reader.value("SELECT integratedb_query(%s)", Jsonb(data)) == [{"id": 1, "mail": "ann@example.org"}]


def test_the_statement_answers_as_the_query(reader: Session) -> None:
    data = '{"select": ["id"], "from": "orders", "where": [">", {"field": "id"}, 1]}'
    text, parameters, _ = translated(reader, "data", data)["sql"]
    assert parameters == ["1"]
    reader.run(f"PREPARE said AS {text}")
    assert json.loads(reader.rows("EXECUTE said('1')")[0][0]) == [{"id": 2}]


def test_what_a_face_has_no_words_for_is_said(reader: Session) -> None:
    found = translated(reader, "data", '{"select": ["id"], "modifiers": ["distinct"], "from": "orders"}')
    assert found["url"] == (None, None, "It has no words for DISTINCT.")


@pytest.mark.parametrize(
    ("face", "query", "code", "message"),
    [
        ("sql", "SELECT 1", "22023", "no query is read from 'sql'"),
        (None, "/orders", "22023", "is null"),
        ("url", None, "22023", "is null"),
        ("url", "/orders?select=secret", "42703", "orders has no column secret that is visible"),
        ("url", "/pg_authid", "42P01", "no table or view pg_authid is visible"),
        ("data", '{"from": "orders", "raw": "x"}', "22023", "SQL in a query as data is refused"),
        ("data", "[" * 50_000, "22023", "nested too deep|is no JSON"),
        ("graphql", "{ ordersNodes { nodes { secret } } }", "22023", "Cannot query field 'secret'"),
        ("graphql", "{" * 50_000, "22023", "."),
        ("data", '{"from": "orders", "where": ["=", {"field": "status"}, "\\u0000"]}', "22023", "NUL, or half"),
        ("data", '{"from": "orders", "where": ["=", {"field": "status"}, "\\ud800"]}', "22023", "half of a"),
        ("graphql", '{ ordersNodes(filter: {status: {eq: "\\u0000"}}) { nodes { id } } }', "22023", "NUL, or half"),
        ("url", "/" + "x" * 100_000, "54000", "more than 100,000 characters"),
    ],
)
def test_what_is_no_query_is_refused(
    reader: Session, face: str | None, query: str | None, code: str, message: str
) -> None:
    with refused(code, message):
        reader.run("SELECT integratedb_translate(%s, %s)", face, query)


def test_a_role_without_claims_sees_its_schemas_only(reader: Session, owner: Session) -> None:
    with refused("42P01"):
        owner.run("SET LOCAL search_path = public; SELECT integratedb_translate('url', '/orders')")
    owner.run("SET search_path = shop, public")
    assert "secret" in str(translated(owner, "url", "/orders?select=secret"))


def test_no_role_asks_for_another(reader: Session, owner: Session) -> None:
    """The inner function takes a role; the claims of a stakeholder are shown to those who may become it."""
    query = "SELECT integratedb.translated_query('reader'::regrole, '{shop}', 'url', '/customers?select=mail')"
    assert "42703" in str(owner.value(query))
    with refused("42501"):
        owner.run("SELECT integratedb.management_translate(1, 'url', '/customers', NULL)")
