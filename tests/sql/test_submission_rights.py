"""Who may submit, replace and give up a specification, and who stays responsible for what it grants later."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, OWNER
from tests.support import Session, refused

ORDERS = {"path": "shop.orders", "fields": ["id", "status"]}
STOCK = {"path": "depot.stock", "fields": ["sku"]}
NOBODY = "shop_nobody"
KEEPER = "depot_keeper"


@pytest.fixture(autouse=True)
def reporter(superuser: Session, stakeholder) -> Session:
    """The stakeholder of every test; beside the shop there is a depot of another owner, and somebody without rights."""
    superuser.run(f"""
        CREATE ROLE {NOBODY} LOGIN;
        CREATE ROLE {KEEPER} LOGIN;
        CREATE SCHEMA depot AUTHORIZATION {KEEPER};
        CREATE TABLE depot.stock (sku text, shelf text);
        ALTER TABLE depot.stock OWNER TO {KEEPER};
    """)
    session: Session = stakeholder("reporter")
    return session


def hand_in(session: Session, *matches: dict[str, Any]) -> None:
    session.run("SELECT integratedb_claim('reporter', %s)", Jsonb({"match": list(matches)}))


def stored(superuser: Session) -> list[Any]:
    """The matches that are stored, and who is responsible for them."""
    rows = superuser.rows("SELECT document -> 'match', handed_in_by FROM integratedb.specification")
    return list(rows[0]) if rows else []


def readable(superuser: Session, *columns: str) -> list[bool]:
    return [
        superuser.value("SELECT has_column_privilege('reporter', %s, %s, 'SELECT')", *column.rsplit(".", 1))
        for column in columns
    ]


# Submit


def test_an_admin_may_submit_anything(admin, superuser):
    hand_in(admin, ORDERS, STOCK, {"path": "shop.*", "fields": ["*"]}, {"path": "shop.later", "optional": True})
    assert stored(superuser)[1] == ADMIN


def test_the_owner_of_every_relation_named_may(owner, superuser, reporter):
    hand_in(owner, ORDERS, {"path": "shop.sales", "fields": ["*"]})
    assert stored(superuser)[1] == OWNER
    assert len(reporter.rows("SELECT id FROM shop.orders")) == 200


def test_the_owner_of_only_some_of_them_may_not(owner, superuser):
    with refused("42501", match=r"depot\.stock") as error:
        hand_in(owner, ORDERS, STOCK)
    assert OWNER in (error.value.diag.message_primary or "")
    assert error.value.diag.message_hint
    assert stored(superuser) == []
    assert readable(superuser, "shop.orders.id") == [False]


def test_whoever_has_the_grant_option_on_the_table_may(owner, connect, superuser):
    owner.run(f"GRANT SELECT ON shop.orders TO {NOBODY} WITH GRANT OPTION")
    with refused("42501", match="USAGE on schema shop"):
        hand_in(connect(NOBODY), ORDERS)
    owner.run(f"GRANT USAGE ON SCHEMA shop TO {NOBODY} WITH GRANT OPTION")
    hand_in(connect(NOBODY), ORDERS)
    assert readable(superuser, "shop.orders.id") == [True]
    with refused("42501", match=r"shop\.products"):
        hand_in(connect(NOBODY), ORDERS, {"path": "shop.products"})


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT SELECT ON shop.orders TO {}",
        "GRANT SELECT (id, status) ON shop.orders TO {} WITH GRANT OPTION",
        "GRANT INSERT, UPDATE, DELETE ON shop.orders TO {} WITH GRANT OPTION",
    ],
)
def test_whoever_may_merely_use_the_table_may_not(owner, connect, superuser, grant):
    owner.run("GRANT USAGE ON SCHEMA shop TO PUBLIC")
    owner.run(grant.format(NOBODY))
    with refused("42501", match=NOBODY):
        hand_in(connect(NOBODY), ORDERS)
    assert stored(superuser) == []


def test_a_member_of_the_owner_may(superuser, connect):
    superuser.run(f"GRANT {OWNER} TO {NOBODY}")
    hand_in(connect(NOBODY), ORDERS)
    assert stored(superuser)[1] == NOBODY


@pytest.mark.parametrize(
    "match",
    [
        {"path": "shop.*", "fields": ["*"]},
        {"path": "shop.*", "fields": ["*"], "optional": True},
        {"path": "shop.later", "optional": True},
        {"path": "nowhere.later", "fields": ["*"], "optional": True},
        {"alternatives": [ORDERS, {"path": "shop.later", "fields": ["id"]}]},
    ],
)
def test_whole_schemas_and_what_does_not_exist_yet_need_an_admin(owner, admin, superuser, match):
    for matches in ([match], [ORDERS, match]):
        with refused("42501"):
            hand_in(owner, *matches)
    assert stored(superuser) == []
    hand_in(admin, match)
    with refused("42501"):
        hand_in(owner, ORDERS)


def test_a_stakeholder_may_submit_its_own_tables_for_itself_and_others(reporter, stakeholder, admin):
    fulfilment = stakeholder("fulfilment")
    reporter.run("CREATE TABLE reporter.totals (day date)")
    spec = Jsonb({"match": [{"path": "reporter.totals", "fields": ["day"]}]})
    reporter.run("SELECT integratedb_claim('fulfilment', %s)", spec)
    assert fulfilment.rows("SELECT day FROM reporter.totals") == []
    with refused("42501"):
        reporter.run("SELECT integratedb_claim('fulfilment', %s)", Jsonb({"match": [ORDERS]}))


# Replace and give up


@pytest.mark.parametrize("role", [NOBODY, KEEPER])
@pytest.mark.parametrize("matches", [[], [ORDERS], [{"path": "shop.orders", "optional": True}]])
def test_others_may_neither_replace_nor_give_up(admin, connect, superuser, role, matches):
    hand_in(admin, ORDERS)
    with refused("42501", match=role):
        hand_in(connect(role), *matches)
    assert stored(superuser) == [[ORDERS], ADMIN]


def test_others_may_not_submit_nothing_either(admin, connect, superuser):
    with refused("42501", match=NOBODY):
        hand_in(connect(NOBODY))
    hand_in(admin)
    with refused("42501", match=NOBODY):
        hand_in(connect(NOBODY))
    assert stored(superuser) == [[], ADMIN]


def test_the_owner_may_replace_and_give_up_what_owners_handed_in(superuser, connect, owner):
    superuser.run(f"GRANT {OWNER} TO {NOBODY}")
    hand_in(connect(NOBODY), ORDERS)
    hand_in(owner, {"path": "shop.products", "fields": ["*"]})
    assert stored(superuser)[1] == OWNER
    hand_in(owner)
    assert stored(superuser) == [[], OWNER]


@pytest.mark.parametrize("matches", [[], [{"path": "shop.orders"}], [{**ORDERS, "optional": True}], [ORDERS]])
@pytest.mark.parametrize("function", ["integratedb_claim", "integratedb_notify"])
def test_the_owner_may_not_give_up_or_weaken_what_an_admin_handed_in(admin, owner, superuser, function, matches):
    given = {**ORDERS, "events": ["INSERT"]} if function == "integratedb_notify" else ORDERS
    admin.run(f"SELECT {function}('reporter', %s)", Jsonb({"match": [given]}))
    with refused("42501", match=ADMIN):
        owner.run(f"SELECT {function}('reporter', %s)", Jsonb({"match": matches}))
    assert stored(superuser)[1] == ADMIN
    with refused("IDB01"), owner.transaction():
        owner.run("ALTER TABLE shop.orders DROP COLUMN status CASCADE")


def test_nor_what_the_stakeholder_itself_or_somebody_who_is_gone_handed_in(superuser, connect, reporter, owner):
    superuser.run(f"GRANT CREATE ON SCHEMA shop TO reporter; CREATE ROLE temp LOGIN; GRANT {OWNER} TO temp")
    superuser.run("CREATE TABLE reporter.own (n integer)")
    superuser.run("ALTER TABLE reporter.own OWNER TO reporter")
    hand_in(reporter, {"path": "reporter.own"})
    superuser.run(f"ALTER TABLE reporter.own OWNER TO {OWNER}; GRANT USAGE ON SCHEMA reporter TO {OWNER}")
    with refused("42501", match="the stakeholder itself"):
        hand_in(owner)
    hand_in(reporter)
    hand_in(connect("temp"), ORDERS)
    superuser.run("DROP OWNED BY temp; DROP ROLE temp")
    with refused("42501", match="no longer exists"):
        hand_in(owner)


def test_once_it_was_given_up_anybody_who_may_begins_anew(admin, reporter, owner, superuser):
    hand_in(admin, ORDERS)
    hand_in(reporter)
    hand_in(owner, ORDERS)
    assert stored(superuser)[1] == OWNER


def test_the_owner_of_the_new_relations_may_not_replace_what_names_others(connect, owner, superuser):
    superuser.run(f"CREATE ROLE owner_of_both LOGIN; GRANT {OWNER}, {KEEPER} TO owner_of_both")
    hand_in(connect("owner_of_both"), ORDERS, STOCK)
    for matches in ([ORDERS], [], [{"path": "shop.products"}]):
        with refused("42501", match=r"depot\.stock"):
            hand_in(owner, *matches)
    assert stored(superuser) == [[ORDERS, STOCK], "owner_of_both"]


# The stakeholder itself


@pytest.mark.parametrize(
    "matches",
    [
        [],
        [{"path": "shop.orders", "fields": ["id"]}],
        [{"path": "shop.orders"}],
        [{**ORDERS, "optional": True}],
        [{"path": "shop.orders", "fields": ["id", {"name": "status", "optional": True}]}],
    ],
)
def test_a_stakeholder_may_weaken_its_own_and_responsibility_stays(admin, reporter, superuser, matches):
    hand_in(admin, ORDERS, STOCK)
    hand_in(reporter, *matches)
    assert stored(superuser) == [matches, ADMIN]
    assert readable(superuser, "depot.stock.sku") == [False]


@pytest.mark.parametrize(
    "matches",
    [
        [{"path": "shop.orders", "fields": ["id", "status", "total"]}],
        [{"path": "shop.orders", "fields": ["*"]}],
        [{"path": "shop.orders", "fields": ["id", {"name": "status", "type": "order_status"}]}],
        [ORDERS, {"path": "shop.customers", "fields": ["email"]}],
        [{"alternatives": [ORDERS, {"path": "shop.customers", "fields": ["email"]}]}],
        [{"path": "shop.*", "fields": ["*"]}],
    ],
)
def test_a_stakeholder_may_not_ask_for_more(admin, reporter, superuser, matches):
    hand_in(admin, ORDERS)
    with refused("42501", match="reporter"):
        hand_in(reporter, *matches)
    assert stored(superuser) == [[ORDERS], ADMIN]


def test_a_stakeholder_may_not_begin_by_itself(reporter, superuser):
    with refused("42501"):
        hand_in(reporter, ORDERS)
    assert stored(superuser) == []


def test_what_a_stakeholder_gave_up_it_cannot_take_back(admin, reporter):
    hand_in(admin, ORDERS)
    hand_in(reporter)
    with refused("42501"):
        hand_in(reporter, ORDERS)


def test_a_stakeholder_may_not_weaken_anothers(admin, stakeholder, superuser):
    hand_in(admin, ORDERS)
    with refused("42501", match="fulfilment"):
        hand_in(stakeholder("fulfilment"))
    assert stored(superuser) == [[ORDERS], ADMIN]


def test_a_stakeholder_reads_its_own_specification_access_and_status_and_no_others(admin, reporter, stakeholder):
    stakeholder("fulfilment")
    hand_in(admin, ORDERS)
    assert reporter.value("SELECT integratedb_specification('reporter')") == {"match": [ORDERS]}
    assert len(reporter.rows("SELECT * FROM integratedb_access('reporter')")) == 2
    assert reporter.rows("SELECT * FROM integratedb_status()")
    for call in ("integratedb_specification('fulfilment')", "integratedb_access('fulfilment')"):
        with refused("42501", match="fulfilment"):
            reporter.rows(f"SELECT {call}")


# Whoever submitted it stays responsible


@pytest.fixture
def shared(superuser: Session) -> None:
    """A schema where both owners may create tables, with one of the shop's."""
    superuser.run(f"""
        CREATE SCHEMA shared;
        GRANT USAGE ON SCHEMA shared TO {OWNER}, {KEEPER} WITH GRANT OPTION;
        GRANT CREATE ON SCHEMA shared TO {OWNER}, {KEEPER};
        SET ROLE {OWNER};
        CREATE TABLE shared.t (id integer);
        RESET ROLE;
    """)


