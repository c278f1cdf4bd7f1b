"""Nobody gains a right: code that a table owner plants never runs with the rights of the extension or of an admin."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, DATABASE, OWNER
from tests.support import Session, refused

# What a trap leaves behind when somebody else's rights run it. IMMUTABLE, so that a planner would evaluate it.
TRAP = """
    CREATE TABLE shop.loot (who text, at_place text);
    GRANT INSERT ON shop.loot TO PUBLIC;
    CREATE FUNCTION shop.note(place text) RETURNS void LANGUAGE sql VOLATILE
      AS $$ INSERT INTO shop.loot VALUES (current_user, place) $$;
    CREATE FUNCTION shop.trap(place text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN
      IF current_user <> 'shop_owner' THEN
        PERFORM shop.note(place);
      END IF;
      RETURN 1;
    END
    $$;
    CREATE FUNCTION shop.trapped() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM shop.trap('trigger');
      RETURN NEW;
    END
    $$;
    GRANT USAGE ON SCHEMA shop TO PUBLIC;
"""

RELATIONS = {
    "table": """
        CREATE TABLE shop.x (
          id integer PRIMARY KEY CHECK (shop.trap('check') = 1),
          n integer DEFAULT shop.trap('default'),
          g integer GENERATED ALWAYS AS (shop.trap('generated')) STORED);
        CREATE INDEX ON shop.x ((shop.trap('index') + id)) WHERE shop.trap('predicate') = 1;
        CREATE STATISTICS shop.s ON (shop.trap('statistics') + id), n FROM shop.x;
        CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON shop.x FOR EACH ROW EXECUTE FUNCTION shop.trapped();
        ALTER TABLE shop.x ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON shop.x USING (shop.trap('policy') = 1);
        INSERT INTO shop.x VALUES (1);
    """,
    "partitioned table": """
        CREATE TABLE shop.x (id integer CHECK (shop.trap('check') = 1), n integer DEFAULT shop.trap('default'))
          PARTITION BY RANGE ((shop.trap('partition key') + id));
        CREATE TABLE shop.x1 PARTITION OF shop.x DEFAULT;
        CREATE INDEX ON shop.x ((shop.trap('index') + id));
        INSERT INTO shop.x VALUES (1);
    """,
    "view": """
        CREATE VIEW shop.x AS SELECT shop.trap('view') AS id, 1 AS n, 1 AS g;
        CREATE RULE r AS ON INSERT TO shop.x DO INSTEAD SELECT shop.trap('rule');
    """,
    "view of a view with a trapped table": """
        CREATE TABLE shop.y (id integer, n integer);
        CREATE INDEX ON shop.y ((shop.trap('index') + id));
        CREATE VIEW shop.z AS SELECT id + shop.trap('view') AS id, n FROM shop.y;
        CREATE VIEW shop.x AS SELECT id, n FROM shop.z WHERE shop.trap('view') = 1;
    """,
    "materialised view": """
        CREATE MATERIALIZED VIEW shop.x AS SELECT shop.trap('view') AS id, 1 AS n, 1 AS g;
        CREATE INDEX ON shop.x ((shop.trap('index') + id)) WHERE shop.trap('predicate') = 1;
        CREATE STATISTICS shop.s ON (shop.trap('statistics') + id), n FROM shop.x;
    """,
    "foreign table": """
        CREATE FOREIGN TABLE shop.x (id integer CHECK (shop.trap('check') = 1), n integer DEFAULT shop.trap('default'))
          SERVER nowhere;
        CREATE STATISTICS shop.s ON (shop.trap('statistics') + id), n FROM shop.x;
    """,
    "table of a domain": """
        CREATE DOMAIN shop.trapped_integer AS integer CHECK (shop.trap('domain') = 1)
          DEFAULT shop.trap('domain default');
        CREATE TYPE shop.pair AS (a shop.trapped_integer, b integer);
        CREATE TABLE shop.x (id shop.trapped_integer, n shop.pair);
        CREATE FUNCTION shop.equal(shop.pair, integer) RETURNS boolean LANGUAGE sql IMMUTABLE
          AS 'SELECT shop.trap(''operator'') = 1';
        CREATE OPERATOR shop.= (LEFTARG = shop.pair, RIGHTARG = integer, FUNCTION = shop.equal);
        CREATE FUNCTION shop.to_text(shop.pair) RETURNS text LANGUAGE sql IMMUTABLE
          AS 'SELECT shop.trap(''cast'')::text';
        CREATE CAST (shop.pair AS text) WITH FUNCTION shop.to_text(shop.pair) AS IMPLICIT;
        CREATE INDEX ON shop.x ((shop.trap('index') + id));
    """,
}


@pytest.fixture
def loot(superuser: Session, owner: Session) -> Session:
    """The traps' functions; ``shop.loot`` fills when one runs as anybody but the owner."""
    superuser.run(f"""
        CREATE FOREIGN DATA WRAPPER without_handler;
        CREATE SERVER nowhere FOREIGN DATA WRAPPER without_handler;
        GRANT USAGE ON FOREIGN SERVER nowhere TO {OWNER};
    """)
    owner.run(TRAP)
    return superuser


@pytest.mark.parametrize("by", [OWNER, ADMIN, "postgres"])
@pytest.mark.parametrize("kind", RELATIONS)
def test_no_function_of_the_extension_runs_code_of_a_relation(loot, owner, stakeholder, connect, kind, by):
    stakeholder("reporter")
    owner.run(RELATIONS[kind])
    session = connect(by)
    x = {"path": "shop.x", "fields": ["id", "n"]}
    inserts = Jsonb({"match": [{**x, "events": ["INSERT"]}]})
    for match in ([x], [], [{**x, "optional": True}]):
        session.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": match}))
    if kind in ("table", "partitioned table", "table of a domain"):
        session.run("SELECT integratedb_notify('reporter', %s)", inserts)
    session.rows("SELECT * FROM integratedb_check_spec(%s)", Jsonb({"match": [x]}))
    session.run("SELECT integratedb_sync()")
    session.run("SELECT integratedb_validate_migration()")
    session.rows("SELECT * FROM integratedb_unmet_claims()")
    session.rows("SELECT * FROM integratedb_dependents('shop.x')")
    owner.rows("SELECT * FROM integratedb_preview_migration('CREATE TABLE shop.previewed ()')")
    owner.run("CREATE TABLE shop.later (id integer)")
    if by != OWNER:
        session.rows("SELECT * FROM integratedb_access('reporter')")
        session.rows("SELECT * FROM integratedb_status()")
        session.run("SELECT integratedb_rename_stakeholder('reporter', 'analyst')")
        session.run("SELECT integratedb_drop_stakeholder('analyst')")
    assert loot.rows("SELECT * FROM shop.loot") == []


@pytest.mark.parametrize("kind", ["materialised view", "foreign table"])
def test_a_claim_locks_what_lock_table_does_not_take(loot, owner, stakeholder, admin, connect, kind):
    stakeholder("reporter")
    owner.run(RELATIONS[kind])
    with admin.transaction():
        admin.run('SELECT integratedb_claim(\'reporter\', \'{"match": [{"path": "shop.x", "fields": ["id"]}]}\')')
        with refused("55P03"):
            connect(OWNER, options="-c lock_timeout=200").run(f"DROP {kind.replace('ised', 'ized')} shop.x")


# Dropping a stakeholder

PLANTED = """
    CREATE TABLE reporter.totals (day date);
    CREATE TABLE reporter.marks (who text);
    GRANT INSERT ON reporter.marks TO PUBLIC;
    GRANT USAGE ON SCHEMA reporter TO PUBLIC;
    CREATE FUNCTION reporter.mark() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
    BEGIN
      INSERT INTO reporter.marks VALUES (current_user);
      RETURN 1;
    END
    $$;
    CREATE FUNCTION reporter.borrow() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN
      IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'borrowed the rights of %', current_user;
      END IF;
      RETURN 1;
    END
    $$;
    CREATE FUNCTION reporter.triggered() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM reporter.borrow();
      RETURN NEW;
    END
    $$;
    CREATE PROCEDURE reporter.proceed() LANGUAGE sql AS 'SELECT reporter.borrow()';
    CREATE AGGREGATE reporter.agg(integer) (SFUNC = int4pl, STYPE = integer);
    CREATE VIEW reporter.bait AS SELECT reporter.borrow() AS n;
    CREATE INDEX ON reporter.totals ((reporter.borrow() + extract(year FROM day)));
    CREATE TRIGGER t BEFORE INSERT ON reporter.totals FOR EACH ROW EXECUTE FUNCTION reporter.triggered();
    CREATE TYPE reporter.kind AS ENUM ('a');
    CREATE FUNCTION reporter.same(reporter.kind, integer) RETURNS boolean LANGUAGE sql IMMUTABLE
      AS 'SELECT reporter.borrow() = 1';
    CREATE OPERATOR reporter.= (LEFTARG = reporter.kind, RIGHTARG = integer, FUNCTION = reporter.same);
    CREATE FUNCTION reporter.number(reporter.kind) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT reporter.borrow()';
    CREATE CAST (reporter.kind AS integer) WITH FUNCTION reporter.number(reporter.kind);
    SELECT lo_create(4711);
    CREATE INDEX ON reporter.totals (day);
    CREATE TABLE reporter.ranges (kind reporter.kind, span int4range,
      CONSTRAINT no_overlap EXCLUDE USING btree ((reporter.borrow()) WITH =));
    CREATE INDEX kinds ON reporter.ranges ((kind OPERATOR(reporter.=) 1));
    CREATE STATISTICS reporter.computed ON (reporter.borrow() + lower(span)), kind FROM reporter.ranges;
"""


@pytest.fixture
def dropped(superuser: Session, admin: Session, stakeholder) -> Session:
    """A superuser's session in a database where a stakeholder with code in its schema was dropped."""
    stakeholder("reporter").run(PLANTED)
    assert admin.value("SELECT integratedb_drop_stakeholder('reporter')") is False
    return superuser


def test_what_a_dropped_stakeholder_leaves_belongs_to_nobody(dropped):
    owners = dropped.rows("""
        SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'reporter'
        UNION SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = 'reporter'::regnamespace
        UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'reporter'::regnamespace
        UNION SELECT oprowner::regrole::text FROM pg_operator WHERE oprnamespace = 'reporter'::regnamespace
        UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace = 'reporter'::regnamespace
        UNION SELECT lomowner::regrole::text FROM pg_largeobject_metadata
    """)
    assert owners == [("integratedb_archive",)]
    assert dropped.row("""
        SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
               (SELECT count(*) FROM pg_auth_members WHERE 'integratedb_archive'::regrole IN (roleid, member))
          FROM pg_roles WHERE rolname = 'integratedb_archive'
    """) == (False,) * 6 + (0,)


@pytest.mark.parametrize(
    "use",
    [
        "SELECT reporter.mark()",
        "SELECT reporter.borrow()",
        "SELECT * FROM reporter.bait",
        "CALL reporter.proceed()",
        "SELECT 'a'::reporter.kind OPERATOR(reporter.=) 1",
        "SELECT 'a'::reporter.kind::integer",
    ],
)
def test_nobody_not_even_a_superuser_runs_its_code(dropped, owner, use):
    for session in (owner, dropped):
        with refused("42501"):
            session.run(use)
    assert dropped.rows("SELECT who FROM reporter.marks") == []


def test_its_tables_can_be_used_and_maintained_without_its_code(dropped, owner):
    with refused("42501"):
        owner.run("SELECT reporter.agg(1)")
    for statement in (
        "INSERT INTO reporter.totals VALUES ('2026-01-01')",
        "SELECT * FROM reporter.totals",
        "REINDEX TABLE reporter.totals",
        "ANALYZE reporter.totals, reporter.ranges",
        "SELECT reporter.agg(1)",
    ):
        dropped.run(statement)


def test_what_called_its_functions_by_itself_is_dropped_and_told(stakeholder, admin, superuser):
    stakeholder("reporter").run(PLANTED)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    told = [n.message_primary for n in admin.notices if "is dropped" in n.message_primary]
    assert told == [
        "statistics reporter.computed is dropped: it called a function of the stakeholder",
        "index reporter.kinds is dropped: it called a function of the stakeholder",
        "index reporter.no_overlap is dropped: it called a function of the stakeholder",
        "index reporter.totals_expr_idx is dropped: it called a function of the stakeholder",
    ]
    kept = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'reporter.totals'::regclass"
    assert superuser.rows(kept) == [("reporter.totals_day_idx",)]


# What code may leave in the session of a superuser who reads a view, even with the rights of its own owner only.
TRAPS = {
    "a setting": "PERFORM set_config('search_path', 'reporter', false);",
    "a cursor": "EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT set_config(''role'', ''integratedb_admin'', false)';",
    "a temporary table": "CREATE TEMPORARY TABLE orders (id integer);",
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_function_leaves_nothing_in_the_session_of_who_reads_a_view(stakeholder, admin, superuser, trap):
    stakeholder("reporter").run(f"""
        CREATE FUNCTION reporter.trap() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN {trap} RETURN 1; END $$;
        CREATE VIEW reporter.bait AS SELECT reporter.trap();
    """)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    with refused("42501"):
        superuser.run("SELECT * FROM reporter.bait")
    state = "SELECT current_user::text, current_setting('search_path'), to_regclass('pg_temp.orders')"
    assert superuser.row(state) == ("postgres", '"$user", public', None)


SET_ROLE = "set_config('role', 'integratedb_admin', false)"


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (f"CREATE VIEW reporter.x AS SELECT {SET_ROLE}", "view reporter.x"),
        (
            "CREATE VIEW reporter.x AS SELECT 1 WHERE EXISTS (SELECT query_to_xml('SELECT 1', true, true, ''))",
            "view reporter.x",
        ),
        (
            "CREATE AGGREGATE reporter.agg(text, boolean) (SFUNC = set_config, STYPE = text, INITCOND = 'role');"
            "CREATE VIEW reporter.x AS SELECT reporter.agg('integratedb_admin', false)",
            "view reporter.x",
        ),
        (
            "CREATE OPERATOR reporter.!! (RIGHTARG = integer, FUNCTION = pg_cancel_backend)"
            "; CREATE VIEW reporter.x AS SELECT OPERATOR(reporter.!!) 1",
            "view reporter.x",
        ),
        ("CREATE VIEW reporter.x AS SELECT shop.alive()", "view reporter.x"),
        (f"CREATE TABLE reporter.x (a text DEFAULT {SET_ROLE})", "default value for column a of table reporter.x"),
        (f"CREATE TABLE reporter.x (a text CHECK (a <> {SET_ROLE}))", "constraint x_a_check on table reporter.x"),
        (f"CREATE DOMAIN reporter.x AS text CHECK (value <> {SET_ROLE})", "constraint x_check on type reporter.x"),
        (f"CREATE DOMAIN reporter.x AS text DEFAULT {SET_ROLE}", "type reporter.x"),
        (
            f"CREATE TABLE reporter.x (a text); CREATE POLICY p ON reporter.x USING (a = {SET_ROLE})",
            "policy p on table reporter.x",
        ),
        (
            f"CREATE TABLE reporter.x (a text); CREATE RULE r AS ON INSERT TO reporter.x DO ALSO SELECT {SET_ROLE}",
            "rule r on table reporter.x",
        ),
        ("CREATE TABLE reporter.x (a integer); CREATE INDEX i ON reporter.x (shop.alive())", "index reporter.i"),
        (
            "CREATE TABLE reporter.x (a integer) PARTITION BY LIST ((a + shop.alive()))",
            "the partition key of table reporter.x",
        ),
        (
            "CREATE TABLE reporter.x (a integer, b text)"
            "; CREATE STATISTICS reporter.s ON (a + shop.alive()), b FROM reporter.x",
            "statistics object reporter.s",
        ),
        ("CREATE TABLE reporter.x (a shop.checked)", "column a of table reporter.x"),
        ("CREATE TABLE reporter.x (a shop.checked[])", "column a of table reporter.x"),
        ("CREATE VIEW reporter.x AS SELECT now()::text::shop.checked", "view reporter.x"),
        (
            f"CREATE FUNCTION reporter.f(text DEFAULT {SET_ROLE}) RETURNS integer LANGUAGE sql AS 'SELECT 1'"
            "; CREATE VIEW reporter.x AS SELECT reporter.f()",
            "view reporter.x",
        ),
        (
            f"CREATE FUNCTION reporter.f(text DEFAULT {SET_ROLE}) RETURNS text LANGUAGE sql AS 'SELECT 1'"
            "; CREATE FUNCTION reporter.g(text DEFAULT reporter.f()) RETURNS integer LANGUAGE sql AS 'SELECT 1'"
            "; CREATE VIEW reporter.x AS SELECT reporter.g()",
            "view reporter.x",
        ),
    ],
)
def test_what_still_runs_functions_as_whoever_uses_it_is_named(stakeholder, admin, owner, made, named):
    owner.run("CREATE FUNCTION shop.alive() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'")
    owner.run("CREATE DOMAIN shop.checked AS text CHECK (value <> shop.alive()::text)")
    reporter = stakeholder("reporter")
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    reporter.run(made)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    [warning] = [n for n in admin.notices if n.severity_nonlocalized == "WARNING"]
    assert [line.split(" calls ")[0] for line in (warning.message_detail or "").splitlines()] == [named]


