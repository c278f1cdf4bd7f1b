"""What owners and stakeholders agree, by the command: requests, deprecations and waivers."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb

from tests.system.command_line.conftest import Place, run

Stakeholder = Callable[..., str]
NOTE = {"path": "shop.orders", "fields": ["id", "note"]}
DROP_NOTE = "ALTER TABLE shop.orders DROP COLUMN note"
CONTRACT = """\
stakeholder: reporter
claims:
  match:
    - path: shop.orders
      until: 2999-03-01
      fields: [id, note]
"""
WAIVE = ("waiver", "add", "reporter", "shop.orders", "note", "--until", "2999-01-15", "--reason", "2.4 reads none")


@pytest.mark.parametrize(
    "name",
    [
        *(f"deprecation {verb}" for verb in ("list", "add", "end")),
        *(f"waiver {verb}" for verb in ("list", "add", "end")),
        *(f"leases {verb}" for verb in ("list", "renew", "revoke")),
        *(f"request {verb}" for verb in ("list", "add", "approve", "reject", "withdraw")),
    ],
)
def test_every_commands_help_teaches_by_example(name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.returncode == 0
    assert re.search(rf"Examples?.*:\n(.*\n)*? +.*integratedb {name}", result.stdout)


def test_an_owner_deprecates_and_takes_it_back(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", NOTE)
    assert place.run("deprecation").stdout == "Nothing is deprecated.\n"
    add = ("deprecation", "add", "shop.orders", "note", "--remove-after", "2999-03-01", "--message", "read shop.notes")
    assert place.run(*add, user="shop_owner").stdout == (
        "Deprecated: shop.orders, column note. 1 stakeholder depends on it.\n"
    )
    assert re.search(
        r"^shop.orders +note +2999-03-01 .* reporter +read shop.notes", place.run("deprecation").stdout, re.M
    )
    [row] = json.loads(place.run("deprecation", "--json").stdout)
    assert (row["path"], row["field"], row["claimed_by"]) == ("shop.orders", "note", ["reporter"])
    end = ("deprecation", "end", "shop.orders", "note")
    assert "is no longer deprecated" in place.run(*end, user="shop_owner").stdout
    assert json.loads(place.run(*end, "--json", user="shop_owner").stdout)["was_deprecated"] is False
    assert "42501" in place.run(*add, user="reporter", status=1).stderr


def test_a_waiver_is_listed_until_it_ends(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", NOTE)
    assert place.run("waiver").stdout == "Nothing is waived.\n"
    number = json.loads(place.run(*WAIVE, "--json").stdout)["id"]
    assert re.search(rf"^{number} +reporter +shop.orders +note +2999-01-15", place.run("waiver", "list").stdout, re.M)
    assert place.run("waiver", "end", str(number)).stdout == f"Waiver {number} has ended.\n"
    assert json.loads(place.run("waiver", "--json").stdout) == []
    assert "42704" in place.run("waiver", "end", str(number), status=1).stderr


def test_what_a_waiver_allows_is_shown_and_no_failure(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", NOTE, {"path": "shop.customers", "fields": ["email"]})
    place.run(*WAIVE)
    shown = place.run("preview", "-", user="shop_owner", stdin=DROP_NOTE).stdout
    assert "waived until 2999-01-15" in shown
    assert "1 claim would be hurt, and allowed: no migration is refused." in shown
    both = f"{DROP_NOTE}; ALTER TABLE shop.customers DROP COLUMN email"
    shown = place.run("preview", "-", user="shop_owner", stdin=both, status=1).stdout
    assert "1 claim would be hurt.\n1 claim would be hurt, and allowed" in shown

    with place.session("shop_owner") as owner:
        owner.run(DROP_NOTE)
    shown = place.run("unmet").stdout
    assert "2.4 reads none" in shown
    assert "1 claim unmet, and allowed" in shown
    [row] = json.loads(place.run("unmet", "--json").stdout)
    assert row["problems"][0]["allowed"] == "waived"
    facts = json.loads(place.run("status", "--json").stdout)
    assert (facts["unmet"], facts["allowed"]) == ("1", "1 of the unmet claims: a deprecation or a waiver allows it")
    assert facts["waived"].startswith("shop.orders.note of reporter until 2999-01-15")
    place.run("waiver", "end", str(json.loads(place.run("waiver", "--json").stdout)[0]["id"]))
    assert "1 claim unmet.\n" in place.run("unmet", status=1).stdout


def test_a_plan_shows_what_its_contracts_depend_on(place: Place) -> None:
    contracts = place.directory / "contracts"
    contracts.mkdir()
    (contracts / "reporter.yaml").write_text(CONTRACT)
    place.run("apply", contracts, "--yes")
    with place.session("shop_owner") as owner:
        owner.run("SELECT integratedb_deprecate('shop.orders', 'note', '2999-03-01', 'read shop.notes')")
    place.run(*WAIVE)
    shown = place.run("plan", contracts).stdout
    assert "shop.orders, column note, is deprecated, removal after 2999-03-01" in shown
    assert "shop.orders, column note, of reporter is waived until 2999-01-15" in shown
    document = json.loads(place.run("plan", contracts, "--json").stdout)
    assert [row["field"] for row in document["deprecations"]] == ["note"]
    assert [row["reason"] for row in document["waivers"]] == ["2.4 reads none"]
    exported = place.directory / "exported"
    place.run("export", exported)
    assert re.search(r"until: '?2999-03-01'?$", (exported / "reporter.yaml").read_text(), re.M)
    assert "No changes" in place.run("plan", exported).stdout


def test_a_request_is_approved_by_those_who_own_what_it_names(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    text = json.dumps({"match": [NOTE]})
    asked = place.run("request", "add", "reporter", "-", "--reason", "the weekly report", user="reporter", stdin=text)
    assert re.search(r"^shop.orders +shop_owner$", asked.stdout, re.M)
    shown = place.run("request", user="shop_owner").stdout
    assert "claims of reporter, open" in shown
    assert "Reason: the weekly report" in shown
    assert "+ path: shop.orders" in shown
    [row] = json.loads(place.run("request", "--json", user="shop_owner").stdout)
    number = str(row["id"])
    assert "42501" in place.run("request", "approve", number, user="reporter", status=1).stderr
    assert "in force" in place.run("request", "approve", number, "--note", "until May", user="shop_owner").stdout
    assert "There is no request that is open." in place.run("request").stdout
    [row] = json.loads(place.run("request", "list", "--state", "all", "--json").stdout)
    assert (row["status"], row["note"]) == ("approved", "until May")
    with place.session() as superuser:
        assert superuser.value("SELECT has_column_privilege('reporter', 'shop.orders', 'note', 'SELECT')") is True


def test_a_request_is_rejected_with_a_note_or_withdrawn(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter")
    with place.session("reporter") as reporter:
        first = reporter.value("SELECT integratedb_request_claim('reporter', %s)", Jsonb({"match": [NOTE]}))
    place.run("request", "reject", str(first), user="shop_owner", status=2)
    said = place.run("request", "reject", str(first), "--note", "read shop.order_totals", user="shop_owner")
    assert said.stdout == f"Request {first} is rejected.\n"
    asked = place.run("request", "add", "reporter", "-", "--json", user="reporter", stdin=json.dumps({"match": [NOTE]}))
    second = json.loads(asked.stdout)
    assert second["missing"] == {"schema shop": "shop_owner", "shop.orders": "shop_owner"}
    said = place.run("request", "withdraw", str(second["id"]), "--json", user="reporter")
    assert json.loads(said.stdout) == {"id": second["id"], "status": "withdrawn"}


SHOWN = ("PGUSER", "PGSERVICE", "INTEGRATEDB_DSN", "DATABASE_URL", "PGSSLMODE")
PRINT = f"import os; print(*(os.environ.get(name) for name in {SHOWN}))"


def test_a_program_runs_with_a_lease_that_is_revoked_at_its_end(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", NOTE)
    ended = place.run("lease", "reporter", "--note", "job 17", "--", sys.executable, "-c", PRINT)
    user, service, dsn, url, _ = ended.stdout.split()
    assert re.fullmatch(r"reporter__[0-9a-f]{8}", user)
    assert (service, dsn) == ("None", "None")
    assert url.startswith(f"postgresql://{user}:")
    assert place.run("leases").stdout == "There is no lease.\n"
    query = "SELECT current_user, count(*) > 0 FROM shop.orders"
    assert place.run("lease", "reporter", "--", "psql", "-qAtc", query).stdout == "reporter|t\n"
    place.run("lease", "reporter", "--", "sh", "-c", "exit 7", status=7)
    place.run("lease", "reporter", "--", "sh", "-c", "kill -9 $$", status=128 + signal.SIGKILL)
    assert "cannot be run" in place.run("lease", "reporter", "--", "/nonexistent", status=2).stderr
    assert json.loads(place.run("leases", "--json").stdout) == []


def test_what_a_program_is_not_given_is_what_leads_to_the_own_login(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", NOTE)
    own = " ".join(
        f"{name[2:].lower()}={value}" for name, value in place.environment("shop_admin").items() if name != "PGDATABASE"
    )
    ended = place.run(
        "lease",
        "reporter",
        "--",
        sys.executable,
        "-c",
        PRINT,
        INTEGRATEDB_DSN=f"{own} dbname={place.database} sslmode=allow",
    )
    _, _, dsn, _, sslmode = ended.stdout.split()
    assert (dsn, sslmode) == ("None", "allow")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_a_lease_ends_with_the_command_that_is_terminated(
    place: Place, stakeholder: Stakeholder, end: signal.Signals
) -> None:
    stakeholder("reporter", NOTE)
    terminal = place.terminal("lease", "reporter", "--", "sh", "-c", "echo begun; exec sleep 60")
    terminal.expect("begun")
    terminal.process.send_signal(end)
    assert terminal.end() == 128 + signal.SIGTERM
    assert json.loads(place.run("leases", "--json").stdout) == []


def test_a_lease_is_printed_once_renewed_and_revoked(place: Place, stakeholder: Stakeholder) -> None:
    stakeholder("reporter", NOTE)
    shown = json.loads(place.run("lease", "reporter", "--ttl", "10 minutes", "--json").stdout)
    number = str(shown["id"])
    with place.login(shown["username"], shown["password"]) as session:
        assert session.value("SELECT current_user::text") == "reporter"
        assert re.search(
            rf"^{number} +reporter +{shown['username']} .* 1 +shop_admin", place.run("leases").stdout, re.M
        )
        assert "is valid until" in place.run("leases", "renew", number, "--ttl", "2 hours").stdout
        assert place.run("leases", "revoke", number).stdout == f"Lease {number} is revoked.\n"
    assert "42704" in place.run("leases", "renew", number, status=1).stderr
    assert "22023" in place.run("lease", "reporter", "--ttl", "2 days", status=1).stderr
    assert "42501" in place.run("lease", "reporter", user="shop_owner", status=1).stderr
