"""A transaction that commits with a claim unmet is refused, warned or overridden; and what comes after."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Session, detail, refused

BREAK = "ALTER TABLE shop.orders DROP COLUMN note"
MEND = "ALTER TABLE shop.orders ADD COLUMN note varchar(200)"
HARMLESS = "ALTER TABLE shop.orders ADD COLUMN channel text"


@pytest.fixture
def note(claim) -> None:
    """A stakeholder that depends on shop.orders.note."""
    claim({"path": "shop.orders", "fields": ["note"]})


@pytest.fixture
def explicit(admin: Session) -> None:
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")


def unmet(session: Session) -> list[tuple[Any, ...]]:
    return session.rows("SELECT stakeholder, path FROM integratedb_unmet_claims()")


# enforcement = explicit


def test_explicit_lets_a_break_commit_with_a_warning_that_names_who_is_hurt(note, explicit, owner):
    owner.run(BREAK)
    (warning,) = owner.warnings()
    assert warning == "enforcement is explicit: a claim of reporter is unmet"
    assert owner.notices[-1].message_detail == (
        "reporter (claims): shop.orders.note: expected a column of type character varying(200), found none"
    )
    assert unmet(owner) == [("reporter", "shop.orders")]


def test_explicit_keeps_the_baseline_of_what_is_unmet(note, explicit, owner):
    owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE text")
    owner.run("ALTER TABLE shop.orders ALTER COLUMN note TYPE integer USING 1")
    ((problems,),) = owner.rows("SELECT problems FROM integratedb_unmet_claims()")
    assert ("type", "character varying(200)", "integer") in [
        (problem["property"], problem["expected"], problem["actual"]) for problem in problems
    ]


def test_explicit_notes_since_when_a_claim_is_unmet_and_keeps_it(note, explicit, owner, superuser):
    since = "SELECT unmet_since FROM integratedb.claim"
    owner.run(BREAK)
    first = superuser.value(since)
    assert first is not None
    owner.run(HARMLESS)
    assert superuser.value(since) == first


def test_validation_refuses_under_explicit_too(note, explicit, owner):
    with refused("IDB01"), owner.transaction():
        owner.run(BREAK)
        owner.run("SELECT integratedb_validate_migration()")
    assert unmet(owner) == []


def test_what_is_met_is_followed_under_explicit_too(claim, explicit, owner, connect):
    claim({"path": "shop.orders", "fields": ["*"]})
    owner.run(HARMLESS)
    connect("reporter").run("SELECT channel FROM shop.orders")


# Unmet since an earlier transaction


def test_what_was_committed_as_unmet_warns_and_no_longer_refuses(note, explicit, owner, admin):
    owner.run(BREAK)
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")
    owner.notices.clear()
    owner.run(HARMLESS)
    (warning,) = owner.warnings()
    assert warning.startswith("since an earlier transaction: ")
    assert "reporter" in warning


def test_other_claims_are_still_enforced_beside_an_unmet_one(claim, explicit, owner, admin):
    claim({"path": "shop.orders", "fields": ["note"]}, {"path": "shop.orders", "fields": ["placed_at"]})
    owner.run(BREAK)
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")
    with refused("IDB01") as refusal:
        owner.run("ALTER TABLE shop.orders RENAME COLUMN placed_at TO ordered_at")
    assert detail(refusal).splitlines() == [
        "reporter (claims): shop.orders.placed_at: expected a column of type timestamp with time zone, found none;"
        " it was renamed to ordered_at"
    ]


def test_it_enforces_again_once_it_is_met(note, explicit, owner, admin):
    owner.run(BREAK)
    admin.run("SELECT integratedb_configure('enforcement', 'commit')")
    owner.run(MEND)
    assert unmet(owner) == []
    with refused("IDB01"):
        owner.run(BREAK)


def test_a_broken_and_mended_claim_of_one_transaction_is_no_news(note, owner, superuser):
    with owner.transaction():
        owner.run(BREAK)
        owner.run(MEND)
    assert owner.warnings() == []
    assert superuser.value("SELECT unmet_since FROM integratedb.claim") is None


# Override


def test_an_override_lets_it_pass_with_a_warning_that_names_who_is_hurt_and_why(note, superuser):
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('incident 4711')")
        superuser.run(BREAK)
    (warning,) = superuser.warnings()
    assert warning == "overridden (incident 4711): a claim of reporter is unmet"
    assert superuser.value("SELECT unmet_since IS NOT NULL FROM integratedb.claim")
    assert unmet(superuser) == [("reporter", "shop.orders")]


def test_the_reason_of_an_override_is_in_the_audit_log(note, superuser, admin):
    with superuser.transaction():
        superuser.run(BREAK)
        superuser.run("SELECT integratedb_override('incident 4711')")
    rows = admin.rows("SELECT command_tag, reason FROM integratedb_ddl_events(max_results => 2)")
    assert rows[0] == ("INTEGRATEDB OVERRIDE", "incident 4711")


def test_an_override_is_for_its_transaction_only(claim, superuser):
    claim({"path": "shop.orders", "fields": ["note"]}, {"path": "shop.orders", "fields": ["placed_at"]})
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('incident 4711')")
        superuser.run(BREAK)
    with refused("IDB01"):
        superuser.run("ALTER TABLE shop.orders DROP COLUMN placed_at CASCADE")


def test_an_override_that_a_savepoint_takes_back_is_none(note, superuser):
    with refused("IDB01"), superuser.transaction():
        superuser.run("SAVEPOINT before")
        superuser.run("SELECT integratedb_override('incident 4711')")
        superuser.run("ROLLBACK TO before")
        superuser.run(BREAK)


def test_an_override_that_is_alone_in_its_transaction_is_told(claim, superuser):
    claim({"path": "shop.orders", "fields": ["note"]})
    superuser.run("SELECT integratedb_override('incident 4711')")
    [warning] = superuser.warnings()
    assert "alone in its transaction" in warning
    superuser.notices.clear()
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('incident 4711')")
        superuser.run("SELECT 1")
    assert superuser.warnings() == [warning]
    superuser.notices.clear()
    # The HINT helps.
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('incident 4711')")
        superuser.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert superuser.warnings() == ["overridden (incident 4711): a claim of reporter is unmet"]


def test_an_override_is_for_admins(note, owner):
    with refused("42501"):
        owner.run("SELECT integratedb_override('please')")


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_an_override_needs_a_reason(admin, reason):
    with refused("22023"):
        admin.run("SELECT integratedb_override(%s)", reason)


def test_no_setting_of_a_session_imitates_an_override(note, owner):
    owner.run("SET integratedb.override = 'on'; SET integratedb.enforcement = 'explicit'")
    with refused("IDB01"):
        owner.run(BREAK)


# integratedb_validate_migration


def test_validation_returns_0_and_follows(claim, owner, connect):
    claim({"path": "shop.orders", "fields": ["*"]})
    with owner.transaction():
        owner.run(HARMLESS)
        assert owner.value("SELECT integratedb_validate_migration()") == 0
        granted = "SELECT has_column_privilege('reporter', 'shop.orders', 'channel', 'SELECT')"
        assert owner.value(granted)


def test_validation_refuses_inside_the_migration_so_that_it_may_be_mended(note, owner):
    with owner.transaction():
        owner.run("SAVEPOINT before")
        owner.run(BREAK)
        with refused("IDB01"):
            owner.run("SELECT integratedb_validate_migration()")
        owner.run("ROLLBACK TO before")
        assert owner.value("SELECT integratedb_validate_migration()") == 0


def test_validation_refuses_for_every_unmet_claim_of_the_database(note, explicit, owner):
    owner.run(BREAK)
    with refused("IDB01", match="it breaks a claim of reporter"):
        owner.run("SELECT integratedb_validate_migration()")


def test_validation_lists_as_many_as_it_is_told(claim, owner, explicit):
    claim(*({"path": "shop.orders", "fields": [name]} for name in ("id", "note", "total", "status")))
    owner.run("DROP TABLE shop.orders CASCADE")
    with refused("IDB01", match="4 claims") as refusal:
        owner.run("SELECT integratedb_validate_migration(2)")
    assert len(detail(refusal).splitlines()) == 3
    assert detail(refusal).endswith("... and 2 more")
    with refused("IDB01", match="4 claims") as refusal:
        owner.run("SELECT integratedb_validate_migration(NULL)")
    assert len(detail(refusal).splitlines()) == 4


def test_what_held_at_validation_is_the_baseline_from_there(claim, owner):
    claim({"path": "shop.orders", "fields": ["*"]})
    with refused("IDB01"), owner.transaction():
        owner.run(HARMLESS)
        owner.run("SELECT integratedb_validate_migration()")
        owner.run("ALTER TABLE shop.orders DROP COLUMN channel")


def test_validation_does_not_shrink_what_is_claimed_by_the_star(claim, owner):
    claim({"path": "shop.orders", "fields": ["*"]})
    with refused("IDB01"), owner.transaction():
        owner.run(BREAK)
        owner.run("SELECT integratedb_validate_migration()")


def test_validation_heeds_an_override(note, superuser):
    with superuser.transaction():
        superuser.run(BREAK)
        superuser.run("SELECT integratedb_override('incident 4711')")
        assert superuser.value("SELECT integratedb_validate_migration()") == 1
    assert len(superuser.warnings()) >= 1


def test_unmet_claims_sees_the_changes_of_its_own_transaction(note, owner):
    with owner.transaction(force_rollback=True):
        owner.run(BREAK)
        assert unmet(owner) == [("reporter", "shop.orders")]
    assert unmet(owner) == []


def test_unmet_claims_gives_as_many_as_it_is_told(claim, owner, explicit):
    claim(*({"path": "shop.orders", "fields": [name]} for name in ("id", "note", "total", "status")))
    owner.run("DROP TABLE shop.orders CASCADE")
    assert len(owner.rows("SELECT * FROM integratedb_unmet_claims(3)")) == 3
    assert len(owner.rows("SELECT * FROM integratedb_unmet_claims(NULL)")) == 4


# Behind the back of the event triggers: a superuser can, and what it broke is nobody else's fault.

BYPASSES = {
    "replica": ("SET session_replication_role = replica", "SET session_replication_role = origin"),
    "disabled": (
        "ALTER EVENT TRIGGER integratedb_ddl_command_end DISABLE; ALTER EVENT TRIGGER integratedb_sql_drop DISABLE",
        "ALTER EVENT TRIGGER integratedb_ddl_command_end ENABLE; ALTER EVENT TRIGGER integratedb_sql_drop ENABLE",
    ),
}

# What is done in the dark, and an innocent migration of the same thing after it.
BYPASSED = [
    ("ALTER TABLE shop.orders DROP COLUMN note", HARMLESS),
    (
        "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
        "ALTER TABLE shop.orders ALTER COLUMN id SET STATISTICS 100",
    ),
    ("ALTER TABLE shop.orders ALTER COLUMN note TYPE text", HARMLESS),
    ("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(10)", HARMLESS),
    ("ALTER TABLE shop.orders RENAME TO purchases", "ALTER TABLE shop.purchases ADD COLUMN channel text"),
    ("DROP TABLE shop.orders CASCADE", "CREATE TABLE shop.orders (id integer)"),
    ("DROP TABLE shop.orders CASCADE", "CREATE TABLE shop.other (id integer); DROP TABLE shop.other"),
    ("ALTER SCHEMA shop RENAME TO store", "ALTER TABLE store.orders ADD COLUMN channel text"),
    ("ALTER SCHEMA shop RENAME TO store", "CREATE SCHEMA shop"),
    ("ALTER TABLE shop.orders SET SCHEMA archive", "ALTER TABLE archive.orders ADD COLUMN channel text"),
    ("ALTER TYPE shop.order_status RENAME TO order_state", HARMLESS),
    ("ALTER TYPE shop.order_status RENAME TO order_state", "ALTER TYPE shop.order_state ADD VALUE 'returned'"),
    ("REVOKE SELECT ON shop.orders FROM reporter", HARMLESS),
    ("REVOKE SELECT ON shop.orders FROM reporter", "REVOKE SELECT ON shop.customers FROM PUBLIC"),
    ("REVOKE SELECT ON shop.orders FROM reporter", "GRANT SELECT ON shop.customers TO PUBLIC"),
    ("REVOKE USAGE ON SCHEMA shop FROM reporter", HARMLESS),
    ("REVOKE SELECT ON shop.orders FROM reporter", "ALTER TABLE shop.orders ALTER COLUMN note SET STATISTICS 100"),
    ("ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY", HARMLESS),
    ("ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY", "ALTER TABLE shop.orders ADD CONSTRAINT c CHECK (id > 0)"),
]


@pytest.mark.parametrize(
    ("dark", "innocent", "bypass"),
    [(*case, "disabled" if number % 5 == 0 else "replica") for number, case in enumerate(BYPASSED)],
)
def test_an_innocent_migration_is_warned_of_what_happened_behind_its_back(
    claim, superuser, owner, dark, innocent, bypass
):
    superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner; CREATE SCHEMA archive AUTHORIZATION shop_owner")
    claim({"path": "shop.orders", "fields": ["id", "note", "status"]})
    off, on = BYPASSES[bypass]
    superuser.run(off)
    superuser.run(dark)
    superuser.run(on)
    assert unmet(owner) == [("reporter", "shop.orders")]

    owner.run(innocent)
    if owner.warnings():
        (warning,) = owner.warnings()
        assert warning.startswith("since an earlier transaction: ")
        assert superuser.value("SELECT unmet_since IS NOT NULL FROM integratedb.claim")
    assert unmet(owner) == [("reporter", "shop.orders")]


def test_what_a_bypass_broke_is_refused_to_nobody_but_to_who_breaks_more(claim, superuser, owner):
    claim({"path": "shop.orders", "fields": ["note"]}, {"path": "shop.orders", "fields": ["placed_at"]})
    superuser.run("SET session_replication_role = replica")
    superuser.run(BREAK)
    with refused("IDB01", match="it breaks a claim of reporter"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN placed_at CASCADE")
    owner.run(HARMLESS)


@pytest.mark.parametrize(
    ("dark", "guilty"),
    [
        (BREAK, f"{MEND}; {BREAK}"),
        (
            "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
            "ALTER TABLE shop.orders ALTER COLUMN id TYPE integer",
        ),
    ],
)
def test_who_breaks_more_of_an_unmet_claim_is_warned(claim, superuser, owner, dark, guilty):
    """It is unmet already: nobody's COMMIT is refused for it, and the report shows the present state."""
    superuser.run("ALTER TABLE shop.order_lines DROP CONSTRAINT order_lines_order_id_fkey; DROP VIEW shop.open_orders")
    claim({"path": "shop.orders", "fields": ["id", "note"]})
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('it must be')")
        superuser.run(dark)
    owner.run(guilty)
    assert unmet(owner) == [("reporter", "shop.orders")]


