"""What applications call stays: no public function of the last release is gone, or has other arguments or results."""

from __future__ import annotations

from psycopg import sql

from tests.installation import installation
from tests.sql.conftest import open_session
from tests.support import Session
from tests.unit.test_frozen import last_release
from tests.unit.test_version import control_version

SIGNATURES = """
    SELECT format('%s(%s) RETURNS %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid))
      FROM pg_depend AS d
      JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
      JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid AND p.pronamespace = x.extnamespace
     WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
     ORDER BY 1
"""

# By version: the signatures of the release before that are no longer there, as the query writes them, each with the
# reason. The changelog tells them under Changed or Removed.
BROKEN: dict[str, dict[str, str]] = {}


def test_no_public_signature_of_the_last_release_is_gone_unless_that_is_recorded(superuser: Session) -> None:
    present = {signature for (signature,) in superuser.rows(SIGNATURES)}
    # The release can be made in a copy of the server's files only.
    with installation(with_extension=True) as copy:
        copy.add_releases()
        with copy.server() as server, open_session(server, server.superuser, "postgres") as old:
            version = sql.Literal(last_release())
            old.run(sql.SQL("CREATE EXTENSION integratedb VERSION {} CASCADE").format(version))
            released = {signature for (signature,) in old.rows(SIGNATURES)}
    assert len(released) > 20
    assert released - present == set(BROKEN.get(control_version(), {}))