OPTIONAL = {"path": "shared.t", "fields": ["id"], "optional": True}


@pytest.mark.parametrize(("by", "granted"), [(OWNER, False), (ADMIN, True)])
@pytest.mark.usefixtures("shared")
def test_what_another_owner_makes_anew_is_granted_only_if_the_responsible_could(connect, owner, superuser, by, granted):
    hand_in(connect(by), OPTIONAL)
    assert readable(superuser, "shared.t.id") == [True]
    owner.run("DROP TABLE shared.t")
    connect(KEEPER).run("CREATE TABLE shared.t (id integer)")
    assert readable(superuser, "shared.t.id") == [granted]


@pytest.mark.usefixtures("shared")
def test_what_the_same_owner_makes_anew_is_granted(owner, superuser):
    hand_in(owner, OPTIONAL)
    owner.run("DROP TABLE shared.t")
    owner.run("CREATE TABLE shared.t (id integer)")
    assert readable(superuser, "shared.t.id") == [True]


@pytest.mark.usefixtures("shared")
def test_once_the_responsible_could_grant_it_the_next_sync_does(owner, connect, superuser):
    hand_in(owner, OPTIONAL)
    owner.run("DROP TABLE shared.t")
    keeper = connect(KEEPER)
    keeper.run("CREATE TABLE shared.t (id integer)")
    keeper.run(f"GRANT SELECT ON shared.t TO {OWNER} WITH GRANT OPTION")
    owner.run("SELECT integratedb_sync()")
    assert readable(superuser, "shared.t.id") == [True]


