"""The API against its own OpenAPI document, with whatever schemathesis makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.system.serve.harness import Place, unique

EXAMPLES = 5
SEED = 20261120
STAKEHOLDERS = 6
# A changed password would end the token of the whole run.
KEEP_ROOT = """
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON integratedb.management_user FOR EACH ROW WHEN (OLD.root) EXECUTE FUNCTION keep();
"""


def test_the_api_does_what_its_openapi_document_says(fresh: Place, start_service, tmp_path: Path) -> None:
    service = start_service(fresh.dsn, "--preview-dsn", fresh.owner_dsn)
    root = service.bootstrap()
    fresh.superuser.run(KEEP_ROOT)
    for _ in range(STAKEHOLDERS):
        root.stakeholder(unique("app"))
    run = subprocess.run(
        [
            *(Path(sys.executable).parent / "schemathesis", "run", f"{service.url}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {root.token}"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none"),
            # A name, path or statement that the document allows may still be refused by the database.
            *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
            # A session of the console is a cookie, and not this token.
            *("--exclude-path", "/session"),
            *("--continue-on-failure", "--no-color"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Authentication failed" not in run.stdout, run.stdout
    root.data("GET", "/status")
    assert not [entry for entry in service.logs() if entry["level"] in ("error", "critical")]