TOTAL = {"path": "shop.orders", "fields": ["id", "total"]}
UNSEEN_SETTINGS = "SET check_function_bodies = off SET row_security = off"
RENAME_TOTAL = "ALTER TABLE shop.orders RENAME COLUMN total TO sum"


def test_a_trigger_in_the_session_of_an_admin_is_no_restore(owner, admin, claim):
    claim(TOTAL)
    owner.run(f"""
        CREATE TABLE shop.bait (id integer);
        GRANT INSERT ON shop.bait TO PUBLIC;
        GRANT USAGE ON SCHEMA shop TO PUBLIC;
        CREATE FUNCTION shop.spring() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {UNSEEN_SETTINGS}
          AS $$ BEGIN {RENAME_TOTAL}; RETURN NEW; END $$;
        CREATE TRIGGER spring BEFORE INSERT ON shop.bait FOR EACH ROW EXECUTE FUNCTION shop.spring();
    """)
    with refused("IDB01"):
        admin.run("INSERT INTO shop.bait VALUES (1)")


def test_a_function_that_an_admin_calls_is_no_restore(owner, admin, claim):
    claim(TOTAL)
    owner.run(f"""
        GRANT USAGE ON SCHEMA shop TO PUBLIC;
        CREATE FUNCTION shop.helper() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER {UNSEEN_SETTINGS}
          AS $$ BEGIN {RENAME_TOTAL}; RETURN 1; END $$;
        CREATE FUNCTION shop.sql_helper() RETURNS void LANGUAGE sql SECURITY DEFINER {UNSEEN_SETTINGS}
          AS $$ {RENAME_TOTAL} $$;
        CREATE FUNCTION shop.dropper() RETURNS void LANGUAGE plpgsql SECURITY DEFINER {UNSEEN_SETTINGS}
          AS $$ BEGIN ALTER TABLE shop.orders DROP COLUMN total CASCADE; END $$;
        CREATE FUNCTION shop.validator() RETURNS void LANGUAGE plpgsql SECURITY DEFINER {UNSEEN_SETTINGS}
          AS $$ BEGIN {RENAME_TOTAL}; PERFORM public.integratedb_validate_migration(); END $$;
        CREATE VIEW shop.window AS SELECT shop.helper();
        GRANT SELECT ON shop.window TO PUBLIC;
    """)
    for call in ("shop.helper()", "shop.sql_helper()", "shop.dropper()", "shop.validator()", "shop.window"):
        with refused("IDB01"):
            admin.run(f"SELECT * FROM {call}")
    with refused("IDB01"):
        admin.run("DO $$ BEGIN PERFORM shop.helper(); END $$")


