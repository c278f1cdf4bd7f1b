"""Notifications in the database: what may be asked for, what owners may still do, what the daemon learns."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import Connect
from tests.support import Server, Session, refused

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
HOOK = {"name": "hook", "type": "WEBHOOK", "url": "https://user:pass@shop.example/hook", "secret": SECRET}
BUS = {"name": "bus", "type": "REDIS", "url": "redis://localhost/0"}
Notify = Callable[..., Any]


@pytest.fixture
def notify(admin: Session) -> Notify:
    """``notify(*matches, channels=[...])``: the stakeholder, created when it is new, is notified of these."""

    def notify(
        *matches: dict[str, Any], channels: list[Any] | None = None, by: str = "fulfilment", session: Session = admin
    ) -> Any:
        if not admin.rows("SELECT name FROM integratedb_stakeholders() WHERE name = %s", by):
            admin.run("SELECT integratedb_create_stakeholder(%s)", by)
        spec: dict[str, Any] = {"match": list(matches)}
        if channels is not None:
            spec["channels"] = channels
        return session.value("SELECT integratedb_notify(%s, %s)", by, Jsonb(spec))

    return notify


@pytest.fixture
def tables(owner: Session) -> None:
    """Tables of all kinds."""
    owner.run(
        """
        CREATE TABLE shop.keyed (id bigint PRIMARY KEY, v text);
        CREATE TABLE shop.keyless (v text);
        CREATE UNLOGGED TABLE shop.fleeting (id bigint PRIMARY KEY);
        CREATE TABLE shop.doubled (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
        CREATE VIEW shop.seen AS SELECT * FROM shop.keyed;
        CREATE TABLE shop.whole (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE shop.part PARTITION OF shop.whole FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        """
    )


def published(session: Session) -> dict[str, str]:
    return dict(
        session.rows(
            "SELECT relid::regclass::text, publication FROM integratedb.published"
            " WHERE publication <> 'integratedb_control'"
        )
    )


def latest_state(session: Session) -> Any:
    return session.value("SELECT body FROM integratedb.control WHERE kind = 'state' ORDER BY id DESC LIMIT 1")


pytestmark = pytest.mark.usefixtures("tables")


def test_publications_are_there_and_empty_from_the_beginning(superuser: Session) -> None:
    rows = superuser.rows(
        "SELECT pubname, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication ORDER BY 1"
    )
    assert rows == [
        ("integratedb", True, True, True, True, True),
        ("integratedb_append", True, False, False, True, True),
        ("integratedb_control", True, False, False, False, True),
    ]
    assert published(superuser) == {}


def test_publications_hold_what_is_asked_for(superuser: Session, notify: Notify) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]}, {"path": "shop.keyless", "fields": ["v"], "events": ["INSERT"]})
    assert published(superuser) == {"shop.keyed": "integratedb", "shop.keyless": "integratedb_append"}
    notify({"path": "shop.keyed", "fields": ["id"], "events": ["INSERT", "TRUNCATE"]})
    assert published(superuser) == {"shop.keyed": "integratedb_append"}
    notify({"path": "shop.whole", "fields": ["*"]})
    assert published(superuser) == {"shop.whole": "integratedb"}
    notify()
    assert published(superuser) == {}


def test_two_stakeholders_share_a_publication(superuser: Session, notify: Notify) -> None:
    notify({"path": "shop.keyed", "fields": ["id"], "events": ["INSERT"]})
    notify({"path": "shop.keyed", "fields": ["v"], "events": ["DELETE"]}, by="billing")
    assert published(superuser) == {"shop.keyed": "integratedb"}
    notify(by="billing")
    assert published(superuser) == {"shop.keyed": "integratedb_append"}


def test_no_column_lists_so_that_columns_stay_the_owners(superuser: Session, owner: Session, notify: Notify) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]})
    assert superuser.rows("SELECT prattrs FROM pg_publication_rel WHERE prattrs IS NOT NULL") == []
    owner.run("DROP VIEW shop.seen")
    owner.run("ALTER TABLE shop.keyed ALTER COLUMN v TYPE varchar(10)")
    owner.run("ALTER TABLE shop.keyed DROP COLUMN v")


@pytest.mark.parametrize(
    ("match", "message", "cure"),
    [
        ({"path": "shop.keyless", "fields": ["v"]}, "no replica identity", "REPLICA IDENTITY FULL"),
        ({"path": "shop.fleeting"}, "an unlogged table", "Name the tables"),
        ({"path": "shop.seen"}, "a view", "Name the tables"),
        ({"path": "shop.part"}, "a single partition", "partitioned table"),
        ({"path": "shop.doubled", "fields": ["twice"]}, "generated column", "Leave the column out"),
        ({"alternatives": [{"path": "shop.keyed"}, {"path": "shop.keyless"}]}, "no replica identity", "FULL"),
    ],
)
def test_what_cannot_be_notified_is_refused_with_the_cure(
    superuser: Session, notify: Notify, match: dict[str, Any], message: str, cure: str
) -> None:
    with refused("IDB03", message) as refusal:
        notify(match)
    assert cure in (refusal.value.diag.message_hint or "")
    assert message in json.loads(refusal.value.diag.message_detail or "[]")[0]["message"]
    assert published(superuser) == {}
    assert superuser.rows("SELECT FROM integratedb.specification") == []


def test_a_check_without_storing_says_the_same(admin: Session) -> None:
    spec = Jsonb({"match": [{"path": "shop.keyless", "fields": ["v"]}]})
    [row] = admin.dicts("SELECT * FROM integratedb_check_spec(%s, 'notifications')", spec)
    assert (row["code"], row["path"], row["property"]) == ("IDB03", "shop.keyless", "replica_identity")


def test_wildcards_skip_what_cannot_be_notified(superuser: Session, notify: Notify) -> None:
    notify({"path": "shop.*", "fields": ["*"]})
    tables = published(superuser)
    assert tables["shop.keyed"] == "integratedb"
    assert tables["shop.whole"] == "integratedb"
    assert tables["shop.keyless"] == "integratedb_append"
    assert "shop.part" not in tables
    assert "shop.fleeting" not in tables
    assert "shop.seen" not in tables


def test_a_table_of_a_wildcard_comes_and_goes_and_its_owner_is_never_stopped(
    superuser: Session, owner: Session, notify: Notify
) -> None:
    notify({"path": "shop.*", "fields": ["*"]})
    owner.run("CREATE TABLE shop.fresh (v text)")
    assert published(superuser)["shop.fresh"] == "integratedb_append"
    owner.run("INSERT INTO shop.fresh VALUES ('a')")
    owner.run("UPDATE shop.fresh SET v = 'b'")
    owner.run("DELETE FROM shop.fresh")
    owner.run("ALTER TABLE shop.fresh ADD PRIMARY KEY (v)")
    assert published(superuser)["shop.fresh"] == "integratedb"
    with owner.transaction():
        owner.run("DROP TABLE shop.fresh")
        owner.run("SELECT integratedb_sync()")
    assert "shop.fresh" not in published(superuser)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey",
        "ALTER TABLE shop.keyed REPLICA IDENTITY NOTHING",
        "ALTER TABLE shop.keyed SET UNLOGGED",
        "CREATE TABLE shop.next PARTITION OF shop.whole FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');"
        " ALTER TABLE shop.next REPLICA IDENTITY NOTHING",
        "ALTER TABLE shop.part REPLICA IDENTITY NOTHING",
    ],
)
def test_taking_the_identity_away_is_refused_at_commit(
    superuser: Session, owner: Session, notify: Notify, statement: str
) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]}, {"path": "shop.whole", "fields": ["id"]})
    before = published(superuser)
    with refused("IDB01", "notifications of fulfilment|publish") if "UNLOGGED" not in statement else refused("55000"):
        owner.run(statement)
    assert published(superuser) == before
    owner.run("INSERT INTO shop.keyed VALUES (1); UPDATE shop.keyed SET v = 'x'; DELETE FROM shop.keyed")


@pytest.mark.parametrize(
    "match",
    [
        {"path": "shop.later", "fields": ["v"], "optional": True},
        {"alternatives": [{"path": "shop.later", "fields": ["v"]}, {"path": "shop.keyed", "fields": ["v"]}]},
    ],
    ids=["optional", "alternative"],
)
def test_a_table_that_is_not_needed_may_come_without_identity_and_lose_it(
    superuser: Session, owner: Session, notify: Notify, match: dict[str, Any]
) -> None:
    notify(match)
    owner.run("CREATE TABLE shop.later (v text)")
    assert published(superuser)["shop.later"] == "integratedb_append"
    told = [
        notice
        for notice in owner.notices
        if "shop.later is notified of INSERT and TRUNCATE only" in notice.message_primary
    ]
    assert len(told) == 1
    assert "ALTER TABLE shop.later ADD PRIMARY KEY" in (told[0].message_hint or "")
    owner.run("ALTER TABLE shop.later ADD CONSTRAINT later_key PRIMARY KEY (v)")
    assert published(superuser)["shop.later"] == "integratedb"
    owner.run("ALTER TABLE shop.later DROP CONSTRAINT later_key")
    assert published(superuser)["shop.later"] == "integratedb_append"
    owner.run("INSERT INTO shop.later VALUES ('a'); UPDATE shop.later SET v = 'b'; DELETE FROM shop.later")


def test_the_last_alternative_that_can_be_told_keeps_its_identity(owner: Session, notify: Notify) -> None:
    notify({"alternatives": [{"path": "shop.later", "fields": ["v"]}, {"path": "shop.keyed", "fields": ["v"]}]})
    owner.run("CREATE TABLE shop.later (v text)")
    with refused("IDB01", "notifications of fulfilment"):
        owner.run("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")
    # One without the field that is asked for does not stand in for it.
    owner.run("ALTER TABLE shop.later ADD COLUMN id int PRIMARY KEY; ALTER TABLE shop.later DROP COLUMN v")
    with refused("IDB01", "notifications of fulfilment"):
        owner.run("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")
    owner.run("ALTER TABLE shop.later ADD COLUMN v text")
    owner.run("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")


def test_an_index_that_is_the_identity_may_not_go_alone(owner: Session, notify: Notify) -> None:
    owner.run("ALTER TABLE shop.keyless ADD COLUMN code text NOT NULL")
    owner.run("CREATE UNIQUE INDEX keyless_code ON shop.keyless (code)")
    owner.run("ALTER TABLE shop.keyless REPLICA IDENTITY USING INDEX keyless_code")
    notify({"path": "shop.keyless", "fields": ["code"]})
    with refused("IDB01", "notifications of fulfilment"):
        owner.run("DROP INDEX shop.keyless_code")


def test_a_partition_without_identity_cannot_be_attached(owner: Session, notify: Notify) -> None:
    owner.run("ALTER TABLE shop.whole DROP CONSTRAINT whole_pkey; ALTER TABLE shop.part REPLICA IDENTITY FULL")
    notify({"path": "shop.whole", "fields": ["id"]})
    owner.run("CREATE TABLE shop.loose (id int NOT NULL, day date NOT NULL)")
    attach = "ALTER TABLE shop.whole ATTACH PARTITION shop.loose FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')"
    with refused("IDB01", "notifications of fulfilment") as refusal:
        owner.run(attach)
    assert "shop.loose REPLICA IDENTITY FULL" in (refusal.value.diag.message_hint or "")
    with owner.transaction():
        owner.run("ALTER TABLE shop.loose REPLICA IDENTITY FULL")
        owner.run(attach)
    owner.run("INSERT INTO shop.whole VALUES (1, '2024-03-02'); UPDATE shop.whole SET id = 2; DELETE FROM shop.whole")


LOSE_IDENTITY = "ALTER TABLE shop.keyed REPLICA IDENTITY NOTHING"


@pytest.mark.usefixtures("tables")
def test_a_preview_and_validate_migration_tell_of_a_lost_identity(owner: Session, notify: Notify) -> None:
    notify({"path": "shop.keyed", "events": ["UPDATE"]})
    (row,) = owner.dicts("SELECT * FROM integratedb_preview_migration(%s)", LOSE_IDENTITY)
    assert (row["stakeholder"], row["kind"], row["path"]) == ("fulfilment", "notifications", "shop.keyed")
    (problem,) = row["problems"]
    assert problem["property"] == "replica_identity"
    assert problem["message"].startswith("shop.keyed: has no replica identity")
    assert "REPLICA IDENTITY FULL" in row["hint"]
    with refused("IDB01"), owner.transaction():
        owner.run(LOSE_IDENTITY)
        owner.run("SELECT integratedb_validate_migration()")


@pytest.mark.usefixtures("tables")
def test_what_an_override_broke_is_a_warning_for_later_migrations_until_it_is_mended(
    superuser: Session, owner: Session, notify: Notify
) -> None:
    notify({"path": "shop.keyed", "events": ["UPDATE"]})
    with superuser.transaction():
        superuser.run(LOSE_IDENTITY)
        superuser.run("SELECT integratedb_override('it must go')")
    assert [row["path"] for row in owner.dicts("SELECT * FROM integratedb_unmet_claims()")] == ["shop.keyed"]

    owner.run("ALTER TABLE shop.keyed ADD COLUMN more text")
    assert [warning for warning in owner.warnings() if warning.startswith("since an earlier transaction: a claim")]

    owner.run("ALTER TABLE shop.keyed REPLICA IDENTITY DEFAULT")
    assert owner.rows("SELECT * FROM integratedb_unmet_claims()") == []
    with refused("IDB01", match="breaks notifications of fulfilment"):
        owner.run(LOSE_IDENTITY)


def test_an_override_lets_it_pass_and_the_owners_statements_still_work(
    superuser: Session, admin: Session, notify: Notify
) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]})
    with superuser.transaction():
        superuser.run("SELECT integratedb_override('must be')")
        superuser.run("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")
    assert published(superuser) == {"shop.keyed": "integratedb_append"}
    superuser.run("INSERT INTO shop.keyed VALUES (1); UPDATE shop.keyed SET v = 'x'; DELETE FROM shop.keyed")
    assert any("overridden (must be)" in warning for warning in superuser.warnings())


@pytest.mark.parametrize(
    "statement",
    [
        "DROP PUBLICATION integratedb",
        "ALTER PUBLICATION integratedb_append RENAME TO other",
        "ALTER PUBLICATION integratedb ADD TABLE shop.keyless",
        "ALTER PUBLICATION integratedb DROP TABLE shop.keyed",
        "ALTER PUBLICATION integratedb SET (publish = 'insert')",
        "ALTER PUBLICATION integratedb_control DROP TABLE integratedb.control",
    ],
)
def test_our_publications_are_not_for_others_to_change(superuser: Session, notify: Notify, statement: str) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]})
    before = superuser.rows("SELECT * FROM integratedb.published"), superuser.rows("SELECT * FROM pg_publication")
    with refused("IDB01", "belong to the extension"):
        superuser.run(statement)
    assert (
        superuser.rows("SELECT * FROM integratedb.published"),
        superuser.rows("SELECT * FROM pg_publication"),
    ) == before
    superuser.run("CREATE PUBLICATION mine FOR TABLE shop.keyed")
    superuser.run("ALTER PUBLICATION mine DROP TABLE shop.keyed; DROP PUBLICATION mine")


def test_secrets_are_shown_to_nobody_and_survive_being_put_back(
    superuser: Session, admin: Session, notify: Notify, stakeholder: Callable[[str], Session]
) -> None:
    reader = stakeholder("fulfilment")
    returned = notify({"path": "shop.keyed", "fields": ["id"]}, channels=[HOOK, BUS, {"type": "SOCKET"}])
    shown = [returned] + [
        session.value("SELECT integratedb_specification('fulfilment', 'notifications')") for session in (admin, reader)
    ]
    for document in shown:
        assert SECRET not in json.dumps(document)
        assert "pass" not in json.dumps(document["channels"])
    stored = superuser.rows("SELECT id, settings FROM integratedb.channel ORDER BY id")
    assert stored[0][1]["secret"] == SECRET
    admin.run("SELECT integratedb_notify('fulfilment', %s)", Jsonb(shown[1]))
    assert superuser.rows("SELECT id, settings FROM integratedb.channel ORDER BY id") == stored


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"match": [{"path": "shop.keyed", "channels": ["nowhere"]}], "channels": [BUS]}, "nowhere"),
        ({"match": [], "channels": [{**HOOK, "secret": "whsec_short"}]}, "whsec_"),
        ({"match": [], "channels": [{**HOOK, "url": "ftp://x/"}]}, "http"),
        ({"match": [], "channels": [{**BUS, "url": "http://x/"}]}, "redis"),
        ({"match": [{"path": "shop.keyed", "events": ["UPSERT"]}]}, "UPSERT"),
        ({"match": [], "channels": [{**BUS, "colour": "red"}]}, "colour"),
        ({"match": [], "channels": [{"type": "FAX"}]}, "FAX"),
        ([], "array|object"),
        (None, "null|object"),
    ],
)
def test_a_document_that_is_not_well_formed_is_refused(admin: Session, notify: Notify, spec: Any, message: str) -> None:
    notify()
    with refused("IDB02", message):
        admin.run("SELECT integratedb_notify('fulfilment', %s)", Jsonb(spec))


def test_channels_are_the_admins(
    superuser: Session, owner: Session, notify: Notify, stakeholder: Callable[[str], Session]
) -> None:
    reader = stakeholder("fulfilment")
    notify({"path": "shop.keyed", "fields": ["id", "v"]}, channels=[BUS])
    with refused("42501", "channels"):
        notify({"path": "shop.keyed"}, channels=[HOOK], session=owner)
    with refused("42501", "admin"):
        notify({"path": "shop.keyed", "fields": ["id"], "channels": ["bus"]}, session=owner)
    notify({"path": "shop.keyed", "fields": ["id"], "channels": ["bus"]})
    notify({"path": "shop.keyed", "fields": ["id"], "channels": ["bus"]}, session=reader)
    with refused("42501"):
        notify({"path": "shop.keyed", "fields": ["id", "v"]}, session=reader)
    with refused("42501"):
        notify({"path": "shop.keyed", "fields": ["id"], "channels": ["bus"]}, channels=[BUS], session=reader)
    assert superuser.value("SELECT name FROM integratedb.channel") == "bus"


@pytest.mark.parametrize("by", ["owner", "stakeholder", "somebody"])
def test_nobody_but_admins_finds_out_whether_a_url_is_a_channels(
    superuser: Session, owner: Session, notify: Notify, stakeholder: Callable[[str], Session], connect: Connect, by: str
) -> None:
    reader = stakeholder("fulfilment")
    notify({"path": "shop.keyed", "fields": ["id"]}, channels=[HOOK])
    superuser.run("CREATE ROLE somebody LOGIN")
    session = {"owner": owner, "stakeholder": reader, "somebody": connect("somebody")}[by]
    said = set()
    for changed in (
        {"url": HOOK["url"]},
        {"url": "https://user:********@shop.example/hook"},
        {"url": "https://user:guess@shop.example/hook"},
        {"url": "https://other.example/hook"},
        {"name": "other"},
        {"type": "REDIS"},
        {"url": "no URL"},
    ):
        channels = [{**HOOK, "secret": "********", **changed}]
        with refused("42501", "channels") as refusal:
            session.run("SELECT integratedb_notify('fulfilment', %s)", Jsonb({"match": [], "channels": channels}))
        said.add((refusal.value.diag.message_primary, refusal.value.diag.message_detail))
    assert len(said) == 1


@pytest.mark.parametrize("by", ["another", "somebody"])
def test_nobody_finds_out_the_names_of_channels_without_a_right(
    superuser: Session, notify: Notify, stakeholder: Callable[[str], Session], connect: Connect, by: str
) -> None:
    stakeholder("fulfilment")
    notify({"path": "shop.keyed", "fields": ["id"]}, channels=[HOOK])
    superuser.run("CREATE ROLE somebody LOGIN")
    session = stakeholder("another") if by == "another" else connect("somebody")
    for name in (HOOK["name"], "WEBHOOK", "made_up", "REDIS"):
        match = {"path": "shop.keyed", "fields": ["id"], "channels": [name]}
        with refused("42501"):
            session.run("SELECT integratedb_notify('fulfilment', %s)", Jsonb({"match": match}))


def test_channels_name_the_variables_of_their_own_stakeholder_only(admin: Session, notify: Notify) -> None:
    own, others = "env:INTEGRATEDB_SECRET_FULFILMENT__HOOK", "env:INTEGRATEDB_SECRET_FULFILMENT_2__HOOK"
    notify(channels=[{**HOOK, "secret": own, "url": own}, {**BUS, "url": own}])
    notify(channels=[{**HOOK, "secret": others}], by="fulfilment_2")
    for channel, key in ((HOOK, "secret"), (HOOK, "url"), (BUS, "url")):
        with refused("IDB02") as error:
            notify(channels=[{**channel, key: others}])
        [[message, pointer]] = json.loads(error.value.diag.message_detail or "")
        assert pointer == f"#/channels/0/{key}"
        assert "INTEGRATEDB_SECRET_FULFILMENT__" in message
    # It is not told whose it would be.
    spec = {"match": [], "channels": [{**HOOK, "secret": others}]}
    assert admin.rows("SELECT * FROM integratedb_check_spec(%s, 'notifications')", Jsonb(spec)) == []
    spec = {"match": [], "channels": [{**HOOK, "secret": "env:INTEGRATEDB_SECRET_HOOK"}]}
    [row] = admin.dicts("SELECT * FROM integratedb_check_spec(%s, 'notifications')", Jsonb(spec))
    assert (row["code"], row["pointer"]) == ("IDB02", "#/channels/0/secret")


def test_a_rename_says_which_channels_name_variables_of_the_old_name(admin: Session, notify: Notify) -> None:
    notify(channels=[{**HOOK, "secret": "env:INTEGRATEDB_SECRET_FULFILMENT__HOOK"}, BUS])
    admin.run("SELECT integratedb_rename_stakeholder('fulfilment', 'shipping')")
    [warning] = admin.warnings()
    assert "shipping" in warning
    assert "hook" in warning
    assert "bus" not in warning
    notify(channels=[{**HOOK, "secret": "env:INTEGRATEDB_SECRET_SHIPPING__HOOK"}, BUS], by="shipping")
    admin.notices.clear()
    notify(channels=[BUS], by="shipping")
    admin.run("SELECT integratedb_rename_stakeholder('shipping', 'fulfilment')")
    assert admin.warnings() == []


def test_a_channel_keeps_its_identity_while_its_name_and_type_do(superuser: Session, notify: Notify) -> None:
    notify(channels=[BUS, HOOK])
    ids: dict[str, int] = dict(superuser.rows("SELECT name, id FROM integratedb.channel"))
    notify(channels=[{**BUS, "stream": "other"}, {"name": "hook", "type": "SOCKET"}])
    again: dict[str, int] = dict(superuser.rows("SELECT name, id FROM integratedb.channel"))
    assert again["bus"] == ids["bus"]
    assert again["hook"] != ids["hook"]


def test_the_daemon_is_told_what_is_in_force(superuser: Session, owner: Session, notify: Notify) -> None:
    owner.run("CREATE TYPE shop.pair AS (a int, b text); CREATE DOMAIN shop.pairs AS shop.pair[]")
    owner.run("ALTER TABLE shop.keyed ADD COLUMN p shop.pairs")
    notify({"path": "shop.keyed", "fields": ["*"], "events": ["INSERT"], "channels": ["REDIS"]}, channels=[BUS, HOOK])
    state = latest_state(superuser)
    [route] = state["routes"]
    assert route["path"] == "shop.keyed"
    assert route["fields"] == ["id", "p", "v"]
    assert route["events"] == ["INSERT"]
    assert route["channels"] == [superuser.value("SELECT id FROM integratedb.channel WHERE name = 'bus'")]
    assert sorted(structure["kind"] for structure in state["types"].values()) == ["array", "composite", "domain"]
    owner.run("ALTER TYPE shop.pair ADD ATTRIBUTE c bool")
    assert (
        len(next(t for t in latest_state(superuser)["types"].values() if t["kind"] == "composite")["attributes"]) == 3
    )


def cost_of(types: dict[str, Any]) -> int:
    """What described types take of the bound."""
    return sum(3 + len(structure.get("attributes", [])) for structure in types.values())


def attributes(number: int, of: str = "int") -> str:
    return ", ".join(f"a{position} {of}" for position in range(number))


# What makes too many types, or too large ones, and the types of the columns that have them.
TOO_LARGE = {
    "composites": ([f"CREATE TYPE shop.t{n} AS ({attributes(1000)})" for n in range(9)], "shop.t{}", 9),
    "arrays of them": ([f"CREATE TYPE shop.t{n} AS ({attributes(1000)})" for n in range(9)], "shop.t{}[]", 9),
    "rows of tables": ([f"CREATE TABLE shop.t{n} ({attributes(1000)})" for n in range(9)], "shop.t{}", 9),
    "domains over them": (
        [
            f"CREATE TYPE shop.t{n} AS ({attributes(1000)}); CREATE DOMAIN shop.d{n} AS shop.t{n};"
            f" CREATE DOMAIN shop.e{n} AS shop.d{n}"
            for n in range(9)
        ],
        "shop.e{}",
        9,
    ),
    "composites in composites": (
        [
            *(f"CREATE TYPE shop.t{n} AS ({attributes(100)})" for n in range(100)),
            "CREATE TYPE shop.whole_0 AS (" + ", ".join(f"a{n} shop.t{n}[]" for n in range(100)) + ")",
        ],
        "shop.whole_{}",
        1,
    ),
    "enums": (
        [
            "DO $$ BEGIN FOR n IN 0..999 LOOP"
            " EXECUTE format('CREATE TYPE shop.t%s AS ENUM (''a'')', n); END LOOP; END $$",
            *(
                f"CREATE TYPE shop.whole_{k} AS (" + ", ".join(f"a{n} shop.t{n}[]" for n in range(1000)) + ")"
                for k in range(9)
            ),
        ],
        "shop.whole_{}",
        9,
    ),
    "domains over domains": (
        [
            "CREATE DOMAIN shop.t AS int; DO $$ BEGIN FOR n IN 0..2200 LOOP"
            " EXECUTE format('CREATE DOMAIN shop.t%s AS shop.t%s', n, nullif(n - 1, -1)); END LOOP; END $$"
        ],
        "shop.t2200",
        1,
    ),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_what_is_told_of_types_is_bounded(superuser: Session, owner: Session, notify: Notify, kind: str) -> None:
    statements, type_name, columns = TOO_LARGE[kind]
    for statement in statements:
        owner.run(statement)
    owner.run("CREATE TYPE shop.small AS (a int, b text)")
    given = ", ".join(f"c{number} {type_name.format(number)}" for number in range(columns))
    owner.run(f"CREATE TABLE shop.large (id int PRIMARY KEY, {given}, z shop.small)")
    notify({"path": "shop.large", "fields": ["*"], "events": ["INSERT"]}, channels=[BUS])
    state = latest_state(superuser)
    types = state["types"]
    assert state["types_left_out"] is True
    assert 4500 < cost_of(types) <= 6000
    # Whole or not at all, the smallest first.
    if kind != "domains over domains":
        assert str(superuser.value("SELECT 'shop.small'::regtype::oid")) in types
    for oid, structure in types.items():
        if structure["kind"] == "composite":
            number = "SELECT relnatts FROM pg_class WHERE reltype = %s"
            assert len(structure["attributes"]) == superuser.value(number, int(oid))
    again = "SELECT integratedb.control_state(id) FROM integratedb.stakeholder"
    assert superuser.value(again) == state


def test_the_types_of_one_owner_keep_out_nobody_elses(superuser: Session, owner: Session, notify: Notify) -> None:
    for number in range(9):
        owner.run(f"CREATE TYPE shop.t{number} AS ({attributes(1000)})")
    superuser.run(f"CREATE TYPE shop.anothers AS ({attributes(1500)})")
    given = ", ".join(f"c{number} shop.t{number}" for number in range(9))
    owner.run(f"CREATE TABLE shop.large (id int PRIMARY KEY, {given}, z shop.anothers)")
    notify({"path": "shop.large", "fields": ["*"], "events": ["INSERT"]}, channels=[BUS])
    types = latest_state(superuser)["types"]
    assert len(types) == 6
    assert str(superuser.value("SELECT 'shop.anothers'::regtype::oid")) in types


# What the owner of shop.large puts into its types and columns, to take what other tables of the stakeholder need.
TAKING = {
    "types of the other owner": "; ".join(f"CREATE TABLE other.t{n} ({attributes(1000)})" for n in range(8)),
    "lookups of domains": """
        DO $$ DECLARE parts text; BEGIN
        FOR k IN 0..7 LOOP
          parts := '';
          FOR n IN 0..499 LOOP
            EXECUTE format('CREATE DOMAIN other.d%1$s_%2$s AS int; CREATE DOMAIN other.e%1$s_%2$s AS other.d%1$s_%2$s;'
                           'CREATE DOMAIN other.f%1$s_%2$s AS other.e%1$s_%2$s', k, n);
            parts := parts || format(', a%2$s other.f%1$s_%2$s', k, n);
          END LOOP;
          EXECUTE format('CREATE TYPE other.t%s AS (%s)', k, ltrim(parts, ','));
        END LOOP; END $$""",
}


@pytest.mark.parametrize("owned_by_attacker", [True, False])
@pytest.mark.parametrize("kind", TAKING)
def test_the_tables_of_one_owner_keep_out_nobody_elses_types(
    superuser: Session, owner: Session, notify: Notify, kind: str, owned_by_attacker: bool
) -> None:
    superuser.run("CREATE ROLE victim; CREATE SCHEMA other AUTHORIZATION victim; GRANT ALL ON SCHEMA other TO PUBLIC")
    superuser.run(f"SET ROLE {'shop_owner' if owned_by_attacker else 'victim'}; {TAKING[kind]}; SET ROLE victim")
    superuser.run(f"CREATE TYPE other.v4 AS ({attributes(1100)})")
    superuser.run("CREATE TYPE other.v3 AS (a other.v4); CREATE DOMAIN other.v2 AS other.v3")
    superuser.run("CREATE TYPE other.v1 AS (a other.v2[]); CREATE TABLE other.whole (id int PRIMARY KEY, v other.v1)")
    superuser.run("RESET ROLE")
    # The other owner's own type is reached by both, and first by the wrong one.
    given = ", ".join(f"c{number} other.t{number}" for number in range(8))
    owner.run(f"CREATE TABLE shop.large (id int PRIMARY KEY, {given}, v other.v3)")
    every = [{"path": path, "fields": ["*"], "events": ["INSERT"]} for path in ("shop.large", "other.whole")]
    notify(*every, channels=[BUS])
    state = latest_state(superuser)
    assert state["types_left_out"] is True
    needed = ["_v2", "v1", "v2", "v3", "v4"]
    oids = superuser.rows("SELECT oid::text, typname FROM pg_type WHERE typname = ANY (%s)", needed)
    assert {name for oid, name in oids if oid not in state["types"]} == set()


@pytest.mark.parametrize("kind", TAKING)
def test_the_tables_of_several_owners_keep_out_nobody_elses_types(
    superuser: Session, notify: Notify, kind: str
) -> None:
    paths = []
    for number in range(2):
        name = f"taker{number}"
        superuser.run(f"CREATE ROLE {name}; CREATE SCHEMA {name} AUTHORIZATION {name}; SET ROLE {name}")
        superuser.run(TAKING[kind].replace("other.", f"{name}."))
        given = ", ".join(f"c{n} {name}.t{n}" for n in range(8))
        superuser.run(f"CREATE TABLE {name}.large (id int PRIMARY KEY, {given}); RESET ROLE")
        paths.append(f"{name}.large")
    superuser.run("CREATE ROLE victim; CREATE SCHEMA other AUTHORIZATION victim; SET ROLE victim")
    superuser.run(f"CREATE TYPE other.v4 AS ({attributes(700)}); CREATE TYPE other.v3 AS (a other.v4)")
    superuser.run("CREATE DOMAIN other.v2 AS other.v3; CREATE TYPE other.v1 AS (a other.v2[])")
    superuser.run("CREATE TABLE other.whole (id int PRIMARY KEY, v other.v1); RESET ROLE")
    every = [{"path": path, "fields": ["*"], "events": ["INSERT"]} for path in (*paths, "other.whole")]
    notify(*every, channels=[BUS])
    state = latest_state(superuser)
    assert state["types_left_out"] is True
    assert cost_of(state["types"]) <= 13_000
    needed = ["_v2", "v1", "v2", "v3", "v4"]
    oids = superuser.rows("SELECT oid::text, typname FROM pg_type WHERE typname = ANY (%s)", needed)
    assert {name for oid, name in oids if oid not in state["types"]} == set()


def test_who_passes_the_bound_of_types_is_warned_once(
    superuser: Session, admin: Session, owner: Session, notify: Notify
) -> None:
    said = "the types of the columns that fulfilment is notified of are too large: values of some are sent as text"
    for number in range(7):
        owner.run(f"CREATE TYPE shop.t{number} AS ({attributes(1000)})")
    given = ", ".join(f"c{number} shop.t{number}" for number in range(5))
    owner.run(f"CREATE TABLE shop.large (id int PRIMARY KEY, {given})")
    match = {"path": "shop.large", "fields": ["*"], "events": ["INSERT"]}
    notify(match, channels=[BUS])
    assert "types_left_out" not in latest_state(superuser)
    assert admin.warnings() == []
    owner.run("ALTER TABLE shop.large ADD c5 shop.t5")
    assert owner.warnings() == [said]
    owner.notices.clear()
    owner.run("ALTER TABLE shop.large ADD c6 shop.t6")
    assert owner.warnings() == []
    owner.run("SELECT integratedb_sync(); ALTER TABLE shop.large DROP c5, DROP c6; SELECT integratedb_sync()")
    assert "types_left_out" not in latest_state(superuser)
    assert owner.warnings() == []
    # A type that grows, and a submission.
    owner.run("ALTER TYPE shop.t0 " + ", ".join(f"ADD ATTRIBUTE b{number} int" for number in range(590)))
    assert owner.warnings() == []
    owner.run("ALTER TYPE shop.t1 " + ", ".join(f"ADD ATTRIBUTE b{number} int" for number in range(590)))
    assert owner.warnings() == [said]
    notify({**match, "fields": ["id"]})
    assert "types_left_out" not in latest_state(superuser)
    assert said not in admin.warnings()
    notify(match)
    assert said in admin.warnings()


def test_a_transaction_that_tells_too_much_of_types_says_so(superuser: Session, owner: Session, notify: Notify) -> None:
    columns = ", ".join(f"{'c' * 50}{number} int" for number in range(1000))
    owner.run(f"CREATE TYPE shop.piece AS ({columns}, d0 int)")
    owner.run("CREATE TABLE shop.large (id int PRIMARY KEY, v shop.piece)")
    notify({"path": "shop.large", "fields": ["*"], "events": ["INSERT"]}, channels=[BUS])
    superuser.run("INSERT INTO integratedb.slot (name, system_identifier) VALUES ('one', 1)")
    with owner.transaction():
        for number in range(100):
            owner.run(f"ALTER TYPE shop.piece RENAME ATTRIBUTE d{number} TO d{number + 1}")
    told = superuser.rows("SELECT body -> 'types' FROM integratedb.control WHERE kind = 'types' ORDER BY id")
    oid = str(superuser.value("SELECT 'shop.piece'::regtype::oid"))
    forms = [types[oid] for (types,) in told]
    assert len(forms) < 100
    # By the old form, which has as many attributes, they would be told under wrong names.
    assert forms[-1] == {"kind": "text"}
    assert all(form["kind"] == "composite" for form in forms[:-1])


def test_schema_changes_are_told_to_who_claims_them_too(superuser: Session, owner: Session, notify: Notify) -> None:
    superuser.run("INSERT INTO integratedb.slot VALUES ('x', true, '0/1', 1)")  # somebody reads, so history is kept
    notify({"path": "shop.keyless", "fields": ["v"], "events": ["INSERT"]}, channels=[BUS])
    superuser.run(
        "SELECT integratedb_claim('fulfilment', %s)", Jsonb({"match": [{"path": "shop.keyed", "fields": ["*"]}]})
    )
    owner.run("ALTER TABLE shop.keyed ADD COLUMN extra int")
    [(subject, data)] = superuser.rows(
        "SELECT body ->> 'subject', body -> 'data' FROM integratedb.control WHERE kind = 'schema_changed'"
    )
    assert subject == "shop.keyed"
    assert data == {
        "path": "shop.keyed",
        "changes": [
            {"change": "column_added", "column": "extra", "new": {"type": "pg_catalog.int4", "nullable": True}}
        ],
        "gap": False,
    }


def test_a_dropped_or_renamed_stakeholder_is_told_to_the_daemon(
    superuser: Session, admin: Session, notify: Notify
) -> None:
    superuser.run("INSERT INTO integratedb.slot VALUES ('x', true, '0/1', 1)")
    notify({"path": "shop.keyed", "fields": ["id"]}, channels=[BUS])
    admin.run("SELECT integratedb_rename_stakeholder('fulfilment', 'logistics')")
    assert latest_state(superuser)["stakeholder"] == "logistics"
    assert latest_state(superuser)["role"] == superuser.value("SELECT 'logistics'::regrole::oid::bigint")
    admin.run("SELECT integratedb_drop_stakeholder('logistics')")
    state = latest_state(superuser)
    assert (state["channels"], state["routes"]) == ([], [])
    assert published(superuser) == {}


def test_ddl_that_concerns_nobody_writes_no_control_row(superuser: Session, owner: Session, notify: Notify) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]}, channels=[BUS])
    before = superuser.value("SELECT max(id) FROM integratedb.control")
    owner.run("CREATE TABLE shop.nobodys (id int); ALTER TABLE shop.nobodys ADD COLUMN v text; DROP TABLE shop.nobodys")
    owner.run("ALTER TABLE shop.keyed ADD COLUMN not_asked_for int")
    assert superuser.value("SELECT max(id) FROM integratedb.control") == before


def test_operators_calls(admin: Session, notify: Notify, stakeholder: Callable[[str], Session]) -> None:
    reader = stakeholder("fulfilment")
    notify({"path": "shop.keyed", "fields": ["id"]}, channels=[BUS])
    assert admin.value("SELECT integratedb_pause_channel('fulfilment', 'bus')") is True
    assert admin.value("SELECT integratedb_pause_channel('fulfilment', 'bus')") is False
    status: dict[str, str] = dict(admin.rows("SELECT * FROM integratedb_status()"))
    assert status["channel fulfilment.bus"].startswith("paused: paused by ")
    of_reader: dict[str, str] = dict(reader.rows("SELECT * FROM integratedb_status()"))
    assert of_reader["channel fulfilment.bus"].startswith("paused")
    assert admin.value("SELECT integratedb_resume_channel('fulfilment', 'bus')") is True
    assert admin.value("SELECT integratedb_redeliver('fulfilment', 'bus')") == 0
    assert admin.rows("SELECT * FROM integratedb_deliveries('fulfilment', 'bus')") == []
    for call in ("pause_channel", "resume_channel", "redeliver", "deliveries"):
        with refused("42704", "no channel 'x'"):
            admin.rows(f"SELECT integratedb_{call}('fulfilment', 'x')")
        with refused("IDB04"):
            admin.rows(f"SELECT integratedb_{call}('nobody', 'x')")
        with refused("42501"):
            reader.rows(f"SELECT integratedb_{call}('fulfilment', 'bus')")


def test_a_migration_and_a_notification_do_not_cross(
    superuser: Session, owner: Session, connect: Callable[..., Session], notify: Notify
) -> None:
    notify()
    admin = connect("shop_admin")
    with owner.transaction():
        owner.run("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")
        outcome: list[psycopg.Error | None] = []

        def hand_in() -> None:
            try:
                spec = Jsonb({"match": [{"path": "shop.keyed", "fields": ["id"]}]})
                admin.run("SELECT integratedb_notify('fulfilment', %s)", spec)
                outcome.append(None)
            except psycopg.Error as error:
                outcome.append(error)

        thread = threading.Thread(target=hand_in)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    [error] = outcome
    assert error is not None
    assert error.sqlstate == "IDB03"
    assert published(superuser) == {}


@pytest.mark.parametrize(
    "call",
    [
        "delivery_save(ARRAY[{id}]::bigint[], ARRAY['0/1'::pg_lsn], '{{0}}', ARRAY[''::bytea], ARRAY['{{}}'], '{{0}}')",
        "daemon_report({id}, 'failing', 'no answer', 1, 1)",
        "daemon_enforce_limits({id}, '0/0', 0, 0)",
    ],
)
@pytest.mark.usefixtures("tables")
def test_what_the_daemon_writes_for_a_channel_that_is_being_given_up_is_dropped(
    superuser: Session, admin: Session, server: Server, connect: Callable[..., Session], notify: Notify, call: str
) -> None:
    notify({"path": "shop.keyed", "fields": ["id"]}, channels=[BUS])
    channel = superuser.value("SELECT id FROM integratedb.channel")
    daemon = connect(server.superuser)
    problems: list[psycopg.Error] = []

    def write() -> None:
        try:
            daemon.run(f"SELECT integratedb.{call.format(id=channel)}")
        except psycopg.Error as problem:
            problems.append(problem)

    with admin.transaction():
        admin.run("SELECT integratedb_notify('fulfilment', %s)", Jsonb({"match": [], "channels": []}))
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert problems == []
    assert superuser.rows("SELECT FROM integratedb.delivery UNION ALL SELECT FROM integratedb.channel_health") == []


@pytest.mark.parametrize("options", [[], ["--clean", "--if-exists"]], ids=["plain", "clean"])
def test_a_dump_brings_channels_and_publications_and_the_first_sync_arms_them(
    superuser: Session,
    server: Server,
    database: str,
    notify: Notify,
    connect: Callable[..., Session],
    options: list[str],
) -> None:
    notify(
        {"path": "shop.keyed", "fields": ["id"]},
        {"path": "shop.keyless", "fields": ["v"], "events": ["INSERT"]},
        channels=[HOOK],
    )
    superuser.run("DROP TABLE shop.whole")  # pg_dump --clean cannot drop the key of a partition
    bindir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True).strip()
    address = ["-h", server.socket, "-p", str(server.port), "-U", server.superuser]
    dump = subprocess.check_output([f"{bindir}/pg_dump", *address, *options, database])
    superuser.run("CREATE DATABASE restored")
    restore = [f"{bindir}/psql", *address, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", "restored"]
    for _ in range(2 if options else 1):  # the second time there is something to clean
        done = subprocess.run(restore, input=dump, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
    restored = connect(server.superuser, dbname="restored")
    before = published(superuser)
    assert published(restored) == before
    assert restored.value("SELECT settings ->> 'secret' FROM integratedb.channel") == SECRET
    restored.run("SELECT integratedb_sync()")
    assert published(restored) == before
    assert restored.value("SELECT count(*) FROM integratedb.published WHERE publication = 'integratedb_control'") == 1
    assert latest_state(restored)["channels"][0]["name"] == "hook"
    with refused("IDB01", "notifications of fulfilment"):
        restored.run("ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey")


# What went wrong unseen, and what must not be dropped in the middle


EMPTY_INSERTS = {"path": "shop.empty", "fields": ["id"], "events": ["INSERT"]}
EMPTY_UPDATES = {"path": "shop.empty", "fields": ["id"], "events": ["UPDATE"]}
ORDERS_INSERTS = {"path": "shop.orders", "fields": ["id"], "events": ["INSERT"]}
MAKE_VIEW = 'CREATE RULE "_RETURN" AS ON SELECT TO shop.empty DO INSTEAD SELECT 1 AS id'
# A table whose identity is an index.
INDEXED = """
    CREATE TABLE shop.empty (id integer NOT NULL, n integer);
    CREATE UNIQUE INDEX identity ON shop.empty (id);
    CREATE INDEX other ON shop.empty (n);
    ALTER TABLE shop.empty REPLICA IDENTITY USING INDEX identity;
    INSERT INTO shop.empty VALUES (1);
"""


def unseen(superuser: Session, statement: str) -> None:
    """Behind the back of the event triggers."""
    superuser.run("SET session_replication_role = replica")
    superuser.run(statement)
    superuser.run("RESET session_replication_role")


def test_a_rule_that_makes_a_view_of_a_notified_table_is_refused(
    superuser: Session, owner: Session, notify: Notify
) -> None:
    if superuser.info.server_version >= 160000:
        pytest.skip("from PostgreSQL 16 on a table stays a table")
    owner.run("CREATE TABLE shop.empty (id integer NOT NULL)")
    notify(EMPTY_INSERTS)
    with refused("IDB01"):
        owner.run(MAKE_VIEW)


@pytest.mark.parametrize(
    "innocent",
    [
        "ALTER TABLE shop.orders ADD COLUMN later integer",
        "ALTER TABLE shop.empty ADD COLUMN later integer",
        "ALTER TABLE shop.empty RENAME COLUMN n TO number",
        "CREATE INDEX later ON shop.empty (n)",
        "DROP OWNED BY bystander",
        "SELECT integratedb_sync()",
    ],
)
@pytest.mark.parametrize("dark", ["REPLICA IDENTITY NOTHING", "DROP CONSTRAINT empty_pkey"])
def test_a_notification_that_broke_unseen_refuses_no_migration_of_others(
    superuser: Session, owner: Session, notify: Notify, dark: str, innocent: str
) -> None:
    superuser.run("CREATE ROLE bystander")
    owner.run("CREATE TABLE shop.empty (id integer PRIMARY KEY, n integer); INSERT INTO shop.empty VALUES (1)")
    notify(ORDERS_INSERTS, by="other")
    notify(EMPTY_UPDATES, by="reporter")
    unseen(superuser, f"ALTER TABLE shop.empty {dark}")
    superuser.run(innocent)
    notify(ORDERS_INSERTS, by="other")
    # It is noted, and the owner's statements work again.
    assert superuser.value("SELECT count(*) FROM integratedb.claim WHERE unmet_since IS NOT NULL") == 1
    assert published(superuser)["shop.empty"] == "integratedb_append"
    owner.run("UPDATE shop.empty SET id = 2")


def test_a_notification_that_broke_unseen_is_a_warning_once_and_to_who_touches_it(
    superuser: Session, owner: Session, notify: Notify
) -> None:
    def warned(statement: str) -> bool:
        owner.notices.clear()
        owner.run(statement)
        return any("since an earlier transaction: a claim of fulfilment" in warning for warning in owner.warnings())

    notify({"path": "shop.keyed", "events": ["UPDATE"]}, ORDERS_INSERTS)
    unseen(superuser, LOSE_IDENTITY)
    assert warned("ALTER TABLE shop.orders ADD COLUMN a integer")
    assert not warned("ALTER TABLE shop.orders ADD COLUMN b integer")
    assert warned("ALTER TABLE shop.keyed ADD COLUMN a integer")
    owner.run("ALTER TABLE shop.keyed REPLICA IDENTITY DEFAULT")
    assert published(superuser)["shop.keyed"] == "integratedb"
    with refused("IDB01"):
        owner.run(LOSE_IDENTITY)


@pytest.mark.parametrize(
    "guilty",
    [
        "ALTER TABLE shop.keyed REPLICA IDENTITY NOTHING",
        "DO $$ BEGIN ALTER TABLE shop.keyed REPLICA IDENTITY NOTHING; END $$",
        "ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey",
        "ALTER TABLE shop.keyed DROP COLUMN id CASCADE",
        "ALTER TABLE shop.keyed DROP CONSTRAINT keyed_pkey; ALTER TABLE shop.keyed RENAME TO k;"
        " ALTER TABLE shop.k RENAME TO keyed",
        "DROP VIEW shop.seen; ALTER TABLE shop.keyed RENAME TO old; CREATE TABLE shop.keyed (id bigint, v text)",
        "ALTER TABLE shop.whole DROP CONSTRAINT whole_pkey",
        "ALTER TABLE shop.whole DROP COLUMN id",
        "ALTER TABLE shop.part REPLICA IDENTITY NOTHING",
        "ALTER TABLE shop.part REPLICA IDENTITY NOTHING; ALTER TABLE shop.part RENAME TO p",
        "CREATE TABLE shop.next PARTITION OF shop.whole FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');"
        " ALTER TABLE shop.next REPLICA IDENTITY NOTHING",
        "DROP INDEX shop.coded_code",
        "ALTER TABLE shop.coded REPLICA IDENTITY DEFAULT",
    ],
)
def test_who_takes_an_identity_away_is_found_out(owner: Session, notify: Notify, guilty: str) -> None:
    owner.run("""
        CREATE TABLE shop.coded (code text NOT NULL);
        CREATE UNIQUE INDEX coded_code ON shop.coded (code);
        ALTER TABLE shop.coded REPLICA IDENTITY USING INDEX coded_code;
    """)
    notify({"path": "shop.keyed", "fields": ["v"]}, {"path": "shop.whole", "fields": ["day"]}, {"path": "shop.coded"})
    with refused("IDB01", "notifications of fulfilment"), owner.transaction():
        owner.run(guilty)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX CONCURRENTLY shop.identity",
        "drop index concurrently if exists identity restrict;",
        "DROP /* quietly */ INDEX CONCURRENTLY shop.identity",
        'DROP INDEX CONCURRENTLY "shop" . "identity"',
        'DROP INDEX CONCURRENTLY shop.U&"\\0069dentity"',
    ],
)
def test_a_refused_drop_of_an_index_leaves_the_table_writable(owner: Session, notify: Notify, statement: str) -> None:
    owner.run(INDEXED)
    owner.run("SET search_path = shop, public")
    notify(EMPTY_UPDATES)
    with refused("IDB01", "cannot be dropped CONCURRENTLY") as refusal:
        owner.run(statement)
    owner.run("UPDATE shop.empty SET n = 1")
    # What the hint says works.
    assert "REPLICA IDENTITY FULL" in (refusal.value.diag.message_hint or "")
    owner.run("ALTER TABLE shop.empty REPLICA IDENTITY FULL")
    owner.run("DROP INDEX CONCURRENTLY shop.identity")
    owner.run("UPDATE shop.empty SET n = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX CONCURRENTLY shop.other",
        "DROP INDEX CONCURRENTLY archive.identity",
        "REINDEX INDEX CONCURRENTLY shop.identity",
        "REINDEX TABLE CONCURRENTLY shop.empty",
    ],
)
def test_what_else_is_done_concurrently_passes(
    superuser: Session, owner: Session, notify: Notify, statement: str
) -> None:
    superuser.run("CREATE SCHEMA archive AUTHORIZATION shop_owner")
    owner.run(INDEXED)
    owner.run("CREATE TABLE archive.t (id integer); CREATE INDEX identity ON archive.t (id)")
    notify(EMPTY_UPDATES)
    owner.run(statement)
    assert superuser.value("SELECT bool_and(indisvalid) FROM pg_index")
    owner.run("UPDATE shop.empty SET n = 1")
    with refused("IDB01", "notifications of fulfilment"):
        owner.run("DROP INDEX shop.identity")


def test_an_index_is_dropped_concurrently_beside_what_broke_unseen(
    superuser: Session, owner: Session, notify: Notify
) -> None:
    owner.run(INDEXED)
    notify(EMPTY_UPDATES)
    unseen(superuser, "DROP INDEX shop.identity")
    owner.run("DROP INDEX CONCURRENTLY shop.other")
    assert superuser.value("SELECT bool_and(indisvalid) FROM pg_index")


def test_the_name_of_a_dropped_index_is_read_as_postgres_reads_it(superuser: Session) -> None:
    def may_drop(statement: str, schema: str = "shop", index: str = "identity") -> bool:
        return bool(superuser.value("SELECT integratedb.may_drop(%s, %s, %s)", statement, schema, index))

    drop = "DROP INDEX CONCURRENTLY "
    assert may_drop(drop + "identity")
    assert may_drop(drop + "SHOP.Identity;\n")
    assert may_drop(drop + '"a""b"', index='a"b')
    assert may_drop(drop + "x" * 70, index="x" * 63)
    assert not may_drop(drop + "identity2")
    assert not may_drop(drop + "old.identity")
    assert not may_drop(drop + '"Identity"')
    assert not may_drop(drop + "other")
    # Another space than Postgres's own is part of the name; in doubt it is this one.
    assert may_drop(drop + "\u00a0identity", index="\u00a0identity")
    assert may_drop(drop + "shop.other /* not identity */")
    assert not may_drop(drop + "shop.other /* really */")


FOREIGN = {
    "row filter": "integratedb_append FOR TABLE shop.orders WHERE (id < 0)",
    "column list": "integratedb FOR TABLE shop.orders (id)",
    "owner": "integratedb_append",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_publication_of_somebody_else_is_not_taken_over(
    superuser: Session, owner: Session, notify: Notify, kind: str
) -> None:
    superuser.run("""
        DROP EXTENSION integratedb;
        DROP PUBLICATION integratedb, integratedb_append, integratedb_control;
        GRANT CREATE ON DATABASE shop TO shop_owner;
    """)
    owner.run(f"CREATE PUBLICATION {FOREIGN[kind]}")
    name = FOREIGN[kind].split()[0]
    with refused("55000", match=f"for its own: {name}\\n") as refusal:
        superuser.run("CREATE EXTENSION integratedb")
    assert f"DROP PUBLICATION {name};" in (refusal.value.diag.message_hint or "")
    owner.run(f"ALTER PUBLICATION {name} RENAME TO ours")
    superuser.run("CREATE EXTENSION integratedb")
    notify(ORDERS_INSERTS)
    assert published(superuser) == {"shop.orders": "integratedb_append"}


@pytest.mark.parametrize("statement", ["FOR ALL TABLES", "FOR TABLES IN SCHEMA shop"])
def test_a_publication_of_more_than_was_asked_for_is_not_taken_over(superuser: Session, statement: str) -> None:
    superuser.run("""
        DROP EXTENSION integratedb;
        DROP PUBLICATION integratedb, integratedb_append, integratedb_control;
    """)
    superuser.run(f"CREATE PUBLICATION integratedb {statement}")
    with refused("55000", match="for its own: integratedb\\n"):
        superuser.run("CREATE EXTENSION integratedb")


def test_publications_that_a_dropped_extension_left_are_taken_over(superuser: Session, notify: Notify) -> None:
    notify(ORDERS_INSERTS)
    superuser.run("DROP EXTENSION integratedb; CREATE EXTENSION integratedb")
    assert published(superuser).get("shop.orders") == "integratedb_append"
    superuser.run("DROP SCHEMA fulfilment; DROP OWNED BY fulfilment; DROP ROLE fulfilment")
    notify({"path": "shop.keyed", "events": ["INSERT"]})
    assert published(superuser) == {"shop.keyed": "integratedb_append"}


@pytest.mark.parametrize(
    "change",
    [
        "ALTER PUBLICATION integratedb_append SET TABLE shop.orders WHERE (id < 0)",
        "ALTER PUBLICATION integratedb_append SET TABLE shop.orders (id)",
        "ALTER PUBLICATION integratedb_append SET TABLES IN SCHEMA shop",
        "DROP PUBLICATION integratedb_append; CREATE PUBLICATION integratedb_append FOR ALL TABLES",
        "ALTER PUBLICATION integratedb_append OWNER TO shop_owner",
    ],
)
def test_a_publication_that_was_changed_unseen_is_mended_at_the_next_migration(
    superuser: Session, owner: Session, notify: Notify, change: str
) -> None:
    superuser.run("GRANT CREATE ON DATABASE shop TO shop_owner")
    # A publication that is recreated has lost the tables that the migration does not touch, too.
    owner.run("CREATE TABLE shop.untouched (id integer)")
    notify(ORDERS_INSERTS, {**ORDERS_INSERTS, "path": "shop.untouched", "fields": ["id"]})
    unseen(superuser, change)
    owner.run("ALTER TABLE shop.orders ADD COLUMN later integer")
    assert superuser.rows("SELECT * FROM integratedb.publication_fault WHERE is_foreign OR is_owned_otherwise") == []
    assert superuser.rows(
        "SELECT tablename, rowfilter FROM pg_publication_tables WHERE pubname = 'integratedb_append' ORDER BY tablename"
    ) == [("orders", None), ("untouched", None)]


# Generated columns in a replica identity, which PostgreSQL 18 lets nobody publish

TWICE = "twice integer GENERATED ALWAYS AS (id * 2) STORED"
GENERATED = {
    "full": (f"CREATE TABLE shop.g (id integer, {TWICE})", "ALTER TABLE shop.g REPLICA IDENTITY FULL"),
    "virtual": (f"CREATE TABLE shop.g (id integer, {TWICE})", "ALTER TABLE shop.g REPLICA IDENTITY FULL"),
    "column": (
        "CREATE TABLE shop.g (id integer); ALTER TABLE shop.g REPLICA IDENTITY FULL",
        f"ALTER TABLE shop.g ADD COLUMN {TWICE}",
    ),
    "key": (
        f"CREATE TABLE shop.g (id integer PRIMARY KEY, {TWICE})",
        "ALTER TABLE shop.g DROP CONSTRAINT g_pkey; ALTER TABLE shop.g ADD PRIMARY KEY (twice)",
    ),
    "index": (
        f"CREATE TABLE shop.g (id integer PRIMARY KEY, {TWICE} NOT NULL)",
        "CREATE UNIQUE INDEX g_twice ON shop.g (twice); ALTER TABLE shop.g REPLICA IDENTITY USING INDEX g_twice",
    ),
    "partition": (
        f"CREATE TABLE shop.g (id integer PRIMARY KEY, {TWICE}) PARTITION BY RANGE (id)",
        "CREATE TABLE IF NOT EXISTS shop.g1 PARTITION OF shop.g FOR VALUES FROM (0) TO (1000);"
        " ALTER TABLE shop.g1 REPLICA IDENTITY FULL",
    ),
}
OF_G = {"path": "shop.g", "fields": ["id"], "events": ["UPDATE", "DELETE"]}


def generated(superuser: Session, kind: str) -> tuple[str, str]:
    """The statements of one of these, for this server."""
    before, after = GENERATED[kind]
    if kind == "virtual":
        if superuser.info.server_version < 180000:
            pytest.skip("virtual generated columns are new in PostgreSQL 18")
        before, after = before.replace("STORED", "VIRTUAL"), after.replace("STORED", "VIRTUAL")
    return before, after


def write_g(owner: Session) -> None:
    """What an owner may always do."""
    if owner.rows("SELECT FROM pg_class WHERE relname = 'g' AND relkind = 'p'"):
        owner.run("CREATE TABLE IF NOT EXISTS shop.g1 PARTITION OF shop.g FOR VALUES FROM (0) TO (1000)")
    owner.run("INSERT INTO shop.g VALUES (1); UPDATE shop.g SET id = 2; DELETE FROM shop.g")


@pytest.mark.parametrize("kind", GENERATED)
def test_generated_columns_in_an_identity_are_refused_where_they_cannot_be_published(
    superuser: Session, owner: Session, notify: Notify, kind: str
) -> None:
    owner.run("; ".join(generated(superuser, kind)))
    if superuser.info.server_version >= 180000:
        with refused("IDB03", match="generated columns"):
            notify(OF_G)
    else:
        notify(OF_G)
    write_g(owner)


@pytest.mark.parametrize("kind", GENERATED)
def test_generated_columns_that_come_into_an_identity_are_refused_at_commit(
    superuser: Session, owner: Session, notify: Notify, kind: str
) -> None:
    before, after = generated(superuser, kind)
    owner.run(before)
    if kind in ("full", "virtual"):
        owner.run("ALTER TABLE shop.g ADD PRIMARY KEY (id)")
    notify(OF_G)
    if superuser.info.server_version >= 180000:
        with refused("IDB01", match="generated columns"), owner.transaction():
            owner.run(after)
    else:
        with owner.transaction():
            owner.run(after)
    write_g(owner)


@pytest.mark.parametrize("kind", GENERATED)
def test_a_table_that_is_not_needed_may_have_generated_columns_in_its_identity(
    superuser: Session, owner: Session, notify: Notify, kind: str
) -> None:
    notify({**OF_G, "optional": True})
    for statement in generated(superuser, kind):
        owner.run(statement)
        write_g(owner)
    assert published(superuser)["shop.g"] == (
        "integratedb_append" if superuser.info.server_version >= 180000 else "integratedb"
    )


def test_an_identity_does_not_go_unseen_with_its_collation(owner: Session, notify: Notify) -> None:
    owner.run("""
        CREATE COLLATION shop.plain (locale = 'C');
        CREATE TABLE shop.codes (code text NOT NULL, v integer);
        CREATE UNIQUE INDEX codes_identity ON shop.codes (code COLLATE shop.plain);
        ALTER TABLE shop.codes REPLICA IDENTITY USING INDEX codes_identity;
        CREATE TABLE shop.others (code text);
        CREATE INDEX ON shop.others (code COLLATE shop.plain)
    """)
    notify({"path": "shop.codes", "events": ["UPDATE"]})
    with refused("IDB01", match="breaks notifications"):
        owner.run("DROP COLLATION shop.plain CASCADE")
    owner.run("UPDATE shop.codes SET v = 1")
    owner.run("ALTER TABLE shop.codes REPLICA IDENTITY FULL")
    owner.run("DROP COLLATION shop.plain CASCADE")
