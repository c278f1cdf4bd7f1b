"""The companion's list of the functions for users is that of the extension."""

from __future__ import annotations

from integratedb_companion.common.session import SIGNATURES
from tests.support import Session

ARGUMENTS = """
SELECT p.proname,
       coalesce((SELECT json_object_agg(p.proargnames[i], t.typname ORDER BY i)
                   FROM generate_series(1, p.pronargs) AS i
                   JOIN pg_type AS t ON t.oid = p.proargtypes[i - 1]), '{}')
  FROM pg_depend AS d
  JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb' AND d.deptype = 'e'
  JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass AND p.pronamespace = x.extnamespace
"""


def test_each_call_gives_every_argument_its_type(superuser: Session) -> None:
    there: dict[str, dict[str, str]] = dict(superuser.rows(ARGUMENTS))
    assert {name: there[name] for name in SIGNATURES} == SIGNATURES
