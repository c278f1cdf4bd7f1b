"""The views, functions, policies and triggers of a table, which the map of the console shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.conftest import Connect
from tests.support import Session, refused

OBJECTS = "SELECT kind, name, on_path, columns FROM integratedb.management_dependent_objects(%s)"


@pytest.fixture
def api(superuser: Session, connect: Connect) -> Session:
    """The login of the service."""
    superuser.run("CREATE ROLE management_login LOGIN IN ROLE integratedb_admin, integratedb_management")
    return connect("management_login")


def objects(api: Session, path: str) -> dict[str, tuple[Any, ...]]:
    """Give kind, table and columns of each object, by its name."""
    return {name: (kind, on_path, columns) for kind, name, on_path, columns in api.rows(OBJECTS, path)}


def test_views_are_named_with_the_columns_that_they_use(api: Session) -> None:
    found = objects(api, "shop.customers")
    assert found["shop.open_orders"] == ("view", None, ["id", "name"])
    assert objects(api, "shop.order_lines")["shop.sales"][0] == "materialized view"
    # A view depends on itself.
    assert "shop.open_orders" not in objects(api, "shop.open_orders")


def test_functions_policies_triggers_and_rules_are_named(api: Session, owner: Session) -> None:
    owner.run(
        """
        CREATE FUNCTION shop.late() RETURNS bigint
          BEGIN ATOMIC SELECT count(*) FROM shop.orders WHERE placed_at < now(); END;
        CREATE FUNCTION shop.label(o shop.orders) RETURNS text LANGUAGE sql RETURN o.status::text;
        CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TRIGGER touch BEFORE UPDATE OF total ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
        CREATE POLICY own ON shop.orders USING (note IS NULL);
        CREATE POLICY other ON shop.customers
          USING (EXISTS (SELECT FROM shop.orders AS o WHERE o.customer_id = customers.id));
        CREATE RULE keep AS ON DELETE TO shop.orders DO INSTEAD NOTHING;
        """
    )
    found = objects(api, "shop.orders")
    assert found["shop.late()"] == ("function", None, ["placed_at"])
    assert found["shop.label(o shop.orders)"][:2] == ("function", None)
    assert found["touch"] == ("trigger", "shop.orders", ["total"])
    assert found["own"] == ("policy", "shop.orders", ["note"])
    assert found["other"] == ("policy", "shop.customers", ["customer_id"])
    assert found["keep"][:2] == ("rule", "shop.orders")
    # Triggers of foreign keys are no objects of a user's.
    assert {kind for kind, _, _ in found.values()} == {"function", "trigger", "policy", "rule", "view"}


def test_what_does_not_exist_or_belongs_to_the_system_has_none(api: Session) -> None:
    for path in ("shop.nothing", "nothing.orders", "pg_catalog.pg_class", "integratedb.claim"):
        assert objects(api, path) == {}


def test_only_the_service_asks(owner: Session, admin: Session) -> None:
    for session in (owner, admin):
        with refused("42501"):
            session.run(OBJECTS, "shop.orders")
