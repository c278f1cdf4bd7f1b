"""`integratedb check --docker`: a throw-away server in a container, where the machine has none with the extension."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.support import MAJORS, ROOT

CONTRACT = """\
stakeholder: mailer
claims:
  match:
    - path: shop.customers
      fields: [name, email]
"""


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize(
    ("migration", "status", "said"),
    [
        ("ALTER TABLE shop.customers DROP COLUMN phone", 0, "Nobody would be hurt."),
        ("ALTER TABLE shop.customers DROP COLUMN email", 1, "shop.customers.email: expected a column"),
    ],
    ids=["harmless", "breaking"],
)
def test_it_gives_the_verdict_and_leaves_no_container(
    major: str, migration: str, status: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "base.sql").write_text("CREATE SCHEMA shop;\n" + (ROOT / "demo/shop.sql").read_text())
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/mailer.yaml").write_text(CONTRACT)
    command = [sys.executable, "-m", "integratedb_companion.cli", "check", "--docker", f"integratedb:{major}"]
    command += ["--base", f"{tmp_path}/base.sql", "--contracts", f"{tmp_path}/contracts"]
    command += ["--migrations", f'psql -qc "{migration}" "$DATABASE_URL"']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as check:
        printed, _ = check.communicate(timeout=120)
    assert check.returncode == status, printed
    assert said in printed
    own = f"label=integratedb.check={check.pid}"
    assert subprocess.check_output(["docker", "ps", "--all", "--quiet", "--filter", own], text=True) == ""