@pytest.mark.usefixtures("shared")
def test_a_required_table_that_goes_to_an_owner_who_did_not_agree_is_refused(owner, superuser):
    hand_in(owner, {"path": "shared.t", "fields": ["id"]})
    with refused("IDB01", match="reporter"), superuser.transaction():
        superuser.run(
            f"DROP TABLE shared.t; CREATE TABLE shared.t (id integer); ALTER TABLE shared.t OWNER TO {KEEPER}"
        )


@pytest.mark.usefixtures("shared")
def test_a_role_that_was_dropped_is_responsible_for_nothing_new(superuser, connect):
    superuser.run(f"CREATE ROLE temp LOGIN; GRANT {OWNER} TO temp")
    hand_in(connect("temp"), OPTIONAL)
    superuser.run("DROP TABLE shared.t; DROP OWNED BY temp; DROP ROLE temp; CREATE TABLE shared.t (id integer)")
    assert readable(superuser, "shared.t.id") == [False]


# Acting as somebody else


def test_set_role_is_who_hands_in(superuser, connect, admin):
    superuser.run(f"GRANT {NOBODY} TO {ADMIN}")
    for session in (superuser, admin):
        session.run(f"SET ROLE {NOBODY}")
        with refused("42501", match=NOBODY):
            hand_in(session, ORDERS)
        session.run("RESET ROLE")
    superuser.run(f"SET ROLE {OWNER}")
    hand_in(superuser, ORDERS)
    superuser.run("RESET ROLE")
    assert stored(superuser)[1] == OWNER