def test_what_only_computes_is_not_named(stakeholder, admin):
    stakeholder("reporter").run("""
        CREATE TABLE reporter.x (
          id serial, at timestamptz DEFAULT now(), day text CHECK (lower(day) <> 'x'),
          key uuid DEFAULT gen_random_uuid());
        CREATE VIEW reporter.v AS SELECT count(*), max(day) FROM reporter.x WHERE at < clock_timestamp();
        CREATE FUNCTION reporter.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
        CREATE VIEW reporter.barred AS SELECT reporter.f();
    """)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert admin.warnings() == []


def test_the_answer_lists_what_was_kept(stakeholder, admin):
    stakeholder("reporter").run(PLANTED)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    (notice,) = [n for n in admin.notices if n.message_detail]
    assert "integratedb_archive" in notice.message_primary
    for kept in ("schema reporter", "table reporter.totals", "function reporter.mark()", "large object 4711"):
        assert kept in (notice.message_detail or "").splitlines()


def test_its_triggers_on_tables_of_others_are_dropped(stakeholder, admin, owner, superuser):
    reporter = stakeholder("reporter")
    reporter.run(PLANTED)
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter; GRANT TRIGGER ON shop.products TO reporter")
    reporter.run("CREATE TRIGGER spy AFTER INSERT ON shop.products FOR EACH ROW EXECUTE FUNCTION reporter.triggered()")
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert superuser.rows("SELECT tgname FROM pg_trigger WHERE tgname = 'spy'") == []
    owner.run("INSERT INTO shop.products (sku, name, price) VALUES ('X', 'x', 1)")


