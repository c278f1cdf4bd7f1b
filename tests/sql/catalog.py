"""All that the catalog says of the extension, as lines of text: what a fresh install and an update are compared by."""

from __future__ import annotations

import re
from typing import Any

from tests.support import Session

PACKAGE = re.compile(r"\bintegratedb(_[0-9]+){3}\b")

MEMBER = """
WITH member AS (
  SELECT d.classid, d.objid, d.deptype, pg_describe_object(d.classid, d.objid, 0) AS name
    FROM pg_depend AS d
    JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
   WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype IN ('e', 'x')
), relation AS (
  SELECT m.name, k.* FROM member AS m JOIN pg_class AS k ON m.classid = 'pg_class'::regclass AND k.oid = m.objid
)
"""

# By kind of line: a query whose rows are the lines.
QUERIES = {
    "extension": """
        SELECT e.extversion, e.extnamespace::regnamespace, e.extrelocatable, r.rolname,
               obj_description(e.oid, 'pg_extension')
          FROM pg_extension AS e JOIN pg_roles AS r ON r.oid = e.extowner
         WHERE e.extname = 'integratedb'""",
    "needs": """
        SELECT d.deptype, pg_describe_object(d.refclassid, d.refobjid, 0)
          FROM pg_depend AS d JOIN pg_extension AS x ON x.oid = d.objid AND x.extname = 'integratedb'
         WHERE d.classid = 'pg_extension'::regclass""",
    "member": "SELECT deptype, name, obj_description(objid, classid::regclass::name) FROM member",
    "function": """
        SELECT m.name, pg_get_functiondef(p.oid), r.rolname, p.proacl::text[]
          FROM member AS m
          JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
          JOIN pg_roles AS r ON r.oid = p.proowner""",
    "relation": """
        SELECT k.name, k.relkind, k.relpersistence, k.relreplident, k.relrowsecurity, k.relforcerowsecurity,
               k.reloptions,
               k.relowner::regrole, k.relacl::text[],
               CASE WHEN k.relkind = 'v' THEN pg_get_viewdef(k.oid) END
          FROM relation AS k""",
    "column": """
        SELECT k.name, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname,
               format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, a.attnotnull, a.attidentity,
               a.attgenerated, a.attstorage, a.attcompression, nullif(a.attstattarget, -1),
               pg_get_expr(f.adbin, f.adrelid), a.attacl::text[], col_description(a.attrelid, a.attnum)
          FROM relation AS k
          JOIN pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum""",
    "type": """
        SELECT m.name, t.typtype, t.typnotnull, t.typdefault, format_type(t.typbasetype, t.typtypmod),
               (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
                  FROM pg_enum AS e WHERE e.enumtypid = t.oid),
               (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                  FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND NOT a.attisdropped)
          FROM member AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid""",
    "constraint": """
        SELECT k.name, c.conname, pg_get_constraintdef(c.oid), c.convalidated, obj_description(c.oid, 'pg_constraint')
          FROM relation AS k JOIN pg_constraint AS c ON c.conrelid = k.oid""",
    "index": """
        SELECT k.name, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident,
               obj_description(i.indexrelid, 'pg_class')
          FROM relation AS k JOIN pg_index AS i ON i.indrelid = k.oid""",
    "sequence": """
        SELECT k.name, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle
          FROM relation AS k JOIN pg_sequence AS s ON s.seqrelid = k.oid""",
    "trigger": """
        SELECT k.name, pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger')
          FROM relation AS k JOIN pg_trigger AS t ON t.tgrelid = k.oid AND NOT t.tgisinternal""",
    "policy": """
        SELECT k.name, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
          FROM relation AS k JOIN pg_policy AS p ON p.polrelid = k.oid""",
    "event trigger": """
        SELECT m.name, e.evtevent, e.evtfoid::regprocedure, e.evtenabled, e.evttags, e.evtowner::regrole
          FROM member AS m
          JOIN pg_event_trigger AS e ON m.classid = 'pg_event_trigger'::regclass AND e.oid = m.objid""",
    "schema": """
        SELECT n.nspname, n.nspowner::regrole, n.nspacl::text[]
          FROM pg_namespace AS n
         WHERE n.nspname = 'integratedb'""",
    # What pg_dump takes for part of the extension, and leaves out.
    "initial privileges": """
        SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), i.privtype, i.initprivs::text[]
          FROM pg_init_privs AS i JOIN member AS m ON m.classid = i.classoid AND m.objid = i.objoid""",
    "dumped": """
        SELECT k.oid::regclass, c.condition
          FROM pg_extension AS e
         CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS c (relid, condition)
          JOIN pg_class AS k ON k.oid = c.relid
         WHERE e.extname = 'integratedb'""",
    "publication": """
        SELECT p.pubname, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
               (SELECT array_agg(t.schemaname || '.' || t.tablename ORDER BY t.schemaname, t.tablename)
                  FROM pg_publication_tables AS t WHERE t.pubname = p.pubname)
          FROM pg_publication AS p""",
    "role": """
        SELECT r.rolname, r.rolcanlogin, r.rolinherit, r.rolsuper, shobj_description(r.oid, 'pg_authid')
          FROM pg_roles AS r WHERE r.rolname LIKE 'integratedb%'""",
}


def snapshot(superuser: Session, prefix: str) -> list[str]:
    """Give the lines; what stakeholders' names begin with is left out, and the version that function bodies name."""

    def text(value: Any) -> str:
        if isinstance(value, list):  # ACLs: their order tells when what was granted
            return " ".join(sorted(text(item) for item in value))
        return "" if value is None else PACKAGE.sub("integratedb_X_Y_Z", str(value)).replace(prefix, "")

    return sorted(
        f"{kind}: " + " | ".join(text(value) for value in row)
        for kind, query in QUERIES.items()
        for row in superuser.rows(MEMBER + query)
    )