def test_what_such_a_function_leaves_for_commit_is_no_restore(owner, admin, claim):
    claim(TOTAL)
    owner.run(f"""
        GRANT USAGE ON SCHEMA shop TO PUBLIC;
        CREATE FUNCTION shop.helper() RETURNS void LANGUAGE plpgsql SECURITY DEFINER {UNSEEN_SETTINGS}
          AS $$ BEGIN {RENAME_TOTAL}; END $$;
        CREATE FUNCTION shop.spring() RETURNS void LANGUAGE plpgsql AS $$
          BEGIN EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT shop.helper()'; END $$;
    """)
    with refused("IDB01"):
        admin.run("SELECT shop.spring()")


MEMBERS = [
    ("SCHEMA shop", "ALTER SCHEMA shop RENAME TO store"),
    ("TYPE shop.order_status", "ALTER TYPE shop.order_status RENAME TO status"),
    ("DOMAIN shop.quantity", "ALTER DOMAIN shop.quantity DROP NOT NULL"),
    ("TABLE shop.stock", "ALTER TABLE shop.stock RENAME COLUMN number TO n"),
    ("TABLE shop.stock", "DROP EXTENSION hstore"),
    ("TYPE shop.order_status", "DROP EXTENSION hstore CASCADE"),
    ("SCHEMA empty", "DROP EXTENSION hstore"),
]