# Triggers of what the stakeholder owns, which run a function of somebody who is still there: as whoever inserts.
LEFT_TRAP = "FOR EACH ROW EXECUTE FUNCTION shop.trap()"
LEFT_TABLE = """
    CREATE TABLE reporter.t (i integer) PARTITION BY LIST (i);
    CREATE TABLE reporter.t1 PARTITION OF reporter.t DEFAULT"""
LEFT_TRIGGERS = {
    "table": f"CREATE TABLE reporter.t (i integer); CREATE TRIGGER trap BEFORE INSERT ON reporter.t {LEFT_TRAP}",
    "always": f"""
        CREATE TABLE reporter.t (i integer); CREATE TRIGGER trap BEFORE INSERT ON reporter.t {LEFT_TRAP};
        ALTER TABLE reporter.t ENABLE ALWAYS TRIGGER trap""",
    "constraint": f"""
        CREATE TABLE reporter.t (i integer);
        CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON reporter.t {LEFT_TRAP}""",
    "partitioned table": f"{LEFT_TABLE}; CREATE TRIGGER trap BEFORE INSERT ON reporter.t {LEFT_TRAP}",
    "partition": f"{LEFT_TABLE}; CREATE TRIGGER trap BEFORE INSERT ON reporter.t1 {LEFT_TRAP}",
    "partition, always": f"""{LEFT_TABLE}; CREATE TRIGGER trap BEFORE INSERT ON reporter.t {LEFT_TRAP};
        ALTER TABLE reporter.t1 ENABLE ALWAYS TRIGGER trap""",
    "partition, of the table disabled before": f"""
        {LEFT_TABLE}; CREATE TRIGGER trap BEFORE INSERT ON reporter.t {LEFT_TRAP};
        ALTER TABLE reporter.t DISABLE TRIGGER trap; ALTER TABLE reporter.t1 ENABLE TRIGGER trap""",
    "view": f"""
        CREATE VIEW reporter.t AS SELECT 1 AS i; CREATE TRIGGER trap INSTEAD OF INSERT ON reporter.t {LEFT_TRAP}""",
    "statement, view": """
        CREATE TABLE reporter.x (i integer); CREATE VIEW reporter.t AS SELECT i FROM reporter.x;
        CREATE TRIGGER trap BEFORE INSERT ON reporter.t EXECUTE FUNCTION shop.trap()""",
}


@pytest.mark.parametrize("made", LEFT_TRIGGERS.values(), ids=LEFT_TRIGGERS)
def test_no_trigger_of_what_it_owned_runs(stakeholder, admin, owner, superuser, made):
    owner.run("""
        CREATE FUNCTION shop.trap() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE WARNING 'trapped %', current_user;
          RETURN NEW;
        END
        $$""")
    reporter = stakeholder("reporter")
    owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    reporter.run(made)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert superuser.rows("SELECT tgname FROM pg_trigger WHERE tgname = 'trap' AND tgenabled <> 'D'") == []
    try:
        superuser.run("INSERT INTO reporter.t VALUES (1)")
    except psycopg.errors.ObjectNotInPrerequisiteState:
        assert "INSTEAD OF" in made
        [notice] = [n for n in admin.notices if n.message_primary.startswith("trigger trap on reporter.t is dropped")]
        assert "CREATE TRIGGER trap INSTEAD OF INSERT" in (notice.message_hint or "")
    assert superuser.warnings() == []


def test_what_a_partition_has_from_the_table_of_somebody_else_goes_on(stakeholder, admin, owner, superuser):
    owner.run("""
        CREATE FUNCTION shop.audited() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE WARNING 'audited';
          RETURN NEW;
        END
        $$;
        CREATE TRIGGER audit BEFORE INSERT ON shop.visits FOR EACH ROW EXECUTE FUNCTION shop.audited()""")
    stakeholder("reporter")
    superuser.run("ALTER TABLE shop.visits_2026 OWNER TO reporter")
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    superuser.run("INSERT INTO shop.visits VALUES (gen_random_uuid(), '/', '2026-02-02')")
    assert superuser.warnings() == ["audited"]


def test_what_others_claim_of_it_stays_readable(stakeholder, admin):
    stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    analyst = stakeholder("analyst")
    spec = Jsonb({"match": [{"path": "reporter.totals", "fields": ["day"]}]})
    admin.run("SELECT integratedb_claim('analyst', %s)", spec)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    assert analyst.rows("SELECT day FROM reporter.totals") == []


@pytest.mark.parametrize(
    "spoil",
    [
        "ALTER ROLE integratedb_archive LOGIN",
        "ALTER ROLE integratedb_archive SUPERUSER",
        "GRANT pg_read_all_data TO integratedb_archive",
        f"GRANT integratedb_archive TO {OWNER}",
    ],
)
def test_nothing_is_handed_to_an_archive_that_somebody_can_use(stakeholder, admin, superuser, spoil):
    stakeholder("reporter").run("CREATE TABLE reporter.totals (day date)")
    superuser.run(spoil)
    try:
        with refused("42501", match="integratedb_archive"):
            admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    finally:
        superuser.run(f"""
            ALTER ROLE integratedb_archive NOLOGIN NOSUPERUSER;
            REVOKE pg_read_all_data FROM integratedb_archive;
            REVOKE integratedb_archive FROM {OWNER};
        """)


def test_a_role_that_owns_the_database_is_not_dropped(stakeholder, admin, superuser):
    stakeholder("reporter")
    superuser.run(f"ALTER DATABASE {DATABASE} OWNER TO reporter")
    with refused("2BP01", match=DATABASE):
        admin.run("SELECT integratedb_drop_stakeholder('reporter')")


@pytest.mark.parametrize(
    ("make", "kind", "remove"),
    [
        (
            "CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
            "; CREATE EVENT TRIGGER theirs ON ddl_command_start EXECUTE FUNCTION public.f()",
            "EVENT TRIGGER",
            "DROP EVENT TRIGGER theirs",
        ),
        ("CREATE FOREIGN DATA WRAPPER theirs", "FOREIGN DATA WRAPPER", "DROP FOREIGN DATA WRAPPER theirs"),
        (
            "CREATE SUBSCRIPTION theirs CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)",
            "SUBSCRIPTION",
            "ALTER SUBSCRIPTION theirs SET (slot_name = NONE); DROP SUBSCRIPTION theirs",
        ),
    ],
)
def test_a_role_that_owns_what_superusers_own_is_not_dropped(stakeholder, admin, superuser, make, kind, remove):
    stakeholder("reporter")
    for statement in make.split("; "):
        superuser.run(statement)
    superuser.run("ALTER ROLE reporter SUPERUSER")
    superuser.run(f"ALTER {kind} theirs OWNER TO reporter; ALTER ROLE reporter NOSUPERUSER")
    try:
        with refused("2BP01", match="theirs"):
            admin.run("SELECT integratedb_drop_stakeholder('reporter')")
    finally:
        for statement in remove.split("; "):
            superuser.run(statement)
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")


def test_the_leftovers_of_the_extension_hand_no_code_to_the_owner_of_the_database(stakeholder, superuser):
    superuser.run(f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}")
    stakeholder("reporter").run(PLANTED)
    statements = " ".join(row[0] for row in superuser.rows("SELECT statement FROM integratedb.leftovers()"))
    assert "REASSIGN OWNED BY reporter TO integratedb_archive" in statements
    assert OWNER not in statements


# A role is known by its identifier


@pytest.fixture
def replaced(superuser: Session, stakeholder) -> str:
    """The role of stakeholder reporter was dropped, and somebody made another one of its name."""
    stakeholder("reporter").close()
    superuser.run(
        "DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter; CREATE ROLE reporter LOGIN SUPERUSER"
    )
    return "reporter"


@pytest.mark.parametrize(
    "call",
    ["integratedb_rotate_password('reporter')", "integratedb_rename_stakeholder('reporter', 'analyst')"],
)
def test_a_role_made_again_under_the_name_gets_no_password(replaced, admin, superuser, call):
    with refused("42704", match=replaced):
        admin.run(f"SELECT {call}")
    assert superuser.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'reporter'") is None


