"""Contracts as code: a plan is what an application does, an application is whole, and a second one changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.system.command_line.conftest import Place
from tests.system.harness import eventually
from tests.system.processes import COMMAND

Stakeholder = Callable[..., str]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
OTHER_SECRET = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"

MAILER = """\
# yaml-language-server: $schema=contract.schema.json
stakeholder: mailer
claims:
  match:
    - path: shop.customers
      fields: [name, email]
"""

REPORTER = """\
stakeholder: reporter
claims:
  match:
    - path: shop.orders
      fields:
        - id
        - vat
"""

HOOK = """\
stakeholder: a
notifications:
  match: []
  channels:
    - {type: WEBHOOK, url: x, secret: "${NO}"}
"""

FULFILMENT = """\
stakeholder: fulfilment
notifications:
  match:
    - {path: shop.orders, fields: [id, status], events: [INSERT]}
  channels:
    - {name: hook, type: WEBHOOK, url: "https://x.example/", secret: "${HOOK}"}
    - {name: bus, type: REDIS, url: "redis://user:${BUS}@localhost/0"}
"""


def events(place: Place) -> int:
    with place.session() as superuser:
        return int(superuser.value("SELECT count(*) FROM integratedb.ddl_event"))


def state(place: Place) -> list[str]:
    """Give what a run could have changed: roles, schemas, specifications and channels."""
    with place.session() as superuser:
        return [
            str(superuser.rows(query))
            for query in (
                "SELECT rolname FROM pg_roles ORDER BY 1",
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_temp|^pg_toast_temp' ORDER BY 1",
                "SELECT stakeholder_id, kind, document FROM integratedb.specification ORDER BY 1, 2",
                "SELECT stakeholder_id, name, settings FROM integratedb.channel ORDER BY 1, 2",
                "SELECT count(*) FROM integratedb.ddl_event",
            )
        ]


def test_a_plan_changes_nothing_and_an_application_is_what_it_said(place: Place) -> None:
    directory = place.contract(MAILER)
    before = state(place)
    planned = place.run("plan", directory, status=3).stdout
    assert state(place) == before
    assert re.search(r"^\+ mailer ", planned, re.MULTILINE)
    assert "+ fields: [name, email]" in planned
    assert "Stakeholders: 1 to add, 0 to change, 0 to remove." in planned

    applied = place.run("apply", directory).stdout
    assert applied.startswith(planned.rstrip())
    [password] = re.findall(r"^mailer +(\S+) +postgresql://", applied, re.MULTILINE)
    with place.login("mailer", password) as mailer:
        mailer.run("SELECT name, email FROM shop.customers")


def test_a_second_application_leaves_nothing_behind(place: Place) -> None:
    # Written otherwise than it is stored, and with secrets that nobody is shown: still the same.
    directory = place.contract(
        MAILER.replace("fields: [name, email]", "fields: [{name: name}, email]\n      optional: false")
    )
    place.contract(FULFILMENT, "fulfilment.yaml")
    secrets: dict[str, Any] = {"HOOK": SECRET, "BUS": "pass%2Fword"}
    place.run("apply", directory, **secrets)
    before = state(place)
    assert place.run("apply", directory, **secrets).stdout == "No changes: the database is as the contracts say.\n"
    assert state(place) == before
    assert place.run("plan", directory, **secrets).returncode == 0


def test_another_spelling_of_a_type_is_no_change(place: Place) -> None:
    """A contract may name types as people do, or as the catalog does; what is stored stays as somebody wrote it."""
    written = """\
stakeholder: mailer
claims:
  match:
    - path: shop.customers
      fields: [{name: id, type: ID}, {name: name, type: NAME}]