@pytest.mark.parametrize(("member", "change"), MEMBERS)
def test_what_its_owner_made_a_member_of_an_extension_is_checked(owner, superuser, claim, member, change):
    superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner; GRANT CREATE ON SCHEMA public TO shop_owner")
    owner.run("""
        CREATE EXTENSION hstore;
        CREATE SCHEMA empty;
        CREATE DOMAIN shop.quantity AS integer NOT NULL;
        CREATE TABLE shop.stock (number shop.quantity);
    """)
    claim(
        {"path": "shop.orders", "fields": [{"name": "status", "type": "shop.order_status"}]},
        {"path": "shop.stock", "fields": [{"name": "number", "is_nullable": False}]},
        {"path": "empty.*", "fields": ["*"]},
    )
    owner.run(f"ALTER EXTENSION hstore ADD {member}")
    with refused("IDB01"):
        owner.run(change)


def test_code_under_maintenance_is_no_restore(owner, superuser, claim):
    # Autovacuum does the same: its login is the bootstrap superuser, too.
    claim(TOTAL)
    owner.run(f"""
        CREATE TABLE shop.bait (id integer);
        INSERT INTO shop.bait VALUES (1);
        CREATE FUNCTION shop.spring() RETURNS integer LANGUAGE plpgsql {UNSEEN_SETTINGS} AS $$
        BEGIN
          IF session_user <> 'shop_owner'
             AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass AND attname = 'total') THEN
            {RENAME_TOTAL};
          END IF;
          RETURN 1;
        END
        $$;
        CREATE FUNCTION shop.steady(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
          AS $$ BEGIN RETURN shop.spring(); END $$;
        CREATE INDEX ON shop.bait (shop.steady(id));
    """)
    # Postgres itself queues no check there.
    with refused("42501", match="deferred trigger"):
        superuser.run("ANALYZE shop.bait")