def test_a_role_made_again_under_the_name_is_granted_nothing(replaced, admin, superuser):
    superuser.run("ALTER ROLE reporter NOSUPERUSER")
    admin.run('SELECT integratedb_claim(\'reporter\', \'{"match": [{"path": "shop.orders", "fields": ["id"]}]}\')')
    admin.run("SELECT integratedb_sync()")
    assert superuser.value("SELECT has_column_privilege('reporter', 'shop.orders', 'id', 'SELECT')") is False
    assert any("another one has its name" in warning for warning in admin.warnings())


def test_a_role_made_again_under_the_name_is_not_the_stakeholder(replaced, admin, superuser, connect):
    superuser.run("ALTER ROLE reporter NOSUPERUSER")
    superuser.run("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO reporter")
    session = connect("reporter")
    for call in ("integratedb_specification('reporter')", "integratedb_access('reporter')"):
        with refused("42501"):
            session.rows(f"SELECT {call}")
    assert dict(session.rows("SELECT fact, value FROM integratedb_status()"))["stakeholders"] == "0"


def test_dropping_the_stakeholder_leaves_a_role_made_again_under_the_name_alone(replaced, admin, superuser):
    superuser.run("CREATE SCHEMA reporter")
    assert admin.value("SELECT integratedb_drop_stakeholder('reporter')") is False
    assert superuser.row("SELECT to_regrole('reporter') IS NOT NULL, to_regnamespace('reporter') IS NOT NULL") == (
        True,
        True,
    )


def test_an_admin_adopts_a_role_made_again_once_it_has_no_power(replaced, admin, superuser, connect):
    admin.run('SELECT integratedb_claim(\'reporter\', \'{"match": [{"path": "shop.orders", "fields": ["id"]}]}\')')
    with refused("42501", match="SUPERUSER"):
        admin.run("SELECT integratedb_adopt_role('reporter')")
    superuser.run("ALTER ROLE reporter NOSUPERUSER")
    admin.run("SELECT integratedb_adopt_role('reporter')")
    assert len(connect("reporter").rows("SELECT id FROM shop.orders")) == 200
    assert admin.row("SELECT username FROM integratedb_rotate_password('reporter')") == ("reporter",)


def test_the_daemon_is_told_of_an_adopted_role(stakeholder, admin, superuser):
    stakeholder("reporter")
    spec = '{"match": [{"path": "shop.orders", "fields": ["id"]}], "channels": [{"type": "SOCKET"}]}'
    admin.run("SELECT integratedb_notify('reporter', %s::jsonb)", spec)
    superuser.run("DROP SCHEMA reporter; DROP OWNED BY reporter; DROP ROLE reporter; CREATE ROLE reporter LOGIN")
    told = "SELECT (body ->> 'role')::oid = 'reporter'::regrole FROM integratedb.control ORDER BY id DESC LIMIT 1"
    assert superuser.value(told) is False
    admin.run("SELECT integratedb_adopt_role('reporter')")
    assert superuser.value(told) is True


@pytest.mark.parametrize(
    "power",
    [
        "ALTER ROLE reporter SUPERUSER",
        "ALTER ROLE reporter CREATEROLE",
        "ALTER ROLE reporter CREATEDB",
        "ALTER ROLE reporter REPLICATION",
        "ALTER ROLE reporter BYPASSRLS",
        "GRANT pg_read_all_data TO reporter",
        "GRANT pg_execute_server_program TO reporter",
        "GRANT integratedb_admin TO reporter",
        f"GRANT {OWNER} TO reporter",
        f"CREATE ROLE middle; GRANT {OWNER} TO middle; GRANT middle TO reporter",
    ],
)
def test_a_stakeholder_with_powers_gets_no_password(stakeholder, admin, superuser, power):
    stakeholder("reporter")
    superuser.run(power)
    verifier = superuser.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'reporter'")
    for call in (
        "integratedb_rotate_password('reporter')",
        "integratedb_rename_stakeholder('reporter', 'analyst')",
        "integratedb_drop_stakeholder('reporter')",
    ):
        with refused("42501", match="powers"):
            admin.run(f"SELECT {call}")
    assert superuser.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'reporter'") == verifier


def test_a_plain_group_is_no_power(stakeholder, admin, superuser):
    stakeholder("reporter")
    superuser.run("CREATE ROLE readers; GRANT SELECT ON shop.orders TO readers; GRANT readers TO reporter")
    admin.run("SELECT integratedb_rotate_password('reporter')")
    admin.run("SELECT integratedb_drop_stakeholder('reporter')")


def test_set_role_to_a_stakeholder_that_was_renamed_and_recreated_acts_as_neither(
    stakeholder, admin, superuser, connect
):
    stakeholder("reporter")
    superuser.run("CREATE ROLE pool LOGIN; GRANT reporter TO pool")
    pool = connect("pool")
    pool.run("SET ROLE reporter")
    assert pool.value("SELECT integratedb_specification('reporter')") == {"match": []}
    admin.run("SELECT integratedb_rename_stakeholder('reporter', 'analyst')")
    admin.run("SELECT integratedb_create_stakeholder('reporter')")
    admin.run('SELECT integratedb_claim(\'reporter\', \'{"match": [{"path": "shop.orders", "fields": ["id"]}]}\')')
    for call in ("integratedb_specification('reporter')", "integratedb_claim('reporter', '{\"match\": []}')"):
        with refused("42501", match="renamed"):
            pool.run(f"SELECT {call}")


# USAGE on a schema


def test_whoever_merely_owns_a_table_in_a_schema_does_not_open_the_schema(superuser, stakeholder, connect):
    stakeholder("reporter")
    superuser.run("""
        CREATE ROLE lodger LOGIN;
        CREATE SCHEMA depot;
        GRANT USAGE, CREATE ON SCHEMA depot TO lodger;
        CREATE TABLE depot.prices (n integer);
        GRANT SELECT ON depot.prices TO PUBLIC;
        CREATE TABLE depot.own (n integer);
        ALTER TABLE depot.own OWNER TO lodger;
    """)
    spec = Jsonb({"match": [{"path": "depot.own", "fields": ["n"]}]})
    for function in ("integratedb_claim", "integratedb_notify"):
        with refused("42501", match="USAGE on schema depot"):
            connect("lodger").run(f"SELECT {function}('reporter', %s)", spec)
    assert superuser.value("SELECT has_schema_privilege('reporter', 'depot', 'USAGE')") is False
    superuser.run("GRANT USAGE ON SCHEMA depot TO PUBLIC")
    connect("lodger").run("SELECT integratedb_claim('reporter', %s)", spec)


def test_what_was_open_to_all_is_not_opened_again_by_a_sync(superuser, stakeholder, connect):
    stakeholder("reporter")
    superuser.run("""
        CREATE ROLE lodger LOGIN;
        CREATE SCHEMA depot;
        GRANT USAGE ON SCHEMA depot TO PUBLIC;
        GRANT CREATE ON SCHEMA depot TO lodger;
        CREATE TABLE depot.own (n integer);
        ALTER TABLE depot.own OWNER TO lodger;
    """)
    lodger = connect("lodger")
    lodger.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": [{"path": "depot.own", "optional": True}]}))
    superuser.run("REVOKE USAGE ON SCHEMA depot FROM PUBLIC")
    lodger.run("SELECT integratedb_sync()")
    lodger.run("SELECT integratedb_validate_migration()")
    assert superuser.value("SELECT has_schema_privilege('reporter', 'depot', 'USAGE')") is False


# A revocation stays


@pytest.fixture
def revoked(admin: Session, owner: Session, superuser: Session, stakeholder) -> Session:
    """The reporter's session, after an override let the owner revoke what it had claimed."""
    reporter: Session = stakeholder("reporter")
    match = [{"path": "shop.orders", "fields": ["*"]}, {"path": "shop.products", "fields": ["sku"], "optional": True}]
    admin.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": match}))
    superuser.run(f"GRANT integratedb_admin TO {OWNER}")
    with owner.transaction():
        owner.run("SELECT integratedb_override('the contract was cancelled')")
        columns = "id, customer_id, status, total, note, placed_at"
        owner.run(f"REVOKE SELECT ({columns}) ON shop.orders FROM reporter")
        owner.run("REVOKE SELECT (sku) ON shop.products FROM reporter; REVOKE USAGE ON SCHEMA shop FROM reporter")
    superuser.run(f"REVOKE integratedb_admin FROM {OWNER}")
    return reporter


def can_read(superuser: Session) -> tuple[bool, ...]:
    return superuser.row("""
        SELECT has_column_privilege('reporter', 'shop.orders', 'id', 'SELECT'),
               has_column_privilege('reporter', 'shop.products', 'sku', 'SELECT'),
               has_schema_privilege('reporter', 'shop', 'USAGE')
    """)


