"""pg_dump is told where production is; its command line, which everybody can see, shows no secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from integratedb_companion.check.model import UnableError
from integratedb_companion.check.production import _dump

#: In place of pg_dump: says what it was started with, and what libpq makes of it.
FAKE = """#!{python}
import json, os, stat, sys
from psycopg import pq
file = os.environ.get("PGSERVICEFILE")
seen = {{o.keyword.decode(): o.val.decode() for o in pq.Conninfo.get_defaults() if o.val}}
for o in pq.Conninfo.parse(sys.argv[3].removeprefix("--dbname=").encode()):
    if o.val:
        seen[o.keyword.decode()] = o.val.decode()
mode = None if file is None else oct(stat.S_IMODE(os.stat(file).st_mode))
print(json.dumps({{"arguments": sys.argv, "seen": seen, "file": file, "mode": mode}}))
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PGSERVICE", "PGSERVICEFILE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(0o755)
    return program.parent


def started(conninfo: str, programs: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_dump(conninfo, programs, []))
    return said


@pytest.mark.parametrize(
    "conninfo",
    [
        "host=db dbname=shop password=s3cr3t-1 sslpassword='s3cr3t 2'",
        "postgresql://me:s3cr3t-1@db/shop?sslpassword=s3cr3t%202",
        "host=db dbname=shop sslpassword='s3cr3t 2'",
        "host=db dbname=shop password=s3cr3t-1",
    ],
)
def test_no_secret_is_on_the_command_line_and_all_arrive(conninfo: str, programs: Path) -> None:
    said = started(conninfo, programs)
    assert "s3cr3t" not in str(said["arguments"])
    assert said["seen"].get("password") == ("s3cr3t-1" if "s3cr3t-1" in conninfo else None)
    assert said["seen"].get("sslpassword") == ("s3cr3t 2" if "sslpassword" in conninfo else None)
    assert (said["seen"]["host"], said["seen"]["dbname"]) == ("db", "shop")
    if said["file"] is not None:
        assert said["mode"] == "0o600"
        assert not Path(said["file"]).exists()


@pytest.mark.parametrize("in_environment", [True, False])
def test_what_a_service_says_holds_beside_a_secret(
    in_environment: bool, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text("[production]\nhost=db.example\nport=6543\nsslkey=/key\npassword=of-the-service\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    if in_environment:
        monkeypatch.setenv("PGSERVICE", "production")
    said = started(("" if in_environment else "service=production ") + "dbname=shop sslpassword=s3cr3t", programs)
    assert "s3cr3t" not in str(said["arguments"])
    expected = {"host": "db.example", "port": "6543", "sslkey": "/key"}
    expected |= {"password": "of-the-service", "sslpassword": "s3cr3t"}
    assert {name: said["seen"].get(name) for name in expected} == expected


@pytest.mark.parametrize("value", ["'ends with a space '", "'two\nhost=elsewhere'"])
def test_what_no_service_can_say_is_refused(value: str, programs: Path) -> None:
    with pytest.raises(UnableError, match="sslpassword") as refused:
        _dump(f"host=db sslpassword={value}", programs, [])
    assert "elsewhere" not in str(refused.value)
