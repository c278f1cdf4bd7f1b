"""A dump restores into another cluster, role dump first, whichever way, and what it restores is enforced."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sql.conftest import DATABASE, open_session
from tests.support import Server, Session, refused

BINDIR = Path(
    subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], check=True, capture_output=True, text=True)
    .stdout.strip()
)  # fmt: skip

MATCHES = (
    {"path": "shop.orders", "fields": ["id", "note"]},
    {"path": "shop.products", "fields": ["*"]},
    {"path": "shop.customers", "fields": [{"alternatives": ["phone", "telephone"]}]},
    {"path": "shop.sales", "fields": ["sku"]},
    {"path": "shop.customers", "fields": ["email"], "unique": [["email"]]},
    {
        "path": "shop.orders",
        "fields": ["customer_id"],
        "references": [{"fields": ["customer_id"], "to": "shop.customers"}],
    },
)


def tool(server: Server, name: str, *arguments: str, script: str | None = None) -> str:
    """Run a client program against a server; what goes wrong fails the test."""
    done = subprocess.run(
        [
            BINDIR / name,
            "--host",
            server.socket,
            "--port",
            str(server.port),
            "--username",
            server.superuser,
            *arguments,
        ],
        input=script,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def source(claim, owner: Session, server: Server) -> Server:
    """A shop with claims, whose object identifiers no other cluster has: tables were made and dropped."""
    owner.run("CREATE TABLE shop.gone AS SELECT 1 AS id; DROP TABLE shop.gone")
    owner.run("ALTER TABLE shop.orders ADD COLUMN gone integer; ALTER TABLE shop.orders DROP COLUMN gone")
    owner.run("ALTER TABLE shop.products DROP COLUMN attributes; ALTER TABLE shop.products ADD COLUMN attributes jsonb")
    claim(*MATCHES)
    return server


@pytest.fixture
def saved_query(source: Server, admin: Session) -> None:
    """Two saved queries of the stakeholder."""
    document = '{"graphql": "{ ordersNodes { nodes { rowId note } } }", "schema": "shop"}'
    admin.run("SELECT integratedb_save_query('reporter', 'notes', %s)", document)
    query = '{"select": ["total"], "from": "shop.orders", "embed": ["customers"]}'
    admin.run("SELECT integratedb_save_query('reporter', 'totals', %s)", query)


@pytest.fixture
def roles(source: Server, second_server: Server) -> None:
    """The first step of every restore."""
    script = tool(source, "pg_dumpall", "--roles-only")
    tool(second_server, "psql", "--quiet", "--dbname", "postgres", script=script)


def restore_plain(source: Server, target: Server, directory: Path, *, single: bool = True) -> None:
    tool(target, "createdb", DATABASE)
    script = tool(source, "pg_dump", DATABASE)
    options = ["--single-transaction"] if single else []
    tool(target, "psql", "--quiet", "--set=ON_ERROR_STOP=1", *options, "--dbname", DATABASE, script=script)


def restore_plain_in_pieces(source: Server, target: Server, directory: Path) -> None:
    restore_plain(source, target, directory, single=False)


def restore_custom(source: Server, target: Server, directory: Path) -> None:
    tool(target, "createdb", DATABASE)
    tool(source, "pg_dump", "--format=custom", f"--file={directory}/dump", DATABASE)
    tool(target, "pg_restore", "--exit-on-error", "--dbname", DATABASE, f"{directory}/dump")


def restore_custom_at_once(source: Server, target: Server, directory: Path) -> None:
    tool(target, "createdb", DATABASE)
    tool(source, "pg_dump", "--format=custom", f"--file={directory}/dump", DATABASE)
    tool(target, "pg_restore", "--single-transaction", "--dbname", DATABASE, f"{directory}/dump")


def restore_clean_over_an_older_copy(source: Server, target: Server, directory: Path) -> None:
    """Drops every claimed table of a database that has the claims already, and recreates it."""
    restore_plain(source, target, directory)
    script = tool(source, "pg_dump", "--clean", "--if-exists", DATABASE)
    tool(
        target, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--dbname", DATABASE, script=script
    )


def arm(target: Server) -> None:
    with open_session(target, target.superuser, DATABASE) as superuser:
        superuser.run("SELECT integratedb_sync(); DELETE FROM integratedb.ddl_event")


def restore_clean_over_an_enforced_copy(source: Server, target: Server, directory: Path) -> None:
    """The extension goes in the same transaction as the tables that are claimed."""
    restore_plain(source, target, directory)
    arm(target)
    script = tool(source, "pg_dump", "--clean", "--if-exists", DATABASE)
    tool(
        target, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--dbname", DATABASE, script=script
    )


def restore_clean_by_pg_restore_over_an_enforced_copy(source: Server, target: Server, directory: Path) -> None:
    restore_custom(source, target, directory)
    arm(target)
    tool(target, "pg_restore", "--exit-on-error", "--clean", "--if-exists", "--dbname", DATABASE, f"{directory}/dump")


def restore_clean_by_pg_restore(source: Server, target: Server, directory: Path) -> None:
    restore_custom(source, target, directory)
    tool(target, "pg_restore", "--exit-on-error", "--clean", "--if-exists", "--dbname", DATABASE, f"{directory}/dump")


WAYS = [
    restore_plain,
    restore_plain_in_pieces,
    restore_custom,
    restore_custom_at_once,
    restore_clean_over_an_older_copy,
    restore_clean_by_pg_restore,
    restore_clean_over_an_enforced_copy,
    restore_clean_by_pg_restore_over_an_enforced_copy,
]

Restored = Callable[..., Session]


@pytest.fixture
def restored(source: Server, roles: None, second_server: Server, tmp_path: Path) -> Iterator[Restored]:
    """``restored(user, way)``: restore that way, once, and connect to what came of it."""
    done: list[Callable[[Server, Server, Path], None]] = []

    sessions: list[Session] = []

    def connect(user: str, way: Callable[[Server, Server, Path], None] = restore_plain) -> Session:
        if not done:
            way(source, second_server, tmp_path)
            done.append(way)
        sessions.append(open_session(second_server, user, DATABASE))
        return sessions[-1]

    yield connect
    for session in sessions:
        session.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_restored_database_reads_and_refuses_as_before(restored, way):
    superuser, owner, reporter = (restored(user, way) for user in ("postgres", "shop_owner", "reporter"))
    assert superuser.rows("SELECT * FROM integratedb_unmet_claims()") == []
    # On record, but not judged.
    assert superuser.rows(
        "SELECT DISTINCT reason FROM integratedb_ddl_events(NULL, NULL) WHERE command_tag <> 'CREATE EXTENSION'"
    ) == [("a dump is being restored",)]
    reporter.run("SELECT id, note FROM shop.orders; SELECT * FROM shop.products; SELECT sku FROM shop.sales")
    with refused("42501"):
        reporter.run("SELECT total FROM shop.orders")

    # Some ordinary DDL arms it.
    owner.run("CREATE TABLE shop.other (id integer)")
    assert owner.warnings() == []
    for ddl in (
        "ALTER TABLE shop.orders DROP COLUMN note",
        "ALTER TABLE shop.products RENAME COLUMN sku TO code",
        "DROP MATERIALIZED VIEW shop.sales",
        "REVOKE SELECT ON shop.orders FROM reporter",
        "ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key",
        "ALTER TABLE shop.orders DROP CONSTRAINT orders_customer_id_fkey",
    ):
        with refused("IDB01"):
            owner.run(ddl)
    owner.run("ALTER TABLE shop.products ADD COLUMN weight integer")
    reporter.run("SELECT weight FROM shop.products")
    owner.run("ALTER TABLE shop.customers RENAME COLUMN phone TO telephone")
    reporter.run("SELECT telephone FROM shop.customers")


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE shop.orders DROP COLUMN note",
        "ALTER TABLE shop.orders RENAME COLUMN note TO remark",
        "ALTER TABLE shop.orders ALTER COLUMN note TYPE text",
        "ALTER TABLE shop.products DROP COLUMN tags",
        "DROP TABLE shop.orders CASCADE",
        "ALTER TABLE shop.orders RENAME TO purchases",
        "DROP SCHEMA shop CASCADE",
        "REVOKE SELECT ON shop.orders FROM reporter",
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE shop.products DROP COLUMN tags; SELECT integratedb_unmet_claims()",
    ],
)
def test_the_very_first_migration_after_a_restore_is_enforced(restored, server, second_server, ddl):
    owner = restored("shop_owner")
    with refused("IDB01"):
        owner.run(ddl)


def test_the_grants_of_a_restored_database_are_still_ours(restored):
    superuser, reporter = restored("postgres"), restored("reporter")
    superuser.run("""SELECT integratedb_claim('reporter', '{"match": {"path": "shop.products", "fields": ["sku"]}}')""")
    reporter.run("SELECT sku FROM shop.products")
    for gone in ("SELECT note FROM shop.orders", "SELECT name FROM shop.products", "SELECT sku FROM shop.sales"):
        with refused("42501"):
            reporter.run(gone)
    superuser.run("""SELECT integratedb_claim('reporter', '{"match": []}')""")
    with refused("42501"):
        reporter.run("SELECT sku FROM shop.products")
    assert not superuser.value("SELECT has_schema_privilege('reporter', 'shop', 'USAGE')")


@pytest.mark.parametrize(
    "way", [restore_plain, restore_custom, restore_clean_by_pg_restore], ids=lambda way: way.__name__
)
def test_a_restored_saved_query_is_listed_and_protected(saved_query, restored, way):
    superuser, owner, reporter = (restored(user, way) for user in ("postgres", "shop_owner", "reporter"))
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.orders DROP COLUMN total CASCADE")
    assert "reporter (query totals): shop.orders.total" in (caught.value.diag.message_detail or "")
    with refused("IDB01") as caught:
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert "reporter (query notes): shop.orders.note" in (caught.value.diag.message_detail or "")
    reporter.run("SELECT total FROM shop.orders")
    # The first sync finds the role of the stakeholder again.
    superuser.run("SELECT integratedb_sync()")
    [(notes, *_), (name, statement, reads)] = superuser.rows(
        "SELECT name, statement, reads FROM integratedb_queries('reporter')"
    )
    assert (notes, name) == ("notes", "totals")
    assert [match["path"] for match in reads] == ["shop.customers", "shop.orders"]
    assert statement is not None
    superuser.run("SELECT integratedb_drop_query('reporter', 'totals')")
    with refused("42501"):
        reporter.run("SELECT total FROM shop.orders")


def test_the_grants_of_others_are_still_theirs(source, superuser, restored):
    superuser.run("GRANT SELECT (total) ON shop.orders TO reporter")
    restored_superuser = restored("postgres")
    restored_superuser.run("""SELECT integratedb_claim('reporter', '{"match": []}')""")
    assert restored_superuser.value("SELECT has_column_privilege('reporter', 'shop.orders', 'total', 'SELECT')")


def test_a_stakeholder_of_a_restored_database_may_be_dropped(restored):
    superuser = restored("postgres")
    assert superuser.value("SELECT integratedb_drop_stakeholder('reporter')") is True
    assert superuser.rows("SELECT FROM pg_roles WHERE rolname = 'reporter'") == []


@pytest.fixture
def agreements(source: Server, admin: Session, owner: Session) -> Iterator[str]:
    """A deprecation, a waiver, a request and a lease, whose username is given."""
    owner.run("SELECT integratedb_deprecate('shop.orders', 'note', now() + interval '30 days', 'read shop.notes')")
    admin.run(
        "SELECT integratedb_waive('reporter', 'shop.orders', 'note', now() + interval '9 days', '2.4 reads none')"
    )
    admin.run("""SELECT integratedb_request_claim('reporter', '{"match": []}', 'notifications')""")
    username: str = admin.value("SELECT username FROM integratedb_lease('reporter')")
    yield username
    admin.run("SELECT integratedb_revoke_lease(id) FROM integratedb_leases()")


def test_agreements_are_in_force_and_a_lease_ends_without_a_trace(agreements, restored):
    superuser, owner = restored("postgres"), restored("shop_owner")
    superuser.run("SELECT integratedb_sync()")
    assert owner.rows("SELECT path, field, message, claimed_by FROM integratedb_deprecations()") == [
        ("shop.orders", "note", "read shop.notes", ["reporter"])
    ]
    assert owner.rows("SELECT path, field, reason FROM integratedb_waivers()") == [
        ("shop.orders", "note", "2.4 reads none")
    ]
    assert superuser.rows("SELECT stakeholder, kind, requested_by FROM integratedb_requests()") == [
        ("reporter", "notifications", "shop_admin")
    ]
    owner.run("ALTER TABLE shop.orders DROP COLUMN note")
    assert owner.warnings() == ["waived: a claim of reporter is unmet"]
    assert superuser.rows("SELECT username FROM integratedb_leases()") == [(agreements,)]
    superuser.run("SELECT integratedb_revoke_lease(id) FROM integratedb_leases()")
    assert superuser.rows("SELECT FROM pg_roles WHERE rolname = %s", agreements) == []


def test_settings_and_identifiers_go_on(source, admin, restored):
    admin.run("SELECT integratedb_configure('ddl_event_retention', '30 days')")
    superuser = restored("postgres")
    assert superuser.value("SELECT value FROM integratedb_status() WHERE fact = 'ddl_event_retention'") == "30 days"
    superuser.run("SELECT integratedb_create_stakeholder('another')")
    assert superuser.value("SELECT max(id) > min(id) FROM integratedb_stakeholders()")


def test_status_tells_that_it_is_not_armed_yet_and_sync_arms_it(restored):
    superuser = restored("postgres")
    armed = "SELECT value FROM integratedb_status() WHERE fact = 'armed'"
    assert superuser.value(armed).startswith("no: restored")
    superuser.run("SELECT integratedb_sync()")
    assert superuser.warnings() == []
    assert superuser.value(armed) == "yes"


def test_identifiers_that_mean_something_else_now_do_not_mislead(restored):
    """The oid that the dump recorded for a claimed table may be another table's in the new cluster."""
    superuser, owner = restored("postgres"), restored("shop_owner")
    superuser.run("UPDATE integratedb.claim_relation SET relid = 'shop.visits'::regclass, path = path")
    superuser.run("UPDATE integratedb.own_grant SET relid = 'shop.visits'::regclass WHERE relation_name = 'orders'")
    owner.run("DROP TABLE shop.visits")
    assert owner.warnings() == []
    with refused("IDB01"):
        owner.run("ALTER TABLE shop.orders DROP COLUMN note")


