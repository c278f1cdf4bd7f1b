"""SET CONSTRAINTS ALL IMMEDIATE inside a migration, as Django sends it, neither hurries nor skips the check."""

from __future__ import annotations

import pytest

from tests.support import refused

IMMEDIATE, DEFERRED = "SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"
BREAK = "ALTER TABLE shop.orders DROP COLUMN note"
MEND = "ALTER TABLE shop.orders ADD COLUMN note varchar(200)"
OTHER = "CREATE TABLE shop.other (id integer)"

# Statements of a transaction; whether the claim on shop.orders.note is met in the end.
ORDERS = [
    ([IMMEDIATE, BREAK], False),
    ([IMMEDIATE, BREAK, MEND], True),
    ([BREAK, IMMEDIATE, MEND], True),
    ([BREAK, IMMEDIATE], False),
    ([BREAK, IMMEDIATE, DEFERRED], False),
    ([BREAK, IMMEDIATE, DEFERRED, MEND], True),
    ([BREAK, IMMEDIATE, IMMEDIATE, IMMEDIATE, MEND, IMMEDIATE], True),
    ([BREAK, IMMEDIATE, IMMEDIATE, IMMEDIATE], False),
    ([OTHER, IMMEDIATE, BREAK], False),
    ([OTHER, IMMEDIATE, BREAK, IMMEDIATE, MEND], True),
    ([OTHER, IMMEDIATE, DEFERRED, BREAK, IMMEDIATE, DEFERRED], False),
    ([MEND.replace("note", "channel"), IMMEDIATE, BREAK, MEND, IMMEDIATE], True),
]


@pytest.fixture(autouse=True)
def reporter(claim):
    claim({"path": "shop.orders", "fields": ["note"]})


@pytest.mark.parametrize(("statements", "met"), ORDERS)
def test_a_migration_is_judged_by_what_it_commits(owner, statements, met):
    owner.run("BEGIN")
    for statement in statements:
        owner.run(statement)
    if met:
        owner.run("COMMIT")
        assert owner.warnings() == []
    else:
        with refused("IDB01"):
            owner.run("COMMIT")


@pytest.mark.parametrize("statements", [statements for statements, met in ORDERS if not met])
def test_the_same_in_one_message_never_lets_a_break_pass(owner, statements):
    with refused("IDB01"):
        owner.run("; ".join(["BEGIN", *statements, "COMMIT"]))


def test_in_a_do_block(owner):
    with refused("IDB01"):
        owner.run(f"DO $$ BEGIN {BREAK}; {IMMEDIATE}; END $$")
    owner.run(f"DO $$ BEGIN {BREAK}; {IMMEDIATE}; {MEND}; END $$")
    assert owner.warnings() == []


def test_the_constraints_of_the_application_still_fire_when_they_are_told_to(owner):
    owner.run("CREATE TABLE shop.child (order_id bigint REFERENCES shop.orders DEFERRABLE INITIALLY DEFERRED)")
    owner.run("BEGIN")
    owner.run("INSERT INTO shop.child VALUES (-1)")
    owner.run(BREAK)
    with refused("23503"):
        owner.run(IMMEDIATE)


def test_a_constraint_that_fires_at_commit_beside_the_check(owner):
    owner.run("CREATE TABLE shop.child (order_id bigint REFERENCES shop.orders DEFERRABLE INITIALLY DEFERRED)")
    with owner.transaction():
        owner.run("INSERT INTO shop.child VALUES (1)")
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
    with refused("23503"), owner.transaction():
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel2 text")
        owner.run("INSERT INTO shop.child VALUES (-1)")


def test_a_deferred_trigger_that_changes_the_schema_at_commit_is_checked_too(owner):
    owner.run(f"""
CREATE TABLE shop.jobs (id integer);
CREATE FUNCTION shop.work() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {BREAK}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER work AFTER INSERT ON shop.jobs DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION shop.work();
""")
    with refused("IDB01"):
        owner.run("INSERT INTO shop.jobs VALUES (1)")
    with refused("IDB01"), owner.transaction():
        owner.run("CREATE TABLE shop.other (id integer)")
        owner.run("INSERT INTO shop.jobs VALUES (1)")