"""
    spellings = [
        ("pg_catalog.int8", "pg_catalog.varchar(40)"),
        ("bigint", "character varying(40)"),
        ("int8", "varchar(40)"),
    ]
    for number, (id_type, name_type) in enumerate(spellings):
        directory = place.contract(written.replace("ID}", id_type + "}").replace("NAME}", name_type + "}"))
        if number == 0:
            place.run("apply", directory)
            before = state(place)
        assert place.run("plan", directory).stdout == "No changes: the database is as the contracts say.\n"
        place.run("apply", directory)
        assert state(place) == before
    with place.session() as superuser:
        (stored,) = superuser.value("SELECT integratedb_specification('mailer')")["match"]
    assert [field["type"] for field in stored["fields"]] == list(spellings[0])
    directory = place.contract(written.replace("ID}", "int8}").replace("NAME}", "varchar(41)}"))
    assert "varchar(41)" in place.run("plan", directory, status=3).stdout


def test_what_is_the_same_is_left_alone_while_something_else_changes(place: Place) -> None:
    directory = place.contract(MAILER)
    place.contract(FULFILMENT, "fulfilment.yaml")
    secrets: dict[str, Any] = {"HOOK": SECRET, "BUS": "one"}
    place.run("apply", directory, **secrets)
    handed_in = "SELECT reason, count(*) FROM integratedb.ddl_event WHERE command_tag ~ '^INTEGRATEDB' GROUP BY 1"
    with place.session() as superuser:
        before = {row[0]: row[1] for row in superuser.rows(handed_in)}
        place.contract(MAILER.replace("[name, email]", "[name]"))
        place.run("apply", directory, **secrets)
        after = {row[0]: row[1] for row in superuser.rows(handed_in)}
    assert {name for name in after if after[name] != before.get(name)} == {"specification of mailer"}


def test_a_secret_that_changes_is_seen_and_not_shown(place: Place) -> None:
    directory = place.contract(FULFILMENT, "fulfilment.yaml")
    place.run("apply", directory, HOOK=SECRET, BUS="one")
    shown = place.run("plan", directory, HOOK=OTHER_SECRET, BUS="one", status=3)
    assert "a secret, or a password in a URL, which is not shown" in shown.stdout
    assert OTHER_SECRET not in shown.stdout + shown.stderr
    assert place.run("plan", directory, HOOK=SECRET, BUS="two", status=3).stdout
    place.run("apply", directory, HOOK=OTHER_SECRET, BUS="one")
    with place.session() as superuser:
        assert (
            superuser.value("SELECT settings ->> 'secret' FROM integratedb.channel WHERE name = 'hook'") == OTHER_SECRET
        )
    place.run("plan", directory, HOOK=OTHER_SECRET, BUS="one")


def test_what_changes_is_shown_by_table_and_channel(place: Place) -> None:
    directory = place.contract(MAILER)
    place.contract(FULFILMENT, "fulfilment.yaml")
    secrets: dict[str, Any] = {"HOOK": SECRET, "BUS": "one"}
    place.run("apply", directory, **secrets)
    place.contract(MAILER.replace("[name, email]", "[name, phone]") + "    - path: shop.products\n")
    place.contract(FULFILMENT[: FULFILMENT.index("    - {name: bus")], "fulfilment.yaml")
    document = json.loads(place.run("plan", directory, "--json", status=3, **secrets).stdout)
    fulfilment, mailer = document["changes"]
    assert [(c["action"], c["name"]) for c in fulfilment["channels"]] == [("remove", "bus (REDIS)")]
    assert [(c["action"], c["name"]) for c in mailer["claims"]] == [
        ("change", "shop.customers"),
        ("add", "shop.products"),
    ]
    text = place.run("plan", directory, status=3, **secrets).stdout
    assert "          - fields: [name, email]\n          + fields: [name, phone]\n" in text


KEYS = """\
stakeholder: mailer
claims:
  match:
    - path: shop.orders
      fields: [id, customer_id]
      unique: [[id]]
      references:
        - {fields: [customer_id], to: shop.customers, to_fields: [id]}