def test_roles_that_are_missing_are_a_warning(source, second_server, tmp_path):
    for role in ("shop_owner", "integratedb_admin", "integratedb_daemon", "integratedb_management"):
        tool(second_server, "psql", "--quiet", "--dbname", "postgres", f"--command=CREATE ROLE {role} LOGIN")
    tool(second_server, "createdb", DATABASE)
    script = tool(source, "pg_dump", "--no-privileges", DATABASE).replace("OWNER TO reporter", "OWNER TO CURRENT_USER")
    tool(second_server, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", DATABASE, script=script)
    with open_session(second_server, "shop_owner", DATABASE) as owner:
        owner.run("ALTER TABLE shop.products ADD COLUMN weight integer")
        assert any("role reporter of stakeholder reporter does not exist" in warning for warning in owner.warnings())
        with refused("IDB01"):
            owner.run("ALTER TABLE shop.orders DROP COLUMN note")
        owner.notices.clear()
        owner.run("SELECT integratedb_sync()")
        assert any("role reporter of stakeholder reporter does not exist" in warning for warning in owner.warnings())


def test_a_restore_over_a_schema_that_breaks_a_claim_is_a_warning(source, roles, second_server, tmp_path):
    """The dump says what there is, and the claims come with it: nobody is migrating."""
    restore_plain(source, second_server, tmp_path)
    script = tool(source, "pg_dump", "--clean", "--if-exists", DATABASE).replace(
        "note character varying(200)", "remark text"
    )
    script = script.replace(
        "COPY shop.orders (id, customer_id, status, total, note, placed_at)",
        "COPY shop.orders (id, customer_id, status, total, remark, placed_at)",
    )
    script = "\n".join(line for line in script.splitlines() if not (line.startswith("GRANT SELECT(note)")))
    tool(
        second_server,
        "psql",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--single-transaction",
        "--dbname",
        DATABASE,
        script=script,
    )
    with open_session(second_server, "shop_owner", DATABASE) as owner:
        owner.run("ALTER TABLE shop.orders ADD COLUMN channel text")
        (warning,) = owner.warnings()
        assert "since an earlier transaction" in warning
        assert [path for (path,) in owner.rows("SELECT path FROM integratedb_unmet_claims()")] == ["shop.orders"]


def test_a_single_table_of_a_dump_is_restored_over_its_claims(source, server, claim, owner, superuser, tmp_path):
    """In a database that is in use: what the dump breaks is a warning, and the next check makes the rest whole."""
    superuser.run("CREATE TABLE public.one (id integer)")
    claim({"path": "public.one", "fields": ["id"]}, {"path": "shop.orders", "fields": ["id"]})
    tool(source, "pg_dump", "--format=custom", "--table=public.one", f"--file={tmp_path}/one", DATABASE)
    done = subprocess.run(
        [BINDIR / "pg_restore", "--host", server.socket, "--port", str(server.port), "--username", server.superuser,
         "--clean", "--exit-on-error", "--verbose", "--dbname", DATABASE, tmp_path / "one"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "WARNING:  a dump is being restored: a claim of reporter is unmet" in done.stderr
    assert superuser.rows("SELECT * FROM integratedb_unmet_claims()") == []
    assert superuser.value("SELECT value FROM integratedb_status() WHERE fact = 'pending sync'") == "1"
    owner.run("ALTER TABLE shop.orders ADD COLUMN more integer")
    assert superuser.value("SELECT value FROM integratedb_status() WHERE fact = 'pending sync'") == "0"
    assert superuser.value("SELECT has_column_privilege('reporter', 'public.one', 'id', 'SELECT')")
    with refused("IDB01"):
        superuser.run("DROP TABLE public.one")


MARKS = ("check_function_bodies", "row_security")
DROP_NOTE = "ALTER TABLE shop.orders DROP COLUMN note"
NO_PATH = "SELECT set_config('search_path', '', false)"


def test_the_settings_of_a_restore_excuse_no_ordinary_role(claim, owner):
    claim({"path": "shop.orders", "fields": ["note"]})
    owner.run(f"SET check_function_bodies = off; SET row_security = off; {NO_PATH}")
    with refused("IDB01"):
        owner.run(DROP_NOTE)


@pytest.fixture
def chief(claim, superuser, connect) -> Session:
    """Who may skip the checks by restoring a dump, and owns what is claimed."""
    claim({"path": "shop.orders", "fields": ["note"]})
    superuser.run("CREATE ROLE chief LOGIN IN ROLE shop_owner, integratedb_admin")
    session: Session = connect("chief")
    return session


def logged(session: Session) -> list[tuple[str, str | None]]:
    return session.rows(
        "SELECT object_identity, reason FROM integratedb_ddl_events()"
        " WHERE object_identity IN ('shop.orders.note', 'shop.orders', 'shop.purchases')"
    )


@pytest.mark.parametrize(
    ("by", "path"),
    [
        ("SET {} = off", NO_PATH),
        ("SET LOCAL {} = off", "SET search_path = ''"),
        ("SELECT set_config('{}', 'off', false)", "SET LOCAL search_path = ''"),
    ],
)
def test_the_settings_of_a_restore_count_in_the_session_that_has_set_them(chief, by, path):
    with chief.transaction():
        for setting in MARKS:
            chief.run(by.format(setting))
        chief.run(path)
        chief.run(DROP_NOTE)
    (warning,) = chief.warnings()
    assert "a dump is being restored: a claim of reporter is unmet" in warning
    chief.run("RESET ALL")
    assert ("shop.orders.note", "a dump is being restored") in logged(chief)
    assert chief.rows("SELECT path FROM integratedb_unmet_claims()") == [("shop.orders",)]


@pytest.mark.parametrize(
    "path", [None, "SET search_path = shop", "SET search_path = 'x'", "SET search_path = '', shop"]
)
def test_who_works_under_a_search_path_restores_nothing(chief, path):
    chief.run("SET check_function_bodies = off; SET row_security = off")
    if path:
        chief.run(path)
    with refused("IDB01"):
        chief.run(DROP_NOTE)


TRAPS = {
    "both": "SET check_function_bodies = off; SET row_security = off;",
    "all": "SET check_function_bodies = off; SET row_security = off; SET search_path = '';"
    " SET client_min_messages = error;",
}


@pytest.fixture
def trapped(chief, superuser) -> Callable[[str], None]:
    """Somebody's trigger makes the session of an admin look like a restore."""

    def trap(settings: str) -> None:
        superuser.run(f"""
            CREATE ROLE attacker;
            CREATE SCHEMA attacker AUTHORIZATION attacker;
            SET ROLE attacker;
            CREATE TABLE attacker.bait (id integer);
            GRANT USAGE ON SCHEMA attacker TO PUBLIC;
            GRANT INSERT ON attacker.bait TO PUBLIC;
            CREATE FUNCTION attacker.spring() RETURNS trigger LANGUAGE plpgsql
              AS $$ BEGIN {settings} RETURN NEW; END $$;
            CREATE TRIGGER spring BEFORE INSERT ON attacker.bait FOR EACH ROW EXECUTE FUNCTION attacker.spring();
            RESET ROLE;
        """)
        chief.run("INSERT INTO attacker.bait VALUES (1)")

    return trap


@pytest.mark.parametrize("ddl", [DROP_NOTE, "ALTER TABLE shop.orders RENAME TO purchases"])
def test_a_trigger_that_sets_the_marks_excuses_nothing(chief, trapped, ddl):
    trapped(TRAPS["both"])
    assert chief.value("SHOW row_security") == "off"
    with refused("IDB01"):
        chief.run(ddl)


@pytest.mark.parametrize(
    "ddl", [DROP_NOTE, "DROP TABLE shop.orders CASCADE", "ALTER TABLE shop.orders RENAME TO purchases"]
)
def test_what_passes_because_a_trigger_emptied_the_search_path_too_is_told_and_on_record(
    chief, superuser, trapped, ddl
):
    trapped(TRAPS["all"])
    chief.run(ddl)
    (warning,) = chief.warnings()
    assert "a dump is being restored: a claim of reporter is unmet" in warning
    assert {reason for _, reason in logged(superuser)} == {"a dump is being restored"}
    assert superuser.rows("SELECT path FROM integratedb_unmet_claims()") == [("shop.orders",)]


def test_a_validation_that_somebody_asks_for_is_none_of_a_restore(chief, trapped):
    trapped(TRAPS["all"])
    chief.run(DROP_NOTE)
    with refused("IDB01"):
        chief.run("SELECT public.integratedb_validate_migration()")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER DATABASE shop SET {} = off",
        "ALTER ROLE chief SET {} = off",
        "ALTER ROLE chief IN DATABASE shop SET {} = off",
        "ALTER ROLE ALL SET {} = off",
        None,
    ],
)
@pytest.mark.parametrize("user", ["chief", "postgres"])
def test_they_do_not_count_where_something_else_has_set_them(chief, superuser, connect, change, user):
    try:
        for setting in MARKS if change else ():
            superuser.run(change.replace("chief", user).format(setting))
        more = {} if change else {"options": " ".join(f"-c {setting}=off" for setting in MARKS)}
        session = connect(user, **more)
        session.run(NO_PATH)
        assert [session.value(f"SHOW {setting}") for setting in MARKS] == ["off", "off"]
        with refused("IDB01"):
            session.run(DROP_NOTE)
        with refused("IDB01"), session.transaction():
            session.run(f"{DROP_NOTE}; SELECT public.integratedb_validate_migration()")
        # One that the session has set itself is not enough.
        session.run("SET check_function_bodies = off")
        with refused("IDB01"):
            session.run(DROP_NOTE)
        session.run("SET row_security = off")
        session.run(DROP_NOTE)
    finally:
        for setting in MARKS if change else ():
            superuser.run(
                change.replace("chief", user).format(setting).replace(f"SET {setting} = off", f"RESET {setting}")
            )


def test_a_copy_made_by_template_is_enforced_too(claim, owner, superuser, server, connect):
    claim(*MATCHES)
    for session in (owner, superuser):
        session.close()
    with open_session(server, server.superuser, "postgres") as cluster:
        cluster.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'")
        cluster.run(f"CREATE DATABASE shop_copy TEMPLATE {DATABASE}")
    copy = connect("shop_owner", dbname="shop_copy")
    with refused("IDB01"):
        copy.run("ALTER TABLE shop.orders DROP COLUMN note")
    copy.run("ALTER TABLE shop.products ADD COLUMN weight integer")
    connect("reporter", dbname="shop_copy").run("SELECT weight FROM shop.products")