def test_a_stakeholder_does_not_take_back_what_was_revoked(revoked, owner, superuser, connect):
    weaker = Jsonb(
        {
            "match": [
                {"path": "shop.orders", "fields": ["id"]},
                {"path": "shop.products", "fields": ["sku"], "optional": True},
            ]
        }
    )
    revoked.run("SELECT integratedb_sync()")
    revoked.run(
        "SELECT integratedb_claim('reporter', %s)",
        Jsonb({"match": [{"path": "shop.products", "fields": ["sku"], "optional": True}]}),
    )
    revoked.run("CREATE TABLE reporter.own (n integer)")
    revoked.run("SELECT integratedb_sync()")
    superuser.run("CREATE ROLE passer_by LOGIN")
    connect("passer_by").run("SELECT integratedb_sync()")
    owner.run("ALTER TABLE shop.products ADD COLUMN weight integer")
    assert can_read(superuser) == (False, False, False)
    with refused("42501"):
        revoked.run("SELECT integratedb_claim('reporter', %s)", weaker)


def test_a_new_column_does_not_open_a_table_whose_grants_were_all_revoked(superuser, owner, stakeholder):
    stakeholder("reporter")
    owner.run(
        "SELECT integratedb_claim('reporter', %s)",
        Jsonb({"match": [{"path": "shop.products", "fields": ["*"], "optional": True}]}),
    )
    superuser.run("CREATE ROLE keeper; GRANT USAGE, CREATE ON SCHEMA shop TO keeper")
    superuser.run("REVOKE SELECT (id, sku, name, price, tags, attributes) ON shop.products FROM reporter")
    superuser.run("ALTER TABLE shop.products OWNER TO keeper; ALTER TABLE shop.products ADD COLUMN weight integer")
    assert superuser.value("SELECT has_any_column_privilege('reporter', 'shop.products', 'SELECT')") is False


@pytest.mark.parametrize("by", [OWNER, ADMIN, "postgres"])
def test_whoever_could_grant_brings_it_back(revoked, connect, superuser, by):
    connect(by).run("SELECT integratedb_sync()")
    assert can_read(superuser) == (True, True, True)


# Overloads


@pytest.fixture
def open_schema(superuser: Session) -> Session:
    superuser.run("CREATE ROLE squatter LOGIN; GRANT CREATE ON SCHEMA public TO squatter")
    return superuser


def test_the_extension_is_not_installed_where_others_may_create(open_schema):
    open_schema.run("DROP EXTENSION integratedb CASCADE")
    with refused("55000", match="squatter") as error:
        open_schema.run("CREATE EXTENSION integratedb")
    cure = (error.value.diag.message_hint or "").split(";")[0]
    open_schema.run("DROP PUBLICATION IF EXISTS integratedb, integratedb_append, integratedb_control")
    open_schema.run(cure)
    open_schema.run("CREATE EXTENSION integratedb")


def test_a_schema_of_its_own_will_do(open_schema):
    open_schema.run("DROP EXTENSION integratedb CASCADE")
    open_schema.run("DROP PUBLICATION IF EXISTS integratedb, integratedb_append, integratedb_control")
    open_schema.run("CREATE SCHEMA apart; CREATE EXTENSION integratedb SCHEMA apart")
    open_schema.run("SELECT apart.integratedb_sync()")


def test_status_reports_a_schema_that_was_opened_later(open_schema, admin):
    facts = dict(admin.rows("SELECT fact, value FROM integratedb_status()"))
    assert facts["schema"].startswith("public: OPEN, squatter may create")
    open_schema.run(facts["schema"].split("; ")[1])
    assert dict(admin.rows("SELECT fact, value FROM integratedb_status()"))["schema"] == "public"


def test_functions_that_could_capture_calls_are_refused_and_reported(open_schema, admin, connect):
    connect("squatter").run(
        "CREATE FUNCTION public.integratedb_claim(text, text) RETURNS text LANGUAGE sql AS 'SELECT 1'"
    )
    open_schema.run("REVOKE CREATE ON SCHEMA public FROM squatter")
    fact = dict(admin.rows("SELECT fact, value FROM integratedb_status()"))["schema"]
    assert fact.startswith("public: CAPTURED by public.integratedb_claim(text,text)")
    open_schema.run("DROP EXTENSION integratedb CASCADE")
    open_schema.run("DROP PUBLICATION IF EXISTS integratedb, integratedb_append, integratedb_control")
    with refused("55000", match="same names"):
        open_schema.run("CREATE EXTENSION integratedb")
    open_schema.run(fact.split("; ")[1])
    open_schema.run("CREATE EXTENSION integratedb")


def test_a_preview_is_not_captured_by_an_overload(open_schema, owner, connect):
    connect("squatter").run("""
        CREATE FUNCTION public.integratedb_unmet_claims(max_results text)
        RETURNS TABLE (claim_id bigint, stakeholder text, kind text, path text, problems jsonb, hint text)
        LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured by %', current_user; END $$
    """)
    assert owner.rows("SELECT * FROM integratedb_preview_migration('CREATE TABLE shop.previewed ()')") == []


# Maintenance


@pytest.mark.parametrize(
    "call", ["integratedb_specification('other')", "integratedb_access('other')", "integratedb_status()"]
)
@pytest.mark.parametrize("statement", ["ANALYZE shop.bait", "REINDEX TABLE shop.bait", "VACUUM FULL shop.bait"])
def test_code_that_maintenance_runs_reads_nothing_of_others(superuser, stakeholder, admin, owner, call, statement):
    reporter, _ = stakeholder("reporter"), stakeholder("other")
    admin.run('SELECT integratedb_claim(\'other\', \'{"match": [{"path": "shop.orders", "fields": ["id"]}]}\')')
    owner.run("GRANT USAGE, CREATE ON SCHEMA shop TO reporter")
    reporter.run(f"""
        CREATE TABLE shop.spied (told text);
        CREATE FUNCTION shop.tell(told text) RETURNS void LANGUAGE sql AS $$ INSERT INTO shop.spied VALUES (told) $$;
        CREATE FUNCTION shop.spy(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
          IF session_user = '{superuser.info.user}' THEN
            PERFORM shop.tell(x::text) FROM public.{call} AS x;
          END IF;
          RETURN n;
        EXCEPTION WHEN insufficient_privilege THEN
          RETURN n;
        END
        $$;
        CREATE TABLE shop.bait (n integer);
        INSERT INTO shop.bait SELECT n FROM generate_series(1, 10) AS n;
        CREATE INDEX ON shop.bait (shop.spy(n));
    """)
    superuser.run(statement)
    assert superuser.rows("SELECT told FROM shop.spied") == []


def test_no_statement_holds_a_verifier(stakeholder, admin, superuser, connect, server_log):
    stakeholder("reporter")
    superuser.run("ALTER SYSTEM SET log_lock_waits = on")
    superuser.run("ALTER SYSTEM SET deadlock_timeout = '50ms'")
    superuser.run("SELECT pg_reload_conf()")
    superuser.run("SELECT pg_sleep(0.3)")
    waiting = connect(ADMIN)
    try:
        with superuser.transaction():
            superuser.run("SELECT FROM pg_authid WHERE rolname = 'reporter' FOR UPDATE")
            waiting.run("SET statement_timeout = '500ms'")
            with refused("57014"):
                waiting.run("SELECT integratedb_rotate_password('reporter')")
    finally:
        superuser.run("ALTER SYSTEM RESET log_lock_waits")
        superuser.run("ALTER SYSTEM RESET deadlock_timeout")
        superuser.run("SELECT pg_reload_conf()")
    said = server_log()
    assert "still waiting" in said
    assert "SCRAM-SHA-256" not in said


@pytest.mark.parametrize("by", [ADMIN, "postgres"])
@pytest.mark.parametrize("definer", ["", "SECURITY DEFINER"])
def test_a_trigger_that_a_foreign_key_reaches_does_not_act_for_whoever_deletes(
    superuser, admin, connect, stakeholder, by, definer
):
    stakeholder("reporter")
    superuser.run(f"""
        CREATE ROLE lodger LOGIN;
        CREATE SCHEMA yard AUTHORIZATION lodger;
        CREATE TABLE public.things (id integer PRIMARY KEY);
        INSERT INTO public.things VALUES (1);
        GRANT REFERENCES, SELECT ON public.things TO lodger;
        GRANT DELETE, SELECT ON public.things TO {ADMIN};
    """)
    connect("lodger").run(f"""
        CREATE TABLE yard.refs (id integer REFERENCES public.things ON DELETE CASCADE);
        INSERT INTO yard.refs VALUES (1);
        CREATE FUNCTION yard.trap() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
        BEGIN
          PERFORM public.integratedb_claim('reporter', '{{"match": [{{"path": "shop.orders", "fields": ["id"]}}]}}');
          RETURN OLD;
        EXCEPTION WHEN insufficient_privilege THEN
          RETURN OLD;
        END
        $$;
        CREATE TRIGGER trap BEFORE DELETE ON yard.refs FOR EACH ROW EXECUTE FUNCTION yard.trap();
    """)
    connect(by).run("DELETE FROM public.things")
    assert superuser.value("SELECT count(*) FROM yard.refs") == 0
    assert superuser.rows("SELECT * FROM integratedb.specification") == []