"""


def test_keys_are_planned_applied_and_exported(place: Place) -> None:
    directory = place.contract(KEYS)
    place.run("apply", directory)
    assert "No changes" in place.run("plan", directory).stdout
    place.run("export", place.directory / "exported")
    exported = (place.directory / "exported/mailer.yaml").read_text()
    assert "unique: [[id]]" in exported
    assert "to: shop.customers" in exported
    assert "No changes" in place.run("plan", place.directory / "exported").stdout
    place.contract(KEYS.replace("unique: [[id]]", "unique: [[customer_id]]"))
    refused = place.run("plan", directory, status=1).stderr
    assert "mailer.yaml:4: IDB03 shop.orders: expected a unique key of (customer_id), found none" in refused
    place.contract(KEYS.replace("unique: [[id]]", "unique: [[total]]"))
    refused = place.run("plan", directory, status=1).stderr
    assert "mailer.yaml:6: IDB02 'total' is not among the fields" in refused
    place.contract(KEYS.split("      unique")[0])
    assert "- unique: [[id]]" in place.run("plan", directory, status=3).stdout


def test_the_order_of_files_does_not_matter_to_who_claims_whose_schema(place: Place) -> None:
    """A stakeholder is not created once somebody claims its schema, and here both come at once."""
    place.contract("stakeholder: analyst\nclaims:\n  match: {path: zebra.totals, optional: true}\n", "a.yaml")
    directory = place.contract("stakeholder: zebra\n", "z.yaml")
    place.run("plan", directory, status=3)
    place.run("apply", directory)
    assert place.run("plan", directory).stdout
    directory = place.contract("stakeholder: mule\nclaims:\n  match: {path: later.totals, optional: true}\n", "m.yaml")
    place.run("apply", directory)
    directory = place.contract("stakeholder: later\n", "l.yaml")
    said = place.run("plan", directory, status=1).stderr
    assert "l.yaml:1: IDB05 a schema of the name 'later' is claimed already" in said


def test_one_bad_contract_and_nothing_is_applied(place: Place) -> None:
    directory = place.contract(MAILER)
    place.contract(REPORTER, "r.yaml")
    place.contract("stakeholder: analyst\nclaims:\n  match:\n    - path: orders\n", "z.yaml")
    before = state(place)
    for command in ("plan", "apply"):
        said = place.run(command, directory, status=1).stderr
        assert "r.yaml:7: IDB03 shop.orders.vat: expected a column, found none" in said
        assert said.count("z.yaml:4: IDB02 'orders' is not a table path") == said.count("orders' is not") == 1
    assert state(place) == before
    [first, second] = json.loads(place.run("plan", directory, "--json", status=1).stderr)["error"]["problems"]
    assert {(p["line"], p["sqlstate"]) for p in (first, second)} == {(7, "IDB03"), (4, "IDB02")}


def test_without_prune_nobody_is_dropped(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    directory = place.contract(MAILER)
    assert "kept (--prune drops them): reporter" in place.run("apply", directory).stdout
    assert "reporter" in place.run("stakeholder", "list").stdout


def test_prune_drops_whom_a_plan_leaves_alone(place: Place, stakeholder: Stakeholder) -> None:
    password = stakeholder("reporter", {"path": "shop.orders", "fields": ["id"]})
    directory = place.contract(MAILER)
    with place.login("reporter", password) as reporter:
        assert "- reporter" in place.run("plan", directory, "--prune", status=3).stdout
        assert reporter.value("SELECT 1") == 1  # dropping ends sessions, for good; planning must not
    place.run("apply", directory, "--prune")
    rows = json.loads(place.run("stakeholder", "list", "--json").stdout)
    assert [row["name"] for row in rows] == ["mailer"]


def test_an_empty_directory_is_a_mistake(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    assert "no contract" in place.run("apply", place.directory, "--prune", status=2).stderr
    assert "no such directory" in place.run("plan", place.directory / "nowhere", status=2).stderr
    assert "reporter" in place.run("stakeholder", "list").stdout


def test_one_stakeholder_only(place: Place) -> None:
    directory = place.contract(MAILER)
    place.contract("stakeholder: reporter\n", "reporter.yaml")
    place.run("apply", directory, "--only", "reporter")
    rows = json.loads(place.run("stakeholder", "list", "--json").stdout)
    assert [row["name"] for row in rows] == ["reporter"]
    assert "nobody" in place.run("plan", directory, "--only", "nobody", status=2).stderr


def test_what_a_file_leaves_out_goes(place: Place) -> None:
    directory = place.contract(FULFILMENT, "fulfilment.yaml")
    place.run("apply", directory, HOOK=SECRET, BUS="one")
    place.contract("stakeholder: fulfilment\n", "fulfilment.yaml")
    place.run("apply", directory)
    with place.session("shop_admin") as admin:
        assert admin.value("SELECT integratedb_specification('fulfilment', 'notifications')") == {"match": []}


def test_on_a_terminal_it_asks_and_no_is_no(place: Place) -> None:
    directory = place.contract(MAILER)
    terminal = place.terminal("apply", directory)
    terminal.expect("Apply this to database")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "There is no stakeholder" in place.run("stakeholder", "list").stdout
    terminal = place.terminal("apply", directory)
    terminal.expect("Apply this to database")
    terminal.type("y\n")
    terminal.expect("Applied.")
    assert terminal.end() == 0


def test_what_was_agreed_to_is_what_is_applied(place: Place, stakeholder: Stakeholder) -> None:
    directory = place.contract(MAILER)
    terminal = place.terminal("apply", directory)
    terminal.expect("Apply this to database")
    stakeholder("mailer", {"path": "shop.customers", "fields": ["phone"]})
    terminal.type("y\n")
    terminal.expect("the database has changed since the plan was made")
    assert terminal.end() == 1
    with place.session("shop_admin") as admin:
        document = admin.value("SELECT integratedb_specification('mailer')")
    assert document["match"][0]["fields"] == ["phone"]


def test_a_migration_that_is_under_way_is_waited_for(place: Place) -> None:
    directory = place.contract(MAILER)
    with place.session("shop_owner") as owner, owner.transaction():
        owner.run("ALTER TABLE shop.customers ADD COLUMN born date")
        process = place.terminal("apply", directory, "--yes", PGOPTIONS="-c lock_timeout=100ms")
        with place.session() as superuser:
            waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'integratedb' AND wait_event_type = 'Lock'"
            eventually(lambda: superuser.rows(waiting))
            time.sleep(0.3)
            eventually(lambda: process.process.poll() is not None or superuser.rows(waiting))
        assert process.process.poll() is None
    process.expect("Applied.")
    assert process.end() == 0


def test_many_contracts_show_how_far_they_are_on_a_terminal(place: Place) -> None:
    for number in range(20):
        directory = place.contract(f"stakeholder: app_{number}\n", f"{number}.yaml")
    terminal = place.terminal("plan", directory)
    terminal.expect("planning")
    terminal.expect("20 to add")
    assert terminal.end() == 3
    assert "planning" not in place.run("plan", directory, status=3).stderr


def test_an_export_is_the_state(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("mailer", {"path": "shop.customers", "fields": ["name", {"alternatives": ["email", "e_mail"]}]})
    stakeholder("newcomer")
    notifications = {
        "match": [{"path": "shop.orders", "fields": ["*"], "events": ["INSERT"], "channels": ["hook"]}],
        "channels": [
            {"name": "hook", "type": "WEBHOOK", "url": "https://u:pw@x.example/", "secret": SECRET},
            {
                "name": "daemons",
                "type": "WEBHOOK",
                "url": "https://x.example/${x}",
                "secret": "env:INTEGRATEDB_SECRET_FULFILMENT__HOOK",
            },
        ],
    }
    stakeholder("fulfilment")
    with place.session("shop_admin") as admin:
        admin.run("SELECT integratedb_notify('fulfilment', %s)", Jsonb(notifications))
    directory = place.directory / "exported"
    shown = place.run("export", directory).stdout
    assert {path.name for path in directory.iterdir()} == {
        "contract.schema.json", "fulfilment.yaml", "mailer.yaml", "newcomer.yaml",
    }  # fmt: skip
    assert "FULFILMENT_HOOK_SECRET" in shown
    assert SECRET not in (directory / "fulfilment.yaml").read_text()
    secrets: dict[str, Any] = {"FULFILMENT_HOOK_SECRET": SECRET, "FULFILMENT_HOOK_PASSWORD": "pw"}
    before = state(place)
    assert "No changes" in place.run("plan", directory, **secrets).stdout
    assert "No changes" in place.run("apply", directory, **secrets).stdout
    assert state(place) == before
    place.run("lint", directory)


def test_an_export_replaces_nothing_unasked(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("mailer")
    directory = place.contract(MAILER)
    assert "mailer.yaml:1: the file is there" in place.run("export", directory, status=2).stderr
    assert (directory / "mailer.yaml").read_text() == MAILER
    place.run("export", directory, "--force")
    assert (directory / "mailer.yaml").read_text() != MAILER


@pytest.mark.parametrize("file", ["mailer.yaml", "contract.schema.json"])
@pytest.mark.parametrize("dangles", [True, False])
def test_an_export_does_not_write_through_links(
    place: Place, stakeholder: Stakeholder, file: str, dangles: bool
) -> None:
    stakeholder("mailer")
    directory = place.directory / "exported"
    directory.mkdir()
    elsewhere = place.directory / "elsewhere"
    if not dangles:
        elsewhere.write_text("kept")
    (directory / file).symlink_to(elsewhere)
    assert "it is a link" in place.run("export", directory, status=2).stderr
    assert [path.name for path in directory.iterdir()] == [file]
    place.run("export", directory, "--force")
    assert not (directory / file).is_symlink()
    assert elsewhere.exists() is not dangles
    assert dangles or elsewhere.read_text() == "kept"
    assert {path.name for path in directory.iterdir()} == {"mailer.yaml", "contract.schema.json"}


def test_an_export_takes_nothing_else_for_a_file(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("mailer")
    directory = place.directory / "exported"
    directory.mkdir()
    os.mkfifo(directory / "mailer.yaml")
    assert "it is not a file" in place.run("export", directory, status=2).stderr
    (directory / "mailer.yaml").unlink()
    (directory / "mailer.yaml").mkdir()
    place.run("export", directory, "--force", status=2)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("stakeholder: a\nclaims:\n  match: [\n", 4, ""),
        ("stakeholder: a\ncliams: {}\n", 2, 'unknown key "cliams"'),
        ("stakeholder: a\nstakeholder: b\n", 2, "stands twice"),
        ("claims:\n  match: []\n", 1, "needs the name"),
        (HOOK, 5, "NO is not set"),
        ("stakeholder: a\n---\nstakeholder: b\n", 2, "second document"),
        ("- a\n", 1, "object"),
        ("stakeholder: !!int abc\n", 1, "!!int"),
        ("stakeholder: " + "[" * 100_000, 1, "nested too deeply"),
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_read_is_told_by_file_and_line(place: Place, text: str, line: int, word: str) -> None:
    directory = place.contract(text, "a.yaml")
    said = place.run("plan", directory, status=2).stderr
    assert re.search(rf"{re.escape(str(directory / 'a.yaml'))}:{line}: .*{re.escape(word)}", said)


def test_two_contracts_of_one_stakeholder_are_refused(place: Place) -> None:
    place.contract(MAILER)
    directory = place.contract(MAILER, "other.yaml")
    assert "other.yaml:2: mailer has a contract already" in place.run("plan", directory, status=2).stderr


def test_lint_needs_no_database_and_no_variables(place: Place, tmp_path: Path) -> None:
    directory = place.contract(FULFILMENT, "fulfilment.yaml")
    assert "1 contract is well formed" in place.run("lint", directory, PGHOST="/nonexistent").stdout
    place.contract(MAILER.replace("fields: [name, email]", "fields: [name, email]\n      colour: red"))
    said = place.run("lint", directory, status=2, PGHOST="/nonexistent").stderr
    assert "mailer.yaml:7: 'colour' is not allowed in a match without alternatives" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("credentials.json", "[" * 100_000),
        ("k8s:secrets.yaml", "a: !!int abc"),
        ("k8s:secrets.yaml", "a: " + "[" * 10_000),
    ],
)
def test_a_file_for_credentials_that_holds_something_else_is_left_alone(place: Place, name: str, content: str) -> None:
    directory = place.contract(MAILER)
    kind, _, file = name.rpartition(":")
    path = place.directory / file
    path.write_text(content)
    said = place.run("apply", directory, "--credentials", f"{kind}:{path}" if kind else path, status=2).stderr
    assert "the file is there" in said
    assert path.read_text() == content


@pytest.mark.parametrize("arguments", [("claim", "mailer", "-"), ("notify", "mailer", "-"), ("preview", "-")])
def test_standard_input_that_is_not_utf8_is_told_by_its_line(place: Place, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=b"a: 1\nb: \xff\n",
        capture_output=True,
        check=False,
        env={**os.environ, **place.environment("shop_admin")},
    )
    assert done.returncode == 2
    assert b"<stdin>:2: it is not UTF-8" in done.stderr


def test_a_file_that_is_not_there_is_told_as_such(place: Place) -> None:
    for arguments in (("preview", "missing.sql"), ("claim", "mailer", "missing.yaml"), ("lint", "missing.yaml")):
        said = place.run(*arguments, status=2).stderr
        assert f"{arguments[-1]}:1: No such file or directory" in said
        assert "contracts" not in said


HOOKED = """\
stakeholder: mailer
notifications:
  match:
    - path: shop.orders
      fields: [id]
  channels:
    - type: WEBHOOK
      name: hook
      url: {url}
      secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr
"""


def test_no_value_of_a_variable_in_a_channel_is_shown(place: Place) -> None:
    def shown(*arguments: str | Path, token: str, status: int = 0) -> str:
        result = place.run(*arguments, status=status, HOOK_TOKEN=token)
        assert "T0K3N" not in result.stdout + result.stderr
        return result.stdout + result.stderr

    contracts = place.contract(
        HOOKED.format(url='"https://hooks.example.com/services/${HOOK_TOKEN}/x?key=${HOOK_TOKEN}"')
    )
    for options in ((), ("--json",)):
        assert "https://hooks.example.com/services/${HOOK_TOKEN}/x" in shown(
            "plan", contracts, *options, token="T0K3N-one", status=3
        )
    shown("apply", contracts, "--yes", token="T0K3N-one")
    assert "No changes" in shown("plan", contracts, token="T0K3N-one")
    # Neither the new one nor the one before.
    for options in ((), ("--json",)):
        assert "not shown" in shown("plan", contracts, *options, token="T0K3N-two", status=3)
    document = place.directory / "notify.yaml"
    document.write_text(
        "match: {path: shop.orders, fields: [id]}\n"
        "channels: [{type: WEBHOOK, name: hook, url: 'https://hooks.example.com/${HOOK_TOKEN}', "
        f"secret: {SECRET}}}]\n"
    )
    assert "${HOOK_TOKEN}" in shown("notify", "mailer", document, "--json", token="T0K3N-three")
    # The database hides the password only, and shows the rest of what the variable stands for.
    place.contract(HOOKED.format(url='"${HOOK_TOKEN}"'))
    for url in ("https://T0K3N-user:T0K3N-word@example.com/T0K3N-five", "https://:word@example.com/T0K3N-six"):
        for options in ((), ("--json",)):
            assert "${HOOK_TOKEN}" in shown("plan", contracts, *options, token=url, status=3)
        shown("apply", contracts, "--yes", token=url)
        assert "No changes" in shown("plan", contracts, token=url)
    for url in ('"ftp://${HOOK_TOKEN}"', '"https://${HOOK_TOKEN}:99999/"', '"${HOOK_TOKEN}"'):
        place.contract(HOOKED.format(url=url))
        for command in ("plan", "apply"):
            for options in ((), ("--json",)):
                shown(command, contracts, *options, token="T0K3N four", status=1)


ASKER = """\
stakeholder: asker
claims:
  match:
    - path: shop.orders
      fields: [id, status]