VISITS = {"path": "shop.visits_2025", "fields": [{"name": "page", "type": "text", "is_nullable": False}]}
DETACH = "ALTER TABLE shop.visits DETACH PARTITION shop.visits_2025"
CHANGES_OF_PAGE = [
    "ALTER TABLE shop.visits ALTER COLUMN page TYPE varchar(3) USING left(page, 3)",
    "ALTER TABLE shop.visits RENAME COLUMN page TO url",
    "ALTER TABLE shop.visits ALTER COLUMN page DROP NOT NULL",
    "ALTER TABLE shop.visits DROP COLUMN page",
]


@pytest.mark.parametrize("change", CHANGES_OF_PAGE)
@pytest.mark.parametrize("afterwards", ["", "; DROP TABLE shop.visits"], ids=["kept", "dropped"])
def test_what_reached_a_partition_before_it_was_detached_is_checked(owner, claim, change, afterwards):
    claim(VISITS)
    with refused("IDB01"), owner.transaction():
        owner.run(change)
        owner.run(DETACH + afterwards)


@pytest.mark.parametrize("change", CHANGES_OF_PAGE)
def test_what_reached_a_partition_of_what_was_detached_is_checked(owner, claim, change):
    owner.run("""
        ALTER TABLE shop.visits DETACH PARTITION shop.visits_2025;
        ALTER TABLE shop.visits_2025 RENAME TO visits_leaf;
        CREATE TABLE shop.visits_middle (LIKE shop.visits) PARTITION BY RANGE (visited_at);
        ALTER TABLE shop.visits_middle ATTACH PARTITION shop.visits_leaf
          FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        ALTER TABLE shop.visits ATTACH PARTITION shop.visits_middle FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
    """)
    claim({**VISITS, "path": "shop.visits_leaf"})
    with refused("IDB01"), owner.transaction():
        owner.run(change)
        owner.run("ALTER TABLE shop.visits DETACH PARTITION shop.visits_middle")