def test_a_member_that_does_not_inherit_is_an_admin_after_set_role_only(superuser, connect):
    superuser.run(f"ALTER ROLE {NOBODY} NOINHERIT; GRANT integratedb_admin TO {NOBODY}")
    session = connect(NOBODY)
    with refused("42501"):
        hand_in(session, ORDERS)
    session.run("SET ROLE integratedb_admin")
    hand_in(session, ORDERS)
    assert stored(superuser)[1] == "integratedb_admin"


def test_a_security_definer_function_lends_nobody_its_owners_rights(superuser, connect):
    superuser.run("""
        CREATE FUNCTION public.lend(spec jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER
        AS $$ SELECT integratedb_claim('reporter', spec) $$;
    """)
    with refused("42501", match=NOBODY):
        connect(NOBODY).run("SELECT lend(%s)", Jsonb({"match": [ORDERS]}))
    assert stored(superuser) == []


@pytest.mark.parametrize("setting", ["role", "session_authorization"])
def test_a_function_cannot_set_itself_a_better_role(superuser, connect, setting):
    superuser.run(f"GRANT CREATE ON SCHEMA public TO {NOBODY}")
    nobody = connect(NOBODY)
    with refused("42501"):
        nobody.run(f"""
            CREATE FUNCTION public.climb(spec jsonb) RETURNS jsonb LANGUAGE sql SET {setting} = '{ADMIN}'
            AS $$ SELECT integratedb_claim('reporter', spec) $$;
        """)
        nobody.run("SELECT climb(%s)", Jsonb({"match": [ORDERS]}))
    assert stored(superuser) == []