queries:
  open-orders:
    select: [id, status]
    from: shop.orders
  spent:
    rest: GET /orders?select=id&total=gte.{{least}}
    schema: shop
"""


def saved(place: Place, stakeholder: str = "asker") -> dict[str, Any]:
    with place.session() as superuser:
        return dict(superuser.rows("SELECT name, query FROM integratedb_queries(%s)", stakeholder))


def test_saved_queries_are_part_of_a_contract(place: Place, tmp_path: Path) -> None:
    directory = place.contract(ASKER)
    planned = place.run("plan", directory, status=3).stdout
    assert re.search(r"^    queries$", planned, re.MULTILINE)
    assert "+ open-orders" in planned
    place.run("apply", directory, "--yes")
    assert saved(place) == {
        "open-orders": {"select": ["id", "status"], "from": "shop.orders"},
        "spent": {"rest": "GET /orders?select=id&total=gte.{{least}}", "schema": "shop"},
    }
    before = events(place)
    assert "No changes" in place.run("plan", directory, status=0).stdout
    assert events(place) == before
    exported = tmp_path / "exported"
    place.run("export", exported)
    place.run("plan", exported, status=0)
    assert "rest: GET /orders?select=id&total=gte.{{least}}" in (exported / "asker.yaml").read_text()
    place.contract(ASKER.replace("fields: [id, status]", "fields: [id, {alternatives: [status, state]}]"))
    planned = place.run("plan", directory, status=3).stdout
    assert "~ open-orders" in planned
    place.run("apply", directory, "--yes")
    place.contract(ASKER.partition("queries:")[0])
    assert "- spent" in place.run("plan", directory, status=3).stdout
    place.run("apply", directory, "--yes")
    assert saved(place) == {}


def test_a_query_that_cannot_be_saved_is_a_finding_at_its_line(place: Place) -> None:
    directory = place.contract(ASKER.replace("select: [id, status]", "select: [id, nothing]"))
    before = state(place)
    refused = place.run("plan", directory, "--json", status=1)
    [problem] = json.loads(refused.stderr)["error"]["problems"]
    assert (problem["line"], problem["kind"], problem["sqlstate"]) == (8, "query open-orders", "42703")
    assert state(place) == before