def test_what_reached_a_child_before_it_was_disinherited_is_checked(owner, claim):
    owner.run("""
        CREATE TABLE shop.pages (id integer, page text NOT NULL);
        CREATE TABLE shop.old_pages () INHERITS (shop.pages);
    """)
    claim({"path": "shop.old_pages", "fields": ["page"]})
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.pages RENAME COLUMN page TO url")
        owner.run("ALTER TABLE shop.old_pages NO INHERIT shop.pages")


def test_what_reached_a_typed_table_before_it_left_its_type_is_checked(owner, claim):
    owner.run("CREATE TYPE shop.visit AS (page text); CREATE TABLE shop.typed OF shop.visit")
    claim({"path": "shop.typed", "fields": ["page"]})
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TYPE shop.visit RENAME ATTRIBUTE page TO url CASCADE")
        owner.run("ALTER TABLE shop.typed NOT OF")


def test_what_reached_a_member_before_it_left_its_extension_is_checked(owner, superuser, claim):
    superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner; GRANT CREATE ON SCHEMA public TO shop_owner")
    owner.run("""
        CREATE EXTENSION hstore;
        CREATE TABLE shop.bags (content public.hstore);
    """)
    claim({"path": "shop.bags", "fields": [{"name": "content", "type": "public.hstore"}]})
    with refused("IDB01"), superuser.transaction():
        superuser.run("ALTER EXTENSION hstore SET SCHEMA shop")
        superuser.run("ALTER EXTENSION hstore DROP TYPE shop.hstore")