YARD = """
    CREATE ROLE mallory LOGIN;
    CREATE SCHEMA yard AUTHORIZATION mallory;
    CREATE SCHEMA vault;
    CREATE TABLE vault.gold (id integer);
    GRANT USAGE ON SCHEMA vault TO mallory;
"""

BAIT = """
    CREATE TABLE yard.bait (id integer);
    CREATE TABLE yard.loot (password text);
    GRANT USAGE ON SCHEMA yard TO PUBLIC;
    GRANT INSERT ON yard.bait, yard.loot TO PUBLIC;
    CREATE FUNCTION yard.spring() RETURNS trigger LANGUAGE plpgsql AS $spring$ BEGIN {} RETURN NEW; END $spring$;
    CREATE TRIGGER spring BEFORE INSERT ON yard.bait FOR EACH ROW EXECUTE FUNCTION yard.spring();
"""


@pytest.mark.parametrize(
    "call",
    [
        "INSERT INTO yard.loot SELECT password FROM integratedb_rotate_password('reporter');",
        "PERFORM integratedb_override('because');",
    ],
)
def test_a_trigger_does_not_act_as_an_admin(superuser, admin, stakeholder, connect, call):
    stakeholder("reporter")
    superuser.run(YARD)
    connect("mallory").run(BAIT.format(call))
    with refused("42501"):
        admin.run("INSERT INTO yard.bait VALUES (1)")


GOLD = '{"match": {"path": "vault.gold", "fields": ["id"]}}'
CLAIM_GOLD = f"integratedb_claim('reporter', '{GOLD}')"


@pytest.mark.parametrize("by", [ADMIN, "postgres"])
@pytest.mark.parametrize("definer", ["SECURITY INVOKER", "SECURITY DEFINER"])
def test_a_cursor_that_a_trigger_leaves_for_commit_does_not_act_for_the_session(
    superuser, stakeholder, connect, by, definer
):
    stakeholder("reporter")
    superuser.run(YARD)
    mallory = connect("mallory")
    mallory.run(BAIT.format(f"EXECUTE $later$DECLARE later CURSOR WITH HOLD FOR SELECT {CLAIM_GOLD}$later$;"))
    mallory.run(f"ALTER FUNCTION yard.spring() {definer}")
    session = connect(by)
    insert = "INSERT INTO yard.bait VALUES (1)"
    # Whatever else the statement names.
    for text in (insert, f"{insert} /* integratedb_claim */", f"BEGIN; {insert}; SELECT integratedb_sync(); COMMIT"):
        with refused("42501"):
            session.run(text)
        session.rollback()
    session.run("BEGIN")
    session.run(insert)
    with refused("42501"):
        session.run("COMMIT -- integratedb_claim")
    assert superuser.rows("SELECT FROM integratedb.specification") == []


@pytest.mark.parametrize("before", ["", "COMMIT; PERFORM pg_sleep(0.01);"], ids=["first transaction", "second"])
def test_a_cursor_that_a_trigger_leaves_in_a_procedure_does_not_act_for_the_session(
    superuser, stakeholder, connect, before
):
    stakeholder("reporter")
    superuser.run(YARD)
    superuser.run(f"CREATE SCHEMA deployment AUTHORIZATION {ADMIN}")
    mallory = connect("mallory")
    mallory.run(BAIT.format(f"EXECUTE $later$DECLARE later CURSOR WITH HOLD FOR SELECT {CLAIM_GOLD}$later$;"))
    admin = connect(ADMIN)
    admin.run(f"""CREATE PROCEDURE deployment.deploy() LANGUAGE plpgsql AS $$
                    BEGIN {before} INSERT INTO yard.bait VALUES (1); COMMIT; END $$""")
    with refused("42501", match="WITH HOLD"):
        admin.run("CALL deployment.deploy() /* integratedb_claim */")
    assert superuser.rows("SELECT FROM integratedb.specification") == []


def test_loops_of_a_procedure_that_commits_are_no_obstacle(superuser, stakeholder, connect):
    stakeholder("reporter")
    superuser.run(f"CREATE SCHEMA deployment AUTHORIZATION {ADMIN}")
    admin = connect(ADMIN)
    admin.run("""CREATE PROCEDURE deployment.deploy() LANGUAGE plpgsql AS $$
                   DECLARE number integer;
                   BEGIN
                     FOR number IN SELECT * FROM generate_series(1, 3) LOOP
                       PERFORM integratedb_specification('reporter');
                       COMMIT;
                     END LOOP;
                   END $$""")
    admin.run("CALL deployment.deploy() /* integratedb_specification */")
    superuser.run("DROP SCHEMA deployment CASCADE")


def test_a_cursor_at_commit_does_not_act_for_a_stakeholder(superuser, admin, stakeholder, connect):
    reporter = stakeholder("reporter")
    superuser.run(YARD)
    admin.run(f"SELECT {CLAIM_GOLD}")
    give_up = CLAIM_GOLD.replace(GOLD, '{"match": []}')
    connect("mallory").run(BAIT.format(f"EXECUTE $later$DECLARE later CURSOR WITH HOLD FOR SELECT {give_up}$later$;"))
    with refused("42501", match="WITH HOLD"):
        reporter.run("INSERT INTO yard.bait VALUES (1)")
    assert superuser.value("SELECT document -> 'match' FROM integratedb.specification") != []


def test_a_cursor_of_an_earlier_transaction_is_no_obstacle(admin):
    admin.run("BEGIN; DECLARE mine CURSOR WITH HOLD FOR SELECT 1; COMMIT")
    admin.run("SELECT * FROM integratedb_status()")
    admin.run("BEGIN; DECLARE other CURSOR WITH HOLD FOR SELECT 1; CLOSE other; SELECT integratedb_sync(); COMMIT")


