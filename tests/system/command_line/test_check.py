"""`integratedb check`: the verdict on pending migrations, whatever their tool says, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.system.command_line.conftest import Place, run
from tests.system.command_line.test_contracts import FULFILMENT, MAILER
from tests.system.harness import ROOT, eventually
from tests.system.processes import COMMAND, Process

BREAKING = "ALTER TABLE shop.customers DROP COLUMN email;\n"


MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Throw-away servers are made in memory, if there is some: each writes 60 MB in a thousand files."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**30:
        monkeypatch.setenv("TMPDIR", str(MEMORY))
        monkeypatch.setattr(tempfile, "tempdir", None)  # which has what the variable said before


@pytest.fixture
def room(in_memory: None) -> Iterator[Path]:
    """Where throw-away servers are made, by whatever user; none may be left at the end."""
    made = Path(tempfile.mkdtemp(prefix="room"))
    made.chmod(0o755)
    yield made
    left = list(made.iterdir())
    shutil.rmtree(made)
    assert left == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's files: the schema that production has, contracts, and a place for migrations."""
    (tmp_path / "base.sql").write_text("CREATE SCHEMA shop;\n" + (ROOT / "demo/shop.sql").read_text())
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/mailer.yaml").write_text(MAILER)
    (tmp_path / "contracts/fulfilment.yaml").write_text(FULFILMENT)
    return tmp_path


