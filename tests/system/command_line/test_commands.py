"""Each command against a real server: what it does, prints and ends with."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integratedb_companion.cli import COMMANDS
from tests.support import refused
from tests.system.command_line.conftest import Place, run
from tests.system.harness import eventually

Stakeholder = Callable[..., str]
ORDERS = {"path": "shop.orders", "fields": ["id", "total"]}
ESCAPE = "\x1b["


@pytest.mark.parametrize(
    "name", [*COMMANDS, *(f"stakeholder {verb}" for verb in ("add", "list", "rename", "rotate", "drop", "adopt"))]
)
def test_every_commands_help_teaches_by_example(name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.returncode == 0
    if name not in ("stakeholder", "daemon"):
        assert re.search(rf"Examples?.*:\n(.*\n)*? +.*integratedb {name}", result.stdout)


def test_the_help_loads_no_library_of_any_command() -> None:
    program = (
        "import sys; from integratedb_companion.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('psycopg','rich','aiohttp','redis','yaml','hvac','jsonschema') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_unlock_ends_who_holds_the_lock(place: Place) -> None:
    assert place.run("unlock").stdout == "Nobody holds the lock.\n"
    holder = place.session("shop_admin")
    holder.run("BEGIN; SELECT integratedb_sync()")
    result = place.run("unlock", "--yes", "--json")
    assert json.loads(result.stdout)["ended"].startswith(f"pid {holder.info.backend_pid}, shop_admin")
    holder.close()
    with place.session("shop_admin") as other:
        other.run("SELECT integratedb_sync()")


def test_adopt_makes_a_role_that_was_created_again_the_stakeholders(place: Place) -> None:
    place.run("stakeholder", "add", "mailer")
    with place.session() as superuser:
        superuser.run("DROP SCHEMA mailer; DROP OWNED BY mailer; DROP ROLE mailer; CREATE ROLE mailer LOGIN")
    refusal = place.run("stakeholder", "rotate", "mailer", status=1)
    assert "integratedb_adopt_role" in refusal.stderr
    place.run("stakeholder", "adopt", "mailer")
    place.run("stakeholder", "rotate", "mailer")


def test_a_stakeholder_comes_logs_in_gets_a_new_name_and_password_and_goes(place: Place) -> None:
    shown = place.run("stakeholder", "add", "reporter").stdout
    [password] = re.findall(r"^password +(\S+)$", shown, re.MULTILINE)
    place.login("reporter", password).close()

    rotated = json.loads(place.run("stakeholder", "rotate", "reporter", "--json").stdout)
    with refused_login():
        place.login("reporter", password)
    place.login("reporter", rotated["password"]).close()

    renamed = json.loads(place.run("stakeholder", "rename", "reporter", "analyst", "--json").stdout)
    place.login("analyst", renamed["password"]).close()
    [row] = json.loads(place.run("stakeholder", "list", "--json").stdout)
    assert (row["name"], row["claims"], row["unmet"]) == ("analyst", 0, 0)
    assert re.search(r"^analyst +0 +0 +0 +\d{4}-", place.run("stakeholder", "list").stdout, re.MULTILINE)

    assert json.loads(place.run("stakeholder", "drop", "analyst", "--json").stdout)["schema_dropped"] is True
    assert "There is no stakeholder" in place.run("stakeholder", "list").stdout


def refused_login():
    return pytest.raises(Exception, match="password authentication failed")


def test_a_password_can_expire(place: Place) -> None:
    place.run("stakeholder", "add", "reporter", "--valid-until", "2031-01-01")
    with place.session() as superuser:
        assert (
            superuser.value("SELECT rolvaliduntil::date::text FROM pg_roles WHERE rolname = 'reporter'") == "2031-01-01"
        )
    assert "22007" in place.run("stakeholder", "add", "other", "--valid-until", "soon", status=1).stderr


def test_on_a_terminal_a_drop_is_asked_about(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    terminal = place.terminal("stakeholder", "drop", "reporter")
    terminal.expect("end its sessions?")
    terminal.type("n\n")
    assert terminal.end() == 1
    terminal = place.terminal("stakeholder", "drop", "reporter")
    terminal.expect("end its sessions?")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "reporter" not in place.run("stakeholder", "list").stdout


@pytest.mark.parametrize(
    "text",
    ['{"match": {"path": "shop.orders", "fields": ["id"]}}', "match:\n  - path: shop.orders\n    fields: [id]\n"],
)
def test_a_claim_is_handed_in_from_a_file_and_from_standard_input(
    place: Place, stakeholder: Stakeholder, text: str
) -> None:
    stakeholder("reporter")
    file = place.directory / "claims"
    file.write_text(text)
    assert place.run("claim", "reporter", file).stdout == "reporter: 1 match stored.\n"
    expanded = json.loads(place.run("claim", "reporter", "-", "--json", stdin=text).stdout)
    assert expanded["match"][0]["fields"][0]["type"] == "bigint"


def test_a_refused_claim_tells_file_and_line_and_stores_nothing(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    file = place.directory / "claims.yaml"
    file.write_text("match:\n  - path: shop.orders\n    fields:\n      - id\n      - vat\n")
    said = place.run("claim", "reporter", file, status=1).stderr
    assert f"{file}:5: IDB03 shop.orders.vat: expected a column, found none" in said
    assert place.run("claim", "reporter", file, "--dry-run", status=1).stderr.count("IDB03") == 1
    file.write_text("match:\n  - path: shop.orders\n    feelds: [id]\n")
    for dry_run in ((), ("--dry-run",)):
        said = place.run("claim", "reporter", file, *dry_run, status=1).stderr
        assert f"{file}:3: IDB02 'feelds' is not allowed in a match without alternatives" in said
        assert said.count("feelds") == 1
    with place.session("shop_admin") as admin:
        assert admin.value("SELECT integratedb_specification('reporter')") == {"match": [ORDERS]}


def test_a_dry_run_stores_nothing(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    text = json.dumps({"match": ORDERS})
    assert "would be accepted" in place.run("claim", "reporter", "-", "--dry-run", stdin=text).stdout
    with place.session("shop_admin") as admin:
        assert admin.value("SELECT integratedb_specification('reporter')") == {"match": []}


def test_a_secret_of_a_channel_comes_from_the_environment(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
    text = (
        "match: [{path: shop.orders, fields: [id], events: [INSERT]}]\n"
        "channels: [{name: hook, type: WEBHOOK, url: 'https://x.example/', secret: '${HOOK}'}]\n"
    )
    missing = place.run("notify", "reporter", "-", stdin=text, status=2).stderr
    assert "<stdin>:2: the environment variable HOOK is not set" in missing
    assert secret not in place.run("notify", "reporter", "-", "--json", stdin=text, HOOK=secret).stdout
    with place.session() as superuser:
        assert superuser.value("SELECT settings ->> 'secret' FROM integratedb.channel") == secret


def test_unmet_claims_end_in_status_1(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    assert place.run("unmet").stdout == "Every claim is met.\n"
    assert json.loads(place.run("unmet", "--json").stdout) == []
    with place.session() as superuser, superuser.transaction():
        superuser.run("SELECT integratedb_override('a test')")
        superuser.run("ALTER TABLE shop.orders DROP COLUMN total CASCADE")
    shown = place.run("unmet", status=1).stdout
    assert re.search(
        r"^reporter +claims +shop.orders +total +shop.orders.total: expected a column", shown, re.MULTILINE
    )
    assert "1 claim unmet." in shown
    [row] = json.loads(place.run("unmet", "--json", status=1).stdout)
    assert row["problems"][0]["property"] == "column"


def test_a_preview_says_who_would_be_hurt_and_changes_nothing(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    file = place.directory / "0042.sql"
    file.write_text("ALTER TABLE shop.orders DROP COLUMN total CASCADE;")
    shown = place.run("preview", file, user="shop_owner", status=1).stdout
    assert "shop.orders.total: expected a column" in shown
    assert "1 claim would be hurt." in shown
    file.write_text("ALTER TABLE shop.orders DROP COLUMN note;")
    assert place.run("preview", file, user="shop_owner").stdout == "Nobody would be hurt.\n"
    assert place.run("preview", "-", "--json", user="shop_owner", stdin="SELECT 1").stdout == "[]\n"
    with place.session() as superuser:
        superuser.run("SELECT total, note FROM shop.orders LIMIT 1")


def test_a_statement_that_fails_is_no_preview(place: Place) -> None:
    said = place.run("preview", "-", user="shop_owner", stdin="ALTER TABLE shop.nothing ADD x int", status=2)
    assert "42P01" in said.stderr
    json_said = place.run(
        "preview", "-", "--json", user="shop_owner", stdin="ALTER TABLE shop.nothing ADD x int", status=2
    )
    assert json.loads(json_said.stderr)["error"]["sqlstate"] == "42P01"
    assert said.stdout == ""
    assert "no such file" in place.run("preview", "/nonexistent.sql", status=2).stderr.lower()


def test_a_preview_shows_once_what_is_wrong_with_a_specification(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    submit = 'SELECT integratedb_claim(\'reporter\', \'{"match": [{"path": "orders"}, {"path": "public.*"}]}\')'
    said = place.run("preview", "-", user="shop_owner", stdin=submit, status=2).stderr
    assert "IDB02 invalid specification: 2 faults, the first at #/match/0/path" in said
    for words in ("'orders' is not a table path", "'public.*' stands for many tables"):
        assert said.count(words) == 1
    assert "DETAIL" not in said
    error = json.loads(place.run("preview", "-", "--json", user="shop_owner", stdin=submit, status=2).stderr)["error"]
    assert [problem["pointer"] for problem in error["problems"]] == ["#/match/0/path", "#/match/1/path"]
    assert "detail" not in error


def test_begin_and_commit_around_a_migration_are_no_matter(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    wrapped = "-- by a tool\nBEGIN;\nALTER TABLE shop.orders DROP COLUMN total CASCADE;\n\nCOMMIT;\n"
    shown = place.run("preview", "-", user="shop_owner", stdin=wrapped, status=1).stdout
    assert "1 claim would be hurt." in shown
    twice = place.run("preview", "-", user="shop_owner", stdin=wrapped + wrapped, status=2)
    assert "<stdin>" not in twice.stdout
    assert "line 5: COMMIT does not wrap the whole" in twice.stderr
    with place.session() as superuser:
        superuser.run("SELECT total FROM shop.orders LIMIT 1")


#: Postgres cancels a statement once, and this goes on.
STUBBORN = """
LOCK TABLE shop.orders;
DO $$ BEGIN
  FOR i IN 1 .. 3 LOOP
    BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
  END LOOP;