# What code of mallory an admin reaches by a statement that does not name what it does.
REACHED = {
    "view": (f"CREATE VIEW yard.x AS SELECT {CLAIM_GOLD} AS id", "SELECT id FROM yard.x"),
    "view with a function": ("CREATE VIEW yard.x AS SELECT yard.act() AS id", "SELECT id FROM yard.x"),
    "default": (f"CREATE TABLE yard.x (id integer, n jsonb DEFAULT {CLAIM_GOLD})", "INSERT INTO yard.x VALUES (1)"),
    "default with a function": (
        "CREATE TABLE yard.x (id integer, n integer DEFAULT yard.act())",
        "INSERT INTO yard.x VALUES (1)",
    ),
    "check": ("CREATE TABLE yard.x (id integer CHECK (yard.act() = 1))", "INSERT INTO yard.x VALUES (1)"),
    "generated column": (
        "CREATE TABLE yard.x (id integer, n integer GENERATED ALWAYS AS (yard.steady()) STORED)",
        "INSERT INTO yard.x VALUES (1)",
    ),
    "index": (
        "CREATE TABLE yard.x (id integer); CREATE INDEX ON yard.x ((yard.steady() + id))",
        "INSERT INTO yard.x VALUES (1)",
    ),
    "policy": (
        "CREATE TABLE yard.x (id integer); INSERT INTO yard.x VALUES (1);"
        "ALTER TABLE yard.x ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON yard.x USING (yard.act() = 1)",
        "SELECT * FROM yard.x",
    ),
    "rule": (
        "CREATE TABLE yard.x (id integer); CREATE RULE r AS ON INSERT TO yard.x DO ALSO SELECT yard.act()",
        "INSERT INTO yard.x VALUES (1)",
    ),
    "domain": (
        "CREATE DOMAIN yard.d AS integer CHECK (yard.act() = 1); CREATE TABLE yard.x (id yard.d)",
        "INSERT INTO yard.x VALUES (1)",
    ),
    "function": ("CREATE VIEW yard.x AS SELECT 1", "SELECT yard.act()"),
    "refcursor": (
        "CREATE TABLE yard.x (); CREATE FUNCTION yard.open() RETURNS refcursor LANGUAGE plpgsql AS $$"
        "DECLARE c refcursor := 'report'; BEGIN OPEN c FOR SELECT yard.act(); RETURN c; END $$",
        "BEGIN; SELECT yard.open(); FETCH ALL FROM report",
    ),
    "prepared statement": (
        "CREATE TABLE yard.x (); CREATE FUNCTION yard.open() RETURNS void LANGUAGE plpgsql AS $$"
        "BEGIN EXECUTE 'PREPARE report AS SELECT yard.act()'; END $$",
        "SELECT yard.open(); EXECUTE report",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REACHED)
def test_code_that_an_admin_reaches_unawares_does_not_act_as_the_admin(superuser, admin, stakeholder, connect, kind):
    stakeholder("reporter")
    superuser.run(YARD)
    create, reach = REACHED[kind]
    mallory = connect("mallory")
    mallory.run(f"""
        GRANT USAGE ON SCHEMA yard TO PUBLIC;
        CREATE FUNCTION yard.act() RETURNS integer LANGUAGE plpgsql AS $act$
          BEGIN
            IF session_user <> 'mallory' THEN PERFORM public.{CLAIM_GOLD}; END IF;
            RETURN 1;
          END $act$;
        CREATE FUNCTION yard.steady() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT yard.act()';
    """)
    mallory.run(create + "; GRANT SELECT, INSERT ON yard.x TO PUBLIC")
    for rights in ("SECURITY INVOKER", "SECURITY DEFINER"):
        mallory.run(f"ALTER FUNCTION yard.act() {rights}")
        session = connect(ADMIN)
        with refused("42501", match="does not name integratedb_claim"):
            session.run(reach)
        session.close()
    assert superuser.rows("SELECT FROM integratedb.specification") == []


def test_an_admin_acts_by_code_of_its_own_when_the_statement_says_so(superuser, admin, stakeholder):
    stakeholder("reporter")
    superuser.run(YARD)
    superuser.run(f"CREATE FUNCTION public.deploy() RETURNS jsonb LANGUAGE sql AS $$ SELECT {CLAIM_GOLD} $$")
    with refused("42501") as refusal:
        admin.run("SELECT deploy()")
    assert "/* integratedb_claim */" in (refusal.value.diag.message_hint or "")
    admin.run("SELECT deploy() /* integratedb_claim */")
    admin.run(f"DO $$ BEGIN PERFORM {CLAIM_GOLD}; END $$")
    admin.run(f"SELECT {CLAIM_GOLD.upper().replace(GOLD.upper(), GOLD).replace('REPORTER', 'reporter')}")


# Of mallory's making, by the name of the function that mallory's code wants to reach.
NAMESAKES = {
    "table": "SELECT * FROM yard.integratedb_claim",
    "table in the path": "SET search_path = yard, public; SELECT * FROM integratedb_claim",
    "quoted table": 'SELECT * FROM yard."integratedb_claim"',
    "column": "SELECT integratedb_claim FROM yard.x",
    "columns of a table": "INSERT INTO yard.integratedb_claim (id) VALUES (1)",
    "columns in the path": "SET search_path = yard, public; INSERT INTO integratedb_claim (id) VALUES (1)",
    "function": "SELECT yard.integratedb_claim(1)",
    "literal": "SELECT id FROM yard.x WHERE 'integratedb_claim(1)' <> ''",
    "escape literal": r"SELECT id FROM yard.x WHERE E'\' integratedb_claim(1)' <> ''",
    "no escape literal": r"SELECT id FROM yard.x WHERE name'\' <> '' AND 'integratedb_claim(1)' <> ''",
    "dollar quote": "SELECT id FROM yard.x WHERE $a$integratedb_claim(1)$a$ <> ''",
    "dollar quote with an apostrophe": "SELECT id FROM yard.x WHERE $a$it's$a$ <> 'x $a$ integratedb_claim(1)'",
    "literal in DO": "DO $do$ BEGIN PERFORM id FROM yard.x WHERE 'integratedb_claim(1)' <> ''; END $do$",
    "literal behind DO": "DO $$ BEGIN END $$; SELECT id FROM yard.x WHERE 'integratedb_claim(1)' <> ''",
    "longer name": "SELECT id AS my_integratedb_claim FROM yard.x",
    "prepared statement": "PREPARE integratedb_claim (integer) AS SELECT id FROM yard.x; EXECUTE integratedb_claim (1)",
    "preview": "SELECT * FROM integratedb_preview_migration('SELECT * FROM yard.x')",
    "preview of a namesake": "SELECT * FROM integratedb_preview_migration('SELECT * FROM yard.integratedb_claim')",
    "preview with a literal":
        "SELECT * FROM integratedb_preview_migration($p$SELECT id FROM yard.x WHERE 'integratedb_claim()' <> ''$p$)",
    "preview beside a namesake of it":
        "SELECT FROM integratedb_preview_migration('SELECT'); SELECT * FROM yard.feigned",
    "preview in a view": "SELECT * FROM yard.previewed",
    "preview in a preview": "SELECT * FROM integratedb_preview_migration('SELECT * FROM yard.previewed')",
}  # fmt: skip


@pytest.fixture
def namesakes(superuser: Session, stakeholder, connect) -> None:
    stakeholder("reporter")
    superuser.run(YARD)
    quoted = CLAIM_GOLD.replace("'", "''")
    connect("mallory").run(f"""
        GRANT USAGE ON SCHEMA yard TO PUBLIC;
        CREATE FUNCTION yard.act() RETURNS integer LANGUAGE plpgsql AS $act$
          BEGIN
            IF session_user <> 'mallory' THEN PERFORM public.{CLAIM_GOLD}; END IF;
            RETURN 1;
          END $act$;
        -- As the context of a preview looks.
        CREATE FUNCTION yard.forge() RETURNS integer LANGUAGE plpgsql AS $act$
          BEGIN
            IF session_user <> 'mallory' THEN
              EXECUTE $x$SELECT public.{CLAIM_GOLD} --"
PL/pgSQL function integratedb_preview_migration(text) line 10 at EXECUTE$x$;
            END IF;
            RETURN 1;
          END $act$;
        CREATE FUNCTION yard.integratedb_claim(integer) RETURNS integer LANGUAGE sql AS 'SELECT yard.act()';
        CREATE VIEW yard.x AS SELECT yard.act() AS id, yard.forge() AS integratedb_claim;
        CREATE TABLE yard.base (id integer CHECK (yard.act() = 1));
        CREATE VIEW yard.integratedb_claim AS SELECT id + yard.act() AS n, id FROM yard.base
          UNION ALL SELECT yard.act(), yard.forge();
        CREATE RULE r AS ON INSERT TO yard.integratedb_claim DO INSTEAD INSERT INTO yard.base VALUES (NEW.id);
        CREATE VIEW yard.previewed AS SELECT id FROM yard.base UNION ALL
          SELECT count(*)::integer FROM public.integratedb_preview_migration('SELECT public.{quoted}');
        CREATE FUNCTION yard.integratedb_preview_migration(text) RETURNS integer
          LANGUAGE plpgsql SET search_path = yard AS 'BEGIN EXECUTE $1; RETURN 1; END';
        CREATE VIEW yard.feigned AS SELECT yard.integratedb_preview_migration('SELECT public.{quoted}') AS id;
        GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA yard TO PUBLIC;
    """)


@pytest.mark.parametrize("kind", NAMESAKES)
def test_what_has_the_name_of_a_function_does_not_let_others_call_it_for_an_admin(namesakes, superuser, admin, kind):
    with refused("42501", match="does not name integratedb_(claim|preview_migration)"):
        admin.run(NAMESAKES[kind])
    assert superuser.rows("SELECT FROM integratedb.specification") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT {}",
        "SELECT public . {}",
        'SELECT "public"."integratedb_claim"{arguments}',
        "SELECT 1; SELECT {}",
        "DO $$ BEGIN PERFORM {}; END $$",
        "DO $$ BEGIN PERFORM 1; PERFORM {}; END $$ LANGUAGE plpgsql",
        "DO $do$ BEGIN PERFORM 'it''s', $a$x$a$; PERFORM {}; END $do$",
        "SELECT public.deploy() -- integratedb_claim",
        "/* integratedb_claim */ SELECT public.deploy()",
        "SELECT 'it''s', E'\\'', $$'$$, {}",
        "SELECT * FROM integratedb_preview_migration($p$SELECT {}$p$)",
        "SELECT * FROM integratedb_preview_migration($p$SELECT public.deploy() /* integratedb_claim */$p$)",
        "SELECT * FROM integratedb_preview_migration($p$CREATE TABLE public.y (); SELECT 'x',\n {}$p$)",
    ],
)
def test_what_the_client_itself_calls_acts_for_the_admin(superuser, admin, stakeholder, statement):
    stakeholder("reporter")
    superuser.run(YARD)
    superuser.run(f"CREATE FUNCTION public.deploy() RETURNS jsonb LANGUAGE sql AS $$ SELECT {CLAIM_GOLD} $$")
    superuser.run("GRANT CREATE ON SCHEMA public TO integratedb_admin")
    admin.run(statement.format(CLAIM_GOLD, arguments=CLAIM_GOLD.removeprefix("integratedb_claim")).replace("\\n", "\n"))


def test_a_preview_given_as_a_parameter_acts_for_the_admin(superuser, admin, stakeholder):
    stakeholder("reporter")
    superuser.run(YARD)
    superuser.run(f"CREATE FUNCTION public.deploy() RETURNS jsonb LANGUAGE sql AS $$ SELECT {CLAIM_GOLD} $$")
    admin.run("SELECT * FROM integratedb_preview_migration(%s)", f"SELECT 1;\nSELECT {CLAIM_GOLD}")
    with refused("42501", match="does not name integratedb_claim"):
        admin.run("SELECT * FROM integratedb_preview_migration(%s)", "SELECT public.deploy()")