@pytest.fixture
def check(project: Path, room: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``check(*migrations, status=0)``: run it on the project."""

    def check(*migrations: str, status: int = 0, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        arguments = ["--base", f"{project}/base.sql", "--contracts", f"{project}/contracts", *options]
        for migration in migrations:
            arguments += ["--migrations", migration]
        result = run("check", *arguments, TMPDIR=str(room))
        assert result.returncode == status, f"{result.returncode}: {result.stdout}\n{result.stderr}"
        assert list(room.iterdir()) == []
        return result

    return check


def test_a_harmless_migration_passes_without_any_secret(check: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    migration = 'psql -qc "ALTER TABLE shop.customers ADD COLUMN born date" "$DATABASE_URL"'
    assert "Nobody would be hurt." in check(migration).stdout


def test_a_breaking_one_is_reported_in_every_format(
    check: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    (project / "0042.sql").write_text(BREAKING)
    junit = project / "report.xml"
    result = check(
        f"{project}/0042.sql", "echo done", status=1, options=("--format", "json", "--format", f"junit:{junit}")
    )
    report = json.loads(result.stdout)
    assert (report["result"], report["stakeholders"]) == ("broken", ["fulfilment", "mailer"])
    [broken] = report["breaks"]
    assert (broken["stakeholder"], broken["path"], broken["column"]) == ("mailer", "shop.customers", "email")
    assert (broken["file"], broken["line"]) == (f"{project}/contracts/mailer.yaml", 6)
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "1", "0")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["mailer"]


def test_a_key_that_is_lost_is_reported(check: Callable[..., subprocess.CompletedProcess[str]], project: Path) -> None:
    contract = MAILER + "      unique: [[email]]\n"
    (project / "contracts/mailer.yaml").write_text(contract)
    (project / "0042.sql").write_text("ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key;\n")
    report = json.loads(check(f"{project}/0042.sql", status=1, options=("--format", "json")).stdout)
    [broken] = report["breaks"]
    assert broken["message"] == "shop.customers: expected a unique key of (email), found none"
    assert broken["line"] == 1 + contract[: contract.index("path: shop.customers")].count("\n")


def test_a_tool_that_hides_its_failure_hides_nothing(check: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    hiding = f'psql -c "{BREAKING.strip()}" > /dev/null 2>&1; true'
    result = check(hiding, status=1, options=("--format", "github"))
    [line] = result.stdout.splitlines()
    assert line.startswith("::error file=")
    assert ",line=6,title=mailer (claims)::shop.customers.email: expected a column" in line


def test_what_breaks_on_the_way_and_is_mended_is_reported_too(
    check: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    away = 'psql -qc "ALTER TABLE shop.customers RENAME COLUMN email TO mail"'
    back = 'psql -qc "ALTER TABLE shop.customers RENAME COLUMN mail TO email"'
    assert "production refuses the transaction" in check(away, back, status=1).stdout
    assert (
        "Nobody would be hurt."
        in check(f"{away.removesuffix(chr(34))}; {back.removeprefix('psql -qc ' + chr(34))}").stdout
    )


def test_migrations_that_fail_or_do_nothing_are_told(check: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    failed = check("echo no such luck; exit 7", status=1)
    assert "no such luck" in failed.stderr
    assert "FAILED  migrations" in failed.stdout
    assert "changed nothing" in check("true").stdout


def test_a_contract_that_does_not_hold_to_begin_with(
    check: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    (project / "contracts/mailer.yaml").write_text(MAILER.replace("email]", "e_mail]"))
    shown = check(status=1).stdout
    assert "contracts/mailer.yaml:6: claims: shop.customers.e_mail: expected a column, found none (before the" in shown


def test_what_cannot_be_tried_is_status_2(project: Path) -> None:
    base = ("--contracts", f"{project}/contracts", "--migrations", "true")
    assert "FAILED  base" in run("check", "--base", "exit 3", *base).stdout
    nowhere = run("check", "--bindir", "/nonexistent", *base)
    assert nowhere.returncode == 2
    assert "/nonexistent has no initdb and postgres\n--docker IMAGE needs none here." in nowhere.stderr
    assert run("check", "--format", "pdf", *base).returncode == 2
    assert run("check").returncode == 2


def test_a_dump_of_production_is_a_base(place: Place, project: Path) -> None:
    """With the extension, its stakeholders, their claims, and owners that the throw-away server does not know."""
    place.run("stakeholder", "add", "reporter")
    place.run("claim", "reporter", "-", stdin="match: {path: shop.orders, fields: [total]}")
    dump = project / "production.dump"
    subprocess.run(
        ["pg_dump", "--format=custom", f"--file={dump}", place.database],
        check=True,
        env=os.environ | place.environment("postgres"),
    )
    migration = 'psql -qc "ALTER TABLE shop.orders DROP COLUMN total CASCADE"'
    result = run("check", "--base", dump, "--migrations", migration, "--format", "json")
    assert result.returncode == 1, result.stderr
    [broken] = json.loads(result.stdout)["breaks"]
    assert (broken["stakeholder"], broken["column"], broken["file"]) == ("reporter", "total", None)


def test_a_dump_without_rows_through_a_pipe_is_a_base_where_stakeholders_have_their_schemas(
    place: Place, project: Path
) -> None:
    for name in ("mailer", "fulfilment"):
        place.run("stakeholder", "add", name)
    production = f"host={place.cluster.socket} port={place.cluster.port} dbname={place.database} user=postgres"
    pipe = f'pg_dump --schema-only "{production}" | psql -q'
    options = ("--base", pipe, "--contracts", f"{project}/contracts")
    harmless = run("check", *options, "--migrations", 'psql -qc "ALTER TABLE shop.customers ADD COLUMN born date"')
    assert harmless.returncode == 0, harmless.stdout + harmless.stderr
    (project / "0042.sql").write_text(BREAKING)
    broken = run("check", *options, "--migrations", f"{project}/0042.sql", "--format", "json")
    assert broken.returncode == 1
    assert [entry["stakeholder"] for entry in json.loads(broken.stdout)["breaks"]] == ["mailer"]


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("false | psql -q", "the base does not apply: exit status 1: false | psql -q"),
        ("echo 'CREATE SCHEMA x' | psql -q | false | true", "the base does not apply"),
        ("true", "the base is empty"),
        ("echo | psql -q", "the base is empty"),
        ("{project}/broken.sql", 'relation "nothing" does not exist'),
        ("echo 'SET of_the_future = 0' | psql -v ON_ERROR_STOP=1", "--bindir"),
        ("echo '\\\\restrict x\nnonsense' | psql -v ON_ERROR_STOP=1", "the base does not apply"),
        (
            "echo 'CREATE SCHEMA x AUTHORIZATION nobody_here' | psql -v ON_ERROR_STOP=1",
            "the roles that they name are made",
        ),
        ("postgresql://127.0.0.1:1/nothing", "cannot connect"),
        ("dbname=x other=1", "the base is empty"),
    ],
)
def test_a_base_that_does_not_apply_is_an_error_of_its_own(base: str, said: str, project: Path) -> None:
    (project / "broken.sql").write_text("CREATE SCHEMA x; SELECT FROM nothing;")
    base = base.format(project=project)
    result = run("check", "--base", base, "--contracts", f"{project}/contracts", "--migrations", "true")
    assert result.returncode == 2, result.stdout
    assert "FAILED  base" in result.stdout
    assert "contracts would break" not in result.stdout
    assert said in result.stderr


def test_a_dump_of_a_newer_pg_dump_is_a_base(project: Path) -> None:
    dump = (
        "\\restrict a1B2\n-- Dumped from database version 15.8\n-- Dumped by pg_dump version 99.1\n\n"
        "SET transaction_timeout = 0;\nCREATE SCHEMA shop;\n"
    )
    (project / "base.sql").write_text(dump + (ROOT / "demo/shop.sql").read_text() + "\\unrestrict a1B2\n")
    options = ("--base", f"{project}/base.sql", "--contracts", f"{project}/contracts", "--migrations", "true")
    result = run("check", *options)
    assert result.returncode == 0, result.stderr
    (project / "base.sql").write_text(dump + "CREATE TABLE newer (id int) WITH (of_the_future = on);\n")
    failed = run("check", *options)
    assert failed.returncode == 2
    assert "The dump is of version 99" in failed.stderr


def test_a_file_that_does_not_exist_is_no_command(project: Path) -> None:
    for option in ("--base", "--migrations"):
        result = run("check", "--contracts", f"{project}/contracts", option, f"{project}/bsae.sql")
        assert result.returncode == 2
        assert f"there is no file {project}/bsae.sql" in result.stderr
        assert f"The nearest is {project}/base.sql." in result.stderr


def test_a_url_of_something_else_is_not_repeated(project: Path) -> None:
    result = run("check", "--contracts", f"{project}/contracts", "--base", "postgresq://u:hunter2@127.0.0.1/x")
    assert result.returncode == 2
    assert "hunter2" not in result.stdout + result.stderr


def test_production_itself_is_a_base(place: Place, project: Path) -> None:
    """Its stakeholders and their claims come along, the rows of its tables do not; and the password is not seen."""
    place.run("stakeholder", "add", "reporter")
    place.run("claim", "reporter", "-", stdin="match: {path: shop.orders, fields: [total]}")
    with place.session() as superuser:
        superuser.run("CREATE TABLE shop.schema_version AS SELECT 41 AS version")
        superuser.run("ALTER TABLE shop.schema_version ADD CHECK (version > 0)")
        # No function of whoever made it is called, as a superuser of this machine.
        superuser.run("CREATE FUNCTION shop.called(int) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        superuser.run("CREATE TABLE shop.migrations (id int CHECK (shop.called(id)))")
        superuser.run("INSERT INTO shop.migrations VALUES (1)")
        superuser.run("CREATE ROLE dumper LOGIN SUPERUSER PASSWORD 'hunter2'")
        superuser.run("ALTER ROLE dumper SET search_path = shop, public")
    production = f"postgresql://dumper:hunter2@127.0.0.1:{place.cluster.port}/{place.database}"
    migration = (
        'psql -qAtc "SELECT count(*), (SELECT max(version) FROM schema_version), (SELECT count(*) FROM migrations)'
        ' FROM customers";'
        ' psql -qc "ALTER TABLE orders DROP COLUMN total CASCADE"'
    )
    result = run("check", "--base", production, "--migrations", migration, "--format", "json")
    assert result.returncode == 1, result.stderr
    [broken] = json.loads(result.stdout)["breaks"]
    assert (broken["stakeholder"], broken["column"]) == ("reporter", "total")
    assert "\n0|41|0" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr
    kept = run("check", "--base", production, "--data", "shop.customers", "--migrations", migration)
    assert "\n0|41|0" not in kept.stderr
    assert "|41|0" in kept.stderr


def began(pid: int) -> str | None:
    """When a process began; None: there is at most its entry that a lazy init has not collected yet.

    Another process may have its number by now, on a machine that starts many.
    """
    try:
        state, *more = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else more[18]


def test_a_job_that_is_cancelled_leaves_no_server(project: Path, room: Path) -> None:
    migrations = f"echo $$ > {project}/pid; exec sleep 600"
    process: subprocess.Popen[str] = Process(
        [*COMMAND, "check", "--base", f"{project}/base.sql", "--migrations", migrations],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(room)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("== migrations"):
            break
    [home] = room.iterdir()
    eventually(lambda: (project / "pid").exists() and (project / "pid").read_text().strip())
    pids = [int(file.read_text().split()[0]) for file in (home / "data/postmaster.pid", project / "pid")]
    started = {pid: began(pid) for pid in pids}
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) != 0
    process.stderr.close()
    assert list(room.iterdir()) == []
    eventually(lambda: not any(since is not None and began(pid) == since for pid, since in started.items()))


@pytest.mark.parametrize(
    "query",
    [
        "    select: [email]\n    from: shop.customers\n",
        "    graphql: '{ customersNodes { nodes { email } } }'\n    schema: shop\n",
    ],
    ids=["data", "graphql"],
)
def test_a_migration_that_breaks_a_saved_query_is_found(
    project: Path, check: Callable[..., subprocess.CompletedProcess[str]], query: str
) -> None:
    contract = "stakeholder: asker\nqueries:\n  names:\n    select: [name]\n    from: shop.customers\n  mails:\n"
    (project / "contracts/asker.yaml").write_text(contract + query)
    (project / "contracts/mailer.yaml").unlink()
    (project / "0001.sql").write_text(BREAKING)
    checked = check(f"{project}/0001.sql", status=1)
    assert "query mails" in checked.stdout
    assert "shop.customers.email" in checked.stdout
    assert "query names" not in checked.stdout
    assert "asker.yaml:6" in checked.stdout


AGREED = """
SET search_path = public;
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE EXTENSION integratedb;
SELECT integratedb_create_stakeholder('mailer');
SELECT integratedb_claim('mailer', '{"match": {"path": "shop.customers", "fields": ["name", "email"]}}');
SELECT integratedb_waive('mailer', 'shop.customers', 'email', now() + interval '30 days', 'mailer 2.4 reads none');
SELECT integratedb_deprecate('shop.customers', 'name', '2999-03-01', 'read shop.names');
"""


def test_what_production_allows_is_a_note_and_the_rest_is_reported(project: Path, room: Path) -> None:
    (project / "agreed.sql").write_text(AGREED)
    (project / "0042.sql").write_text(BREAKING)
    (project / "0043.sql").write_text("ALTER TABLE shop.customers DROP COLUMN name CASCADE;\n")
    base = ("--base", f"{project}/base.sql", "--base", f"{project}/agreed.sql", "--format", "json")
    passed = run("check", *base, "--migrations", f"{project}/0042.sql", TMPDIR=str(room))
    assert passed.returncode == 0, f"{passed.stdout}\n{passed.stderr}"
    report = json.loads(passed.stdout)
    assert (report["result"], report["breaks"]) == ("passed", [])
    deprecated, allowed = report["notes"]
    assert deprecated.startswith("shop.customers, column name, is deprecated, removal after 2999-03-01")
    assert allowed.startswith("Allowed: mailer (claims): shop.customers.email: expected a column")
    assert "days left): mailer 2.4 reads none" in allowed

    broken = run("check", *base, "--migrations", f"{project}/0043.sql", TMPDIR=str(room))
    assert broken.returncode == 1
    assert [entry["column"] for entry in json.loads(broken.stdout)["breaks"]] == ["name"]