END $$
"""
PREVIEWS = "FROM pg_locks WHERE relation = 'shop.orders'::regclass AND mode = 'AccessExclusiveLock' AND granted"


def test_a_preview_ends_in_time_whatever_its_statements_catch(place: Place) -> None:
    began = time.monotonic()
    said = place.run(
        "preview", "-", user="shop_owner", stdin=STUBBORN, status=2, PGOPTIONS="-c statement_timeout=1s"
    ).stderr
    assert "went on after statement_timeout (1 s)" in said
    assert time.monotonic() - began < 30
    with place.session() as superuser:
        assert superuser.value(f"SELECT count(*) {PREVIEWS}") == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_preview_ends_with_its_command(place: Place, how: signal.Signals) -> None:
    file = place.directory / "stubborn.sql"
    file.write_text(STUBBORN)
    with place.session() as superuser:
        terminal = place.terminal("preview", file, user="shop_owner")
        eventually(lambda: superuser.value(f"SELECT count(*) {PREVIEWS}") == 1)
        terminal.process.send_signal(how)
        assert terminal.end() != 0
        eventually(lambda: superuser.value(f"SELECT count(*) {PREVIEWS}") == 0, timeout_s=20)


def test_dependents_are_listed(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    assert re.search(r"^reporter +claims +required$", place.run("dependents", "shop.orders", "id").stdout, re.MULTILINE)
    assert place.run("dependents", "shop.orders", "note").stdout == "Nobody.\n"
    refused = place.run("dependents", "shop.orders", "nte", status=1)
    assert refused.stdout == ""
    assert "no column nte of shop.orders" in refused.stderr
    assert "Did you mean note?" in refused.stderr


def test_sync_brings_revoked_privileges_back(place: Place, stakeholder: Stakeholder) -> None:
    password = stakeholder("reporter", ORDERS)
    with place.session() as superuser, superuser.transaction():
        superuser.run("SELECT integratedb_override('a test')")
        superuser.run("REVOKE SELECT (id) ON shop.orders FROM reporter")
    with place.login("reporter", password) as reporter, refused("42501"):
        reporter.run("SELECT id FROM shop.orders")
    place.run("sync")
    with place.login("reporter", password) as reporter:
        reporter.run("SELECT id FROM shop.orders")


def test_status_is_a_table_or_an_object(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    shown = place.run("status").stdout
    assert re.search(r"^stakeholders +1$", shown, re.MULTILINE)
    assert ESCAPE not in shown
    assert json.loads(place.run("status", "--json").stdout)["claims"] == "1"


def test_colours_are_for_terminals_that_want_them(place: Place) -> None:
    coloured, plain = place.terminal("status"), place.terminal("status", NO_COLOR="1")
    assert ESCAPE in coloured.expect("lock holder")
    # Bold is no colour; the sequences that set one have a number from 30 on.
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain.expect("lock holder"))
    assert (coloured.end(), plain.end()) == (0, 0)
    plan = place.terminal("plan", place.contract("stakeholder: mailer\n"), NO_COLOR="1")
    assert ESCAPE not in plan.expect("1 to add")
    assert plan.end() == 3


def test_access_tells_what_is_in_excess(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", ORDERS)
    assert place.run("access", "reporter", "--excess").stdout == "Nothing in excess.\n"
    with place.session("shop_owner") as owner:
        owner.run("GRANT SELECT (note) ON shop.orders TO reporter")
    assert re.search(r"^shop.orders +id +claim$", place.run("access", "reporter").stdout, re.MULTILINE)
    [row] = json.loads(place.run("access", "reporter", "--excess", "--json").stdout)
    assert (row["field"], row["reason"]) == ("note", "other grant")


def test_a_name_cannot_steer_the_terminal(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    with place.session("shop_owner") as owner:
        owner.run('CREATE TABLE shop."x\x1b[31mred" (id int); GRANT SELECT ON shop."x\x1b[31mred" TO reporter')
        owner.run("GRANT USAGE ON SCHEMA shop TO reporter")
    for arguments in (["access", "reporter"], ["log"]):
        terminal = place.terminal(*arguments)
        assert "\x1b[31mred" not in terminal.expect("\\x1b[31mred")
        assert terminal.end() == 0


def test_the_log_is_printed_and_followed(place: Place) -> None:
    with place.session("shop_owner") as owner:
        owner.run("ALTER TABLE shop.orders ADD COLUMN vat numeric")
        assert re.search(r"shop_owner  ALTER TABLE shop.orders$", place.run("log", "-n", "3").stdout, re.MULTILINE)
        assert json.loads(place.run("log", "-n", "1", "--json").stdout)["command_tag"] == "ALTER TABLE"
        assert place.run("log", "--since", "tomorrow").stdout == ""
        terminal = place.terminal("log", "--follow", "-n", "1")
        terminal.expect("ALTER TABLE")
        owner.run("CREATE TABLE shop.returns (id bigint)")
        shown = terminal.expect("shop.returns")
        owner.run("DROP TABLE shop.returns")
        terminal.expect("DROP TABLE")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert shown.count("CREATE TABLE") == 1


def test_json_errors_go_to_standard_error(place: Place) -> None:
    result = place.run("access", "nobody", "--json", status=1)
    assert result.stdout == ""
    assert json.loads(result.stderr)["error"]["sqlstate"] == "IDB04"


def test_what_is_not_allowed_is_a_line_with_its_sqlstate(place: Place) -> None:
    result = place.run("stakeholder", "list", user="shop_owner", status=1)
    assert result.stderr.startswith("integratedb: 42501 permission denied")


def test_no_connection_is_status_5_and_tells_no_password(place: Place) -> None:
    secret = "hunter2hunter2"
    refused_port = run("status", "--dsn", f"host=127.0.0.1 port=1 password={secret}")
    wrong = run("status", "--dsn", f"postgresql://shop_admin:{secret}@127.0.0.1:{place.cluster.port}/{place.database}")
    unreadable = run("status", "--dsn", f"dbname=x {secret}")
    assert (refused_port.returncode, wrong.returncode, unreadable.returncode) == (5, 5, 2)
    for result in (refused_port, wrong, unreadable):
        assert result.stderr.startswith("integratedb: ")
        assert secret not in result.stdout + result.stderr
        assert "Traceback" not in result.stderr


def test_the_connection_follows_libpqs_conventions(place: Place) -> None:
    service = place.directory / "services"
    service.write_text(f"[shop]\nhost={place.cluster.socket}\nport={place.cluster.port}\nuser=shop_admin\n")
    found = run("status", "-d", place.database, "--dsn", "service=shop", PGSERVICEFILE=str(service))
    assert found.returncode == 0, found.stderr
    uri = f"postgresql://shop_admin@/{place.database}?host={place.cluster.socket}&port={place.cluster.port}"
    assert run("status", "-d", uri).returncode == 0
    assert run("status", INTEGRATEDB_DSN=uri).returncode == 0


def test_a_database_without_the_extension_is_told_of(place: Place) -> None:
    result = place.run("status", "-d", "postgres", status=1)
    assert "integratedb init" in result.stderr


def test_the_extension_may_be_in_a_schema_of_its_own(place: Place) -> None:
    with place.session() as superuser:
        superuser.run("DROP EXTENSION integratedb CASCADE; DROP SCHEMA IF EXISTS integratedb")
    place.run("init", "--schema", "public", user="postgres")
    with place.session() as superuser:
        superuser.run("DROP EXTENSION integratedb CASCADE; CREATE SCHEMA tools")
        superuser.run("GRANT USAGE ON SCHEMA tools TO PUBLIC")
    place.run("init", "--schema", "tools", user="postgres")
    assert re.search(r"^stakeholders +0$", place.run("status").stdout, re.MULTILINE)


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash").stdout)
    asks = (
        f"source {script}; PATH={Path(sys.executable).parent}:$PATH; COMP_WORDS=(integratedb st); COMP_CWORD=1; "
        '_integratedb_completion integratedb; printf "%s\\n" "${COMPREPLY[@]}"; '
        "COMPREPLY=(); COMP_WORDS=(integratedb apply --pr); COMP_CWORD=2; _integratedb_completion integratedb; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(["bash", "-c", asks], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["start", "stop", "stakeholder", "status", "--prune"]


def test_wrong_usage_is_status_2() -> None:
    assert run("nonsense").returncode == 2
    assert run("claim").returncode == 2
    assert run("log", "--limit", "many").returncode == 2


def test_advice_is_listed_muted_and_shown_again_and_its_status_says_whether_there_is_any(place: Place) -> None:
    key = "no_primary_key:shop.visits"
    only = ("--adviser", "no_primary_key")
    found = place.run("advice", *only, status=1)
    assert found.stdout.splitlines() == [
        f"INFO   {key}",
        "       Table shop.visits has no primary key.",
        "       ALTER TABLE shop.visits ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(), "
        "ADD PRIMARY KEY (id, visited_at);",
    ]
    [finding] = json.loads(place.run("advice", "list", *only, "--json", status=1).stdout)
    assert (finding["cache_key"], finding["level"], finding["muted"]) == (key, "INFO", None)
    assert place.run("advice", *only, "--level", "warn").stdout == "Nothing to advise.\n"
    place.run("advice", "mute", key, status=2)
    assert place.run("advice", "mute", key, "--reason", "append only").stdout == f"Muted: {key}.\n"
    assert place.run("advice", *only).stdout == "Nothing to advise.\n"
    assert "Muted by shop_admin: append only" in place.run("advice", *only, "--muted").stdout
    assert "No finding has this key now." in place.run("advice", "mute", "nothing", "--reason", "a typo").stdout
    assert place.run("advice", "unmute", key).stdout == f"Shown again: {key}.\n"
    assert json.loads(place.run("advice", "unmute", key, "--json").stdout) == {"unmuted": key, "was_muted": False}
    assert "no_primary_key" in place.run("advice", "checks").stdout
    assert len(json.loads(place.run("advice", "checks", "--json").stdout)) > 40


def test_a_name_in_advice_prints_no_line_of_its_own(place: Place) -> None:
    with place.session() as superuser:
        superuser.run('CREATE TABLE shop."x\n\x1b[31mERROR  forged" (id integer)')
    lines = place.run("advice", "--adviser", "no_primary_key", status=1).stdout.splitlines()
    assert len(lines) == 6
    assert not [line for line in lines if ESCAPE in line or line.startswith("ERROR")]