def test_a_partition_that_was_widened_and_detached_is_followed(owner, claim, connect):
    claim({"path": "shop.visits_2025", "fields": ["*"]})
    with owner.transaction():
        owner.run("ALTER TABLE shop.visits ADD COLUMN agent text")
        owner.run(DETACH)
    connect("reporter").run("SELECT agent FROM shop.visits_2025")


KINDS = {
    "array": "CREATE DOMAIN shop.felt AS kinds.mood[]",
    "domain": "CREATE DOMAIN kinds.base AS text; CREATE DOMAIN shop.felt AS kinds.base[]",
    "domains": "CREATE DOMAIN shop.middle AS kinds.mood[]; CREATE DOMAIN shop.felt AS shop.middle",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["ALTER TYPE kinds.{} RENAME TO temper", "ALTER SCHEMA kinds RENAME TO types"])
def test_a_type_under_an_array_under_a_domain_is_evidence(owner, superuser, claim, kind, change):
    superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner")
    element = "base" if kind == "domain" else "mood"
    owner.run(f"""
        CREATE SCHEMA kinds;
        CREATE TYPE kinds.mood AS ENUM ('good');
        {KINDS[kind]};
        CREATE TABLE shop.visitors (id integer, felt shop.felt);
    """)
    claim({"path": "shop.visitors", "fields": [{"name": "felt", "type": f"kinds.{element}[]"}]})
    with refused("IDB01"):
        owner.run(change.format(element))


THERE_AND_BACK = [
    ("ALTER TABLE shop.orders OWNER TO reporter", "ALTER TABLE shop.orders OWNER TO shop_owner"),
    ("ALTER SCHEMA shop OWNER TO reporter", "ALTER SCHEMA shop OWNER TO shop_owner"),
    # No event trigger sees REASSIGN OWNED: something else must be done to the table.
    ("REASSIGN OWNED BY shop_owner TO reporter", f"REASSIGN OWNED BY reporter TO shop_owner; {HARMLESS}"),
    ("ALTER VIEW shop.open_orders OWNER TO reporter", "ALTER VIEW shop.open_orders OWNER TO shop_owner"),
]


@pytest.mark.parametrize("there_and_back", THERE_AND_BACK, ids=str)
def test_a_grant_that_a_change_of_the_owner_swallowed_is_evidence_and_sync_gives_it_back(
    owner, superuser, claim, connect, there_and_back
):
    claim(TOTAL, {"path": "shop.open_orders", "fields": ["total"]})
    superuser.run("""
        GRANT reporter TO shop_owner;
        GRANT CREATE ON DATABASE shop TO reporter, shop_owner;
        GRANT CREATE ON SCHEMA shop TO reporter;
    """)
    with refused("IDB01", match="privilege|SELECT|USAGE|breaks") as refusal, owner.transaction():
        for statement in there_and_back:
            owner.run(statement)
    assert "integratedb_sync()" in (refusal.value.diag.message_hint or "")
    with owner.transaction():
        for statement in there_and_back:
            owner.run(statement)
        owner.run("SELECT integratedb_sync()")
    assert unmet(owner) == []
    connect("reporter").run("SELECT total FROM shop.orders; SELECT total FROM shop.open_orders")


def test_a_policy_does_not_go_unseen_with_an_extension(superuser, owner, claim):
    superuser.run(f"GRANT CREATE ON DATABASE {superuser.value('SELECT current_database()')} TO shop_owner")
    owner.run("""
        CREATE EXTENSION pgcrypto SCHEMA shop;
        ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
        CREATE POLICY open ON shop.orders USING (shop.gen_salt('bf') IS NOT NULL)
    """)
    claim({"path": "shop.orders", "fields": ["note"]})
    with refused("IDB01", match="row level security|a claim of reporter"):
        owner.run("DROP EXTENSION pgcrypto CASCADE")
    assert unmet(owner) == []
    owner.run("CREATE POLICY second ON shop.orders USING (true)")
    owner.run("DROP EXTENSION pgcrypto CASCADE")