CHANNEL = Jsonb(
    {
        "match": [{"path": "shop.orders", "fields": ["id"], "events": ["INSERT"]}],
        "channels": [{"type": "SOCKET", "name": "x"}],
    }
)
CALLS = [
    "integratedb_create_stakeholder('new')",
    "integratedb_rename_stakeholder('reporter', 'new')",
    "integratedb_rotate_password('reporter')",
    "integratedb_adopt_role('reporter')",
    "integratedb_adopt_claim('reporter', 'notifications')",
    "integratedb_drop_stakeholder('reporter')",
    "integratedb_specification('reporter')",
    "integratedb_override('because')",
    "integratedb_access('reporter')",
    "integratedb_configure('enforcement', 'explicit')",
    "integratedb_status()",
    "integratedb_end_lock_holder()",
    "integratedb_pause_channel('reporter', 'x')",
    "integratedb_resume_channel('reporter', 'x')",
    "integratedb_redeliver('reporter', 'x')",
    "integratedb_stakeholders()",
    "integratedb_ddl_events()",
    "integratedb_deliveries('reporter', 'x')",
    "integratedb_claim('reporter', '{\"match\": []}')",
    "integratedb_notify('reporter', '{\"match\": []}')",
    "integratedb_save_query('reporter', 'r', '{\"from\": \"shop.orders\"}')",
    "integratedb_drop_query('reporter', 'q')",
    "integratedb_queries('reporter')",
]


def test_each_function_that_asks_who_the_caller_is_wants_to_be_named(superuser, admin, stakeholder):
    stakeholder("reporter")
    admin.run("SELECT integratedb_notify('reporter', %s)", CHANNEL)
    admin.run("SELECT integratedb_save_query('reporter', 'q', '{\"from\": \"shop.orders\"}')")
    for number, call in enumerate(CALLS):
        superuser.run(f"CREATE VIEW public.reached_{number} AS SELECT 1 AS one FROM {call}")
        superuser.run(f"GRANT SELECT ON public.reached_{number} TO PUBLIC")
        with refused("42501", match=f"does not name {call[: call.index('(')]}"):
            admin.run(f"SELECT * FROM reached_{number}")
        with admin.transaction(force_rollback=True):
            admin.run(f"SELECT * FROM {call}")


# What an admin is told that others are not: statements of everybody, events with the rows of tables.
TOLD = ["SELECT query FROM integratedb_ddl_events()", "SELECT event::text FROM integratedb_deliveries('reporter', 'x')"]


@pytest.mark.parametrize("question", TOLD)
def test_what_an_admin_is_told_is_not_told_to_a_trigger(superuser, admin, stakeholder, connect, question):
    stakeholder("reporter")
    admin.run("SELECT integratedb_notify('reporter', %s)", CHANNEL)
    superuser.run(YARD)
    mallory = connect("mallory")
    mallory.run(BAIT.format(f"EXECUTE $loot$INSERT INTO yard.loot {question}$loot$;"))
    with refused("42501", match="a trigger cannot act"):
        admin.run("INSERT INTO yard.bait VALUES (1)")
    assert mallory.rows("SELECT * FROM yard.loot") == []


def test_a_migration_of_an_admin_syncs_and_validates_in_functions_of_its_own(superuser, owner, stakeholder, admin):
    stakeholder("reporter")
    admin.run('SELECT integratedb_claim(\'reporter\', \'{"match": {"path": "shop.orders", "fields": ["*"]}}\')')
    superuser.run("""
        CREATE PROCEDURE public.migrate() LANGUAGE plpgsql AS $$
        BEGIN
          ALTER TABLE shop.orders DROP COLUMN note;
          PERFORM integratedb_sync();
          PERFORM integratedb_validate_migration();
        END $$;
    """)
    superuser.run("CALL migrate()")


@pytest.mark.parametrize("named", ["", " /* integratedb_sync */"])
def test_code_that_an_admin_reaches_gives_nothing_back(superuser, admin, owner, stakeholder, named):
    stakeholder("reporter")
    fields = '["id", {"name": "note", "optional": true}]'
    admin.run(f'SELECT integratedb_claim(\'reporter\', \'{{"match": {{"path": "shop.orders", "fields": {fields}}}}}\')')
    owner.run("REVOKE SELECT (note) ON shop.orders FROM reporter")
    superuser.run("CREATE VIEW public.reached AS SELECT 1 AS id FROM integratedb_sync()")
    superuser.run("GRANT SELECT ON public.reached TO PUBLIC")
    admin.run(f"SELECT * FROM reached{named}")
    given = superuser.value("SELECT has_column_privilege('reporter', 'shop.orders', 'note', 'SELECT')")
    assert given is bool(named)


# Locks

LOCKED = """
SELECT relation::regclass::text FROM pg_locks
 WHERE pid = %s AND relation::regclass::text ~ '^(vault|yard)[.]' ORDER BY 1
"""
WINDOWS = {
    "security_invoker": "CREATE VIEW yard.x WITH (security_invoker) AS SELECT id FROM vault.gold",
    "view of a view": """
        CREATE VIEW yard.inner WITH (security_invoker) AS SELECT id FROM vault.gold;
        GRANT SELECT ON yard.inner TO reporter;
        CREATE VIEW yard.x WITH (security_invoker) AS SELECT id FROM yard.inner;
    """,
    "view without the right": "CREATE VIEW yard.x AS SELECT id FROM vault.gold",
    "view with a subquery": """
        CREATE VIEW yard.x WITH (security_invoker) AS SELECT 1 AS id WHERE EXISTS (SELECT FROM vault.gold);
    """,
    "policy": """
        CREATE TABLE yard.x (id integer);
        ALTER TABLE yard.x ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON yard.x USING (id IN (SELECT id FROM vault.gold));
    """,
    "child": "CREATE TABLE yard.x (id integer); CREATE TABLE vault.child () INHERITS (yard.x)",
    "foreign table": "CREATE FOREIGN TABLE yard.x (id integer) SERVER nowhere",
    "materialised view": "CREATE MATERIALIZED VIEW yard.x AS SELECT id FROM vault.gold WITH NO DATA",
}
ENTRIES = [
    "SELECT integratedb_claim('reporter', %s)",
    "SELECT integratedb_claim('reporter', %s); SELECT integratedb_claim('reporter', '{\"match\": []}')",
    "SELECT integratedb_claim('reporter', %s); SELECT integratedb_sync()",
    "SELECT integratedb_claim('reporter', %s); SELECT integratedb_validate_migration()",
    "SELECT integratedb_claim('reporter', %s); SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL IMMEDIATE",
    "SELECT * FROM integratedb_check_spec(%s)",
    "SELECT integratedb_notify('reporter', %s)",
]


@pytest.mark.parametrize("kind", WINDOWS)
def test_no_entry_locks_more_than_what_the_caller_names(superuser, stakeholder, connect, kind):
    stakeholder("reporter")
    superuser.run(YARD)
    superuser.run("""
        CREATE FOREIGN DATA WRAPPER without_handler;
        CREATE SERVER nowhere FOREIGN DATA WRAPPER without_handler;
    """)
    superuser.run(WINDOWS[kind])
    kinds = {
        "policy": "TABLE", "child": "TABLE", "foreign table": "FOREIGN TABLE", "materialised view": "MATERIALIZED VIEW"
    }  # fmt: skip
    superuser.run(f"ALTER {kinds.get(kind, 'VIEW')} yard.x OWNER TO mallory")
    # Who claims a view is to read what is behind it.
    superuser.run("GRANT USAGE ON SCHEMA vault TO reporter; GRANT SELECT ON vault.gold TO reporter")
    mallory = connect("mallory")
    with refused("42501"):
        mallory.run("BEGIN; LOCK TABLE vault.gold IN ACCESS SHARE MODE")
    mallory.run("ROLLBACK")
    for entry in ENTRIES:
        events = ', "events": ["INSERT"]' if "notify" in entry else ""
        mallory.run("BEGIN")
        try:
            mallory.run(entry.replace("%s", f"""'{{"match": [{{"path": "yard.x", "fields": ["id"]{events}}}]}}'"""))
        except psycopg.Error as error:
            refusal = error.sqlstate
        else:
            refusal = None
            locked = {name for (name,) in superuser.rows(LOCKED, mallory.info.backend_pid)}
            assert locked == ({"yard.x"} if "check_spec" not in entry else set())
        # Only tables are notified, and nobody reads through a view whose owner may not.
        cannot = bool(events and kind not in ("policy", "child"))
        cannot |= kind == "view without the right" and "check_spec" not in entry
        assert refusal == ("IDB03" if cannot else None)
        mallory.run("ROLLBACK")


def test_a_claim_locks_a_view_against_a_migration(superuser, admin, owner, stakeholder, connect):
    stakeholder("reporter")
    with admin.transaction():
        admin.run(
            'SELECT integratedb_claim(\'reporter\', \'{"match": {"path": "shop.open_orders", "fields": ["id"]}}\')'
        )
        with refused("55P03"):
            connect(OWNER, options="-c lock_timeout=200").run("DROP VIEW shop.open_orders")