@pytest.mark.parametrize(
    "statement",
    [
        "REINDEX TABLE depot.stock",
        "VACUUM FULL depot.stock",
        "ANALYZE depot.stock",
        "BEGIN; CREATE TABLE shop.extra (); REINDEX TABLE depot.stock; COMMIT",
        "BEGIN; SELECT integratedb_sync(); ANALYZE depot.stock; COMMIT",
    ],
)
@pytest.mark.parametrize("swallow", [False, True])
def test_code_in_an_index_cannot_submit_with_the_rights_of_whoever_maintains_it(superuser, connect, statement, swallow):
    keeper = connect(KEEPER)
    handler = "EXCEPTION WHEN OTHERS THEN RETURN sku;" if swallow else ""
    keeper.run(f"""
        CREATE FUNCTION depot.trap(sku text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
          IF session_user = '{superuser.info.user}' THEN
            PERFORM public.integratedb_claim('reporter', '{{"match": [{{"path": "shop.orders", "fields": ["id"]}}]}}');
          END IF;
          RETURN sku;
          {handler}
        END
        $$;
        INSERT INTO depot.stock SELECT 'TEA-' || n FROM generate_series(1, 5) AS n;
        CREATE INDEX ON depot.stock (depot.trap(sku));
    """)
    if swallow:
        superuser.run(statement)
    else:
        with refused("42501"):
            superuser.run(statement)
        superuser.run("ROLLBACK")
    assert stored(superuser) == []
    assert readable(superuser, "shop.orders.id") == [False]


# Types of others

ITEMS = {
    "path": "depot.items",
    "fields": [
        {"name": "state", "type": "kinds.state"},
        {"name": "states", "type": "kinds.state[]"},
        {"name": "score", "type": "kinds.score", "is_nullable": False},
    ],
}
TYPER = "kinds_owner"


@pytest.fixture
def typer(superuser: Session, connect) -> Session:
    """Who owns types that the depot uses, by the right that PUBLIC has, and has granted nobody anything."""
    superuser.run(f"""
        CREATE ROLE {TYPER} LOGIN;
        CREATE SCHEMA kinds AUTHORIZATION {TYPER};
        GRANT CREATE ON DATABASE shop TO {TYPER};
        SET ROLE {TYPER};
        CREATE SCHEMA other_kinds;
        CREATE TYPE kinds.state AS ENUM ('new');
        CREATE DOMAIN kinds.score AS numeric(8, 2) NOT NULL;
        GRANT USAGE ON SCHEMA kinds TO PUBLIC;
        SET ROLE {KEEPER};
        CREATE TABLE depot.items (state kinds.state, states kinds.state[], score kinds.score);
        RESET ROLE;
    """)
    session: Session = connect(TYPER)
    return session


TYPE_CHANGES = [
    "ALTER TYPE kinds.state RENAME TO condition",
    "ALTER TYPE kinds.state SET SCHEMA other_kinds",
    "ALTER SCHEMA kinds RENAME TO sorts",
    "ALTER DOMAIN kinds.score RENAME TO points",
    "ALTER DOMAIN kinds.score DROP NOT NULL",
    "ALTER DOMAIN kinds.score SET SCHEMA other_kinds",
]


@pytest.mark.parametrize("ddl", TYPE_CHANGES)
def test_whoever_owns_a_table_cannot_keep_others_from_changing_their_types(typer, superuser, connect, ddl):
    with connect(KEEPER) as keeper:
        hand_in(keeper, ITEMS)
    typer.run(ddl)
    (warning,) = typer.warnings()
    assert "whoever submitted it has no right to keep the type as it was: a claim of reporter is unmet" in warning
    assert superuser.rows("SELECT stakeholder, path FROM integratedb_unmet_claims()") == [("reporter", "depot.items")]


@pytest.mark.parametrize("ddl", TYPE_CHANGES)
def test_an_admin_can(typer, admin, ddl):
    hand_in(admin, ITEMS)
    with refused("IDB01"):
        typer.run(ddl)


@pytest.mark.parametrize("ddl", TYPE_CHANGES)
def test_so_can_whoever_has_the_rights_of_the_owner_of_the_types(typer, superuser, connect, ddl):
    superuser.run(f"GRANT {TYPER} TO {KEEPER}")
    with connect(KEEPER) as keeper:
        hand_in(keeper, ITEMS)
    with refused("IDB01"):
        typer.run(ddl)


@pytest.mark.parametrize(
    "ddl",
    ["ALTER TABLE depot.items ALTER COLUMN state TYPE text", "ALTER TABLE depot.items RENAME COLUMN score TO points"],
)
def test_the_type_of_the_column_stays_promised(typer, connect, ddl):
    keeper = connect(KEEPER)
    hand_in(keeper, ITEMS)
    with refused("IDB01"):
        keeper.run(ddl)
    # With a column goes what is read.
    with refused("IDB01"):
        typer.run("DROP TYPE kinds.state CASCADE")
    typer.run("ALTER TYPE kinds.state ADD VALUE 'old'; ALTER DOMAIN kinds.score ADD CHECK (VALUE > 0)")
    assert typer.warnings() == []
