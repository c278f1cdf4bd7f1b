"""What the extension consists of, and who may touch what of it; the expected files are there to be read."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sql.conftest import OWNER, ROOT
from tests.support import Session, refused

EXPECTED = Path(__file__).parent / "expected"

# Whatever CREATE EXTENSION made. A table's type and the arrays of types are members too in some versions of Postgres.
MEMBERS = """
SELECT d.classid, d.objid, i.type, i.identity
  FROM pg_depend AS d
  JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
 CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
 WHERE d.refclassid = 'pg_extension'::regclass
   AND d.deptype = 'e'
   AND NOT EXISTS (
     SELECT
       FROM pg_type AS t
       LEFT JOIN pg_class AS k ON k.oid = t.typrelid
      WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND (k.relkind <> 'c' OR t.typcategory = 'A'))
 ORDER BY i.type, i.identity COLLATE "C"
"""

FUNCTIONS = f"SELECT p.* FROM pg_proc AS p JOIN ({MEMBERS}) AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid"

# What everybody may execute, each of which checks the caller itself or tells nothing that is secret (DESIGN 3.4).
PUBLIC_FUNCTIONS = {
    "integratedb_approve_request",
    "integratedb_check_spec",
    "integratedb_claim",
    "integratedb_compile",
    "integratedb_drop_query",
    "integratedb_dependents",
    "integratedb_deprecate",
    "integratedb_deprecations",
    "integratedb_end_waiver",
    "integratedb_graphql",
    "integratedb_notify",
    "integratedb_openapi",
    "integratedb_translate",
    "integratedb_preview_migration",
    "integratedb_queries",
    "integratedb_query",
    "integratedb_reject_request",
    "integratedb_request_claim",
    "integratedb_requests",
    "integratedb_rest",
    "integratedb_save_query",
    "integratedb_sync",
    "integratedb_undeprecate",
    "integratedb_unmet_claims",
    "integratedb_validate_migration",
    "integratedb_waive",
    "integratedb_waivers",
    "integratedb_withdraw_request",
}

# What a request of the data API calls under the role that it acts as. They read the catalogs with the caller's rights,
# and claims only of roles that the caller may become.
SURFACE_FUNCTIONS = {
    "answered_error",
    "answered_rest",
    "as_json",
    "claimed_keys",
    "claimed_names",
    "notified_relations",
    "answer_too_large",
    "compiled_for_caller",
    "compiled_graphql",
    "compiled_query",
    "translated",
    "translated_query",
    "deprecation_notes",
    "described_surface",
    "excess_of",
    "explained_query",
    "exposed_schemas",
    "filled_parameters",
    "media_type_aggregates",
    "place_of_error",
    "possible_writes",
    "refuse",
    "run_queries",
    "saved_queries",
    "schemas_of_session",
    "surface",
    "surface_changed",
    "surface_foreign_keys",
    "surface_functions",
    "surface_relations",
    "surface_types",
    "surface_version",
    "view_columns",
    "view_origins",
    "why_not_visible",
}

# What looks at the session's search_path, with the rights of the extension's owner: its names are whole (scripts/spot).
LOOK_AT_THE_SEARCH_PATH = {"on_ddl_command_end", "on_sql_drop"}

# Besides them: what the planner must inline, what runs under the caller's own search_path, and what each request calls.
WITHOUT_SEARCH_PATH = LOOK_AT_THE_SEARCH_PATH | {
    "compiled_for_caller",
    "explained_query",
    "field_key",
    "integratedb_compile",
    "integratedb_graphql",
    "integratedb_openapi",
    "integratedb_translate",
    "integratedb_preview_migration",
    "integratedb_query",
    "integratedb_rest",
    "length_limit",
    "quote_part",
    "run_queries",
    "schemas_of_session",
    "surface_version",
}


# What plpgsql_check warns of without reason, and why.
ACCEPTED = {
    "grant_columns: text type variable is not sanitized": "a list of what quote_ident() gave",
    "grant_usage: text type variable is not sanitized": "a list of what quote_ident() gave",
    "revoke_surplus: text type variable is not sanitized": "a list of what quote_ident() gave",
    "integratedb_preview_migration: text type variable is not sanitized": "its argument is run as the caller",
    "integratedb_preview_migration: routine is marked as VOLATILE, should be STABLE": "its argument may do anything",
    "integratedb_rest: cannot determinate a result of dynamic SQL": "its columns are those of each answer",
    'integratedb_rest: record "answer" is not assigned yet': "EXECUTE assigns it",
    'integratedb_rest: never read variable "answer"': "it is read",
    "run_queries: cannot determinate a result of dynamic SQL": "its columns are those of each answer",
    'run_queries: record "answer" is not assigned yet': "EXECUTE assigns it",
    'run_queries: never read variable "answer"': "it is read",
    'on_ddl_command_end: never read variable "done"': "the loop is for the portal that runs its query",
    'on_sql_drop: never read variable "done"': "the loop is for the portal that runs its query",
    'problems_of: parameter "found" is shadowed': "FOUND is not used there",
    "foreign_advice: routine is marked as VOLATILE, should be STABLE": "views of others may do anything",
    "explained_query: routine is marked as VOLATILE, should be STABLE": "a STABLE function cannot run EXPLAIN",
    "refuse: routine is marked as VOLATILE, should be IMMUTABLE": "it raises, and must not be called ahead of its turn",
    "masked: routine is marked as IMMUTABLE, but expression is STABLE": "array_to_string() of texts",
    "excess_of: routine is marked as IMMUTABLE, but expression is STABLE": "numbers have one form as text",
    'obstacles: parameter "found" is shadowed': "the column of that name is set by RETURN QUERY; FOUND is not asked",
    "daemon_enforce_limits: target type is different type than source type": "a constant",
}
ACCEPTED |= {
    f'{function}: OUT variable "{name}" is maybe unmodified': "RETURN QUERY EXECUTE sets it"
    for function, names in {
        "integratedb_monitor_statements": (
            *("role", "is_stakeholder", "calls", "total_ms", "mean_ms", "max_ms", "rows", "blocks_hit", "blocks_read"),
            *("temp_blocks_written", "wal_bytes", "query_id", "query"),
        ),
        "own_advice": (
            *("name", "title", "level", "facing", "categories", "description", "detail", "remediation", "metadata"),
            "cache_key",
        ),
    }.items()
    for name in names
}
# Those that call what is VOLATILE, and are STABLE nevertheless: what newer versions of plpgsql_check tell.
STABLE_ALL_THE_SAME = {
    "allowed_claims": "as integratedb_unmet_claims",
    "excuses_of": "a waiver may end while it is read",
    "identity_cure": "as integratedb_unmet_claims",
    "integratedb_dependents": "as excuses_of",
    "problems_of": "as integratedb_unmet_claims",
    "untellable_claims": "as integratedb_unmet_claims",
    "affected_relations": "what it asks of the catalog changes only with the transaction's own commands",
    "claims_by_keys": "the session's own locks, which it keeps",
    "management_schemas": "it raises, or does nothing VOLATILE",
    "daemon_check": "it raises, or does nothing",
    "find_channel": "it raises, or does nothing VOLATILE",
    "integratedb_unmet_claims": "the view asks functions that read the catalog",
    "is_concurrent": "the client's statement stays the same while it runs",
    "is_owner_of_read_changed": "the client's statement stays the same while it runs",
    "is_own_xid": "pg_xact_status() of a transaction that is ours stays what it is",
    "masked_query": "the client's statement stays the same while it runs",
    "misplaced_relations": "as affected_relations",
    "prepared_refusal": "the client's statement stays the same while it runs",
    "published_unidentified": "as affected_relations",
    "refuse_unnotifiable": "it raises, or does nothing",
    "require_management_user": "it raises, or does nothing VOLATILE",
    "require_writable": "pg_is_in_recovery() changes once, and never within a statement that writes",
    "revokes_are_found": "sizes only tell which of two ways to the same answer is the shorter",
    "rewritten_and_locked_relations": "the session's own locks, which it keeps",
    "untellable_among": "as affected_relations",
}
ACCEPTED |= {
    f"{name}: routine is marked as STABLE, but expression is VOLATILE": why for name, why in STABLE_ALL_THE_SAME.items()
}
# refuse() does not return; assigned to something, its call stays out of the CONTEXT that a client sees.
REFUSED = 'never read variable "refused"'

# By kind of object: who tells whether a role has a privilege, and the privileges.
TABLE = ("has_table_privilege", ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"])
QUESTIONS = {
    "function": ("has_function_privilege", ["EXECUTE"]),
    "schema": ("has_schema_privilege", ["USAGE", "CREATE"]),
    "sequence": ("has_sequence_privilege", ["USAGE", "SELECT", "UPDATE"]),
    "table": TABLE,
    "view": TABLE,
}


@pytest.fixture
def expected() -> Callable[[str, str], None]:
    """``expected(name, text)``: the text is that of the expected-output file."""

    def compare(name: str, text: str) -> None:
        actual = ROOT / ".build/actual" / name
        actual.parent.mkdir(parents=True, exist_ok=True)
        actual.write_text(text)
        path = EXPECTED / name
        stored = path.read_text() if path.exists() else ""
        if text != stored:
            difference = difflib.unified_diff(stored.splitlines(), text.splitlines(), "expected", "actual", lineterm="")
            pytest.fail("\n".join([*difference, "", f"If that is right: cp {actual} {path}"]), pytrace=False)

    return compare


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns of text, as wide as they must be."""
    widths = [max(len(row[position]) for row in [header, *rows]) for position in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    return "".join(line.rstrip() + "\n" for line in lines)


def test_the_members_of_the_extension_are_the_expected_ones(superuser, expected):
    members = [f"{kind} {identity.replace('pg_catalog.', '')}\n" for _, _, kind, identity in superuser.rows(MEMBERS)]
    expected("members.txt", "".join(members))


def test_who_may_do_what_is_the_expected(superuser, stakeholder, expected):
    """Internal functions aside, which a test of their own says nobody may execute."""
    stakeholder("reporter")
    superuser.run("CREATE ROLE anybody")
    roles = {
        "PUBLIC": "anybody",
        "integratedb_admin": "integratedb_admin",
        "integratedb_daemon": "integratedb_daemon",
        "integratedb_management": "integratedb_management",
        "stakeholder": "reporter",
        "table owner": OWNER,
    }
    rows = []
    for _, objid, kind, identity in superuser.rows(MEMBERS):
        if kind not in QUESTIONS or (kind == "function" and identity.startswith("integratedb.")):
            continue
        asked, privileges = QUESTIONS[kind]
        question = (
            f"SELECT coalesce(string_agg(p, ' '), '-') FROM unnest(%s::text[]) AS p WHERE {asked}(%s, %s::oid, p)"
        )
        name = f"{kind} {identity.replace('pg_catalog.', '')}"
        rows.append([name, *(superuser.value(question, privileges, role, objid) for role in roles.values())])
    expected("privileges.txt", table(["object", *roles], rows))


def test_everything_has_a_comment(superuser):
    without = superuser.rows(f"""
        WITH member AS ({MEMBERS}), part (classid, objid, objsubid, what) AS (
          SELECT m.classid, m.objid, 0, m.type || ' ' || m.identity FROM member AS m WHERE m.type <> 'sequence'
          UNION ALL
          SELECT 'pg_class'::regclass, a.attrelid, a.attnum, format('column %s.%s', m.identity, a.attname)
            FROM member AS m
            JOIN pg_attribute AS a ON a.attrelid = m.objid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE m.type = 'table'
          UNION ALL
          SELECT 'pg_trigger'::regclass, t.oid, 0, format('trigger %s on %s', t.tgname, m.identity)
            FROM member AS m
            JOIN pg_trigger AS t ON t.tgrelid = m.objid AND NOT t.tgisinternal
        )
        SELECT what FROM part AS p
         WHERE NOT EXISTS (
           SELECT FROM pg_description AS d
            WHERE (d.classoid, d.objoid, d.objsubid) = (p.classid, p.objid, p.objsubid) AND d.description <> '')
        UNION ALL
        SELECT 'role ' || rolname FROM pg_roles
         WHERE rolname IN ('integratedb_admin', 'integratedb_authenticator', 'integratedb_daemon',
                           'integratedb_management')
           AND shobj_description(oid, 'pg_authid') IS NULL
        UNION ALL
        SELECT 'extension' FROM pg_extension AS x
         WHERE extname = 'integratedb' AND obj_description(oid, 'pg_extension') IS NULL
    """)
    assert without == []
    kinds = {kind for _, _, kind, _ in superuser.rows(MEMBERS)}
    assert {"event trigger", "function", "schema", "table", "type", "view"} <= kinds


def test_every_public_function_says_who_may_call_it_and_what_it_returns(superuser):
    comments = superuser.rows(f"""
        SELECT f.proname, obj_description(f.oid, 'pg_proc') FROM ({FUNCTIONS}) AS f
         WHERE f.pronamespace = 'public'::regnamespace""")
    assert len(comments) > 15
    assert [name for name, comment in comments if "\nFor " not in comment] == []


def test_security_definer_functions_pin_their_search_path(superuser):
    functions = superuser.rows(f"SELECT proname, proconfig FROM ({FUNCTIONS}) AS f WHERE prosecdef")
    assert len(functions) > 15
    pinned = "search_path=pg_catalog, integratedb, pg_temp"
    assert {name for name, config in functions if pinned not in (config or [])} == LOOK_AT_THE_SEARCH_PATH


def test_the_other_functions_have_a_search_path_unless_they_must_not(superuser):
    functions = superuser.rows(f"""
        SELECT proname FROM ({FUNCTIONS}) AS f
         WHERE NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search_path=pg_catalog, %pg_temp')""")
    assert {name for (name,) in functions} == WITHOUT_SEARCH_PATH


def test_everybody_may_execute_the_listed_functions_and_no_others(superuser):
    functions = superuser.rows(f"""
        SELECT proname FROM ({FUNCTIONS}) AS f
         CROSS JOIN aclexplode(coalesce(proacl, acldefault('f', proowner))) AS x
         WHERE x.grantee = 0""")
    assert {name for (name,) in functions} == PUBLIC_FUNCTIONS | SURFACE_FUNCTIONS


def test_nobody_but_the_owner_may_execute_what_is_internal(superuser):
    functions = superuser.rows(f"""
        SELECT proname FROM ({FUNCTIONS}) AS f
         CROSS JOIN aclexplode(coalesce(proacl, acldefault('f', proowner))) AS x
         WHERE pronamespace = 'integratedb'::regnamespace AND x.grantee <> proowner
           AND NOT (x.grantee = 'integratedb_daemon'::regrole AND proname ~ '^(daemon|delivery)_')
           AND NOT (x.grantee = 'integratedb_management'::regrole AND proname ~ '^management_')
           AND NOT (x.grantee = 'integratedb_admin'::regrole
                    AND proname IN ('advisers', 'own_advice', 'foreign_advice', 'mutes'))
           AND NOT (x.grantee = 'integratedb_authenticator'::regrole AND proname = 'api_keys')""")
    assert {name for (name,) in functions} == SURFACE_FUNCTIONS


def test_stakeholders_hold_on_the_schema_of_the_extension_what_everybody_does(superuser, claim, stakeholder):
    reporter = stakeholder("reporter")
    claim({"path": "shop.orders", "fields": ["*"]})
    held = superuser.rows("""
        SELECT 'schema' FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS x
         WHERE n.nspname = 'integratedb' AND x.grantee IN (0, 'reporter'::regrole)
        UNION ALL
        SELECT k.relname FROM pg_class AS k CROSS JOIN aclexplode(k.relacl) AS x
         WHERE k.relnamespace = 'integratedb'::regnamespace AND x.grantee IN (0, 'reporter'::regrole)
        UNION ALL
        SELECT a.attname FROM pg_class AS k JOIN pg_attribute AS a ON a.attrelid = k.oid
         CROSS JOIN aclexplode(a.attacl) AS x
         WHERE k.relnamespace = 'integratedb'::regnamespace""")
    assert held == [("schema",), ("surface_change",)]
    for query in ("SELECT * FROM integratedb.stakeholder", "SELECT integratedb.caller()"):
        with refused("42501"):
            reporter.rows(query)


def test_a_stakeholder_may_execute_what_is_about_itself_and_what_everybody_may(superuser, stakeholder):
    stakeholder("reporter")
    granted = superuser.rows(f"""
        SELECT proname FROM ({FUNCTIONS}) AS f CROSS JOIN aclexplode(proacl) AS x
         WHERE x.grantee = 'reporter'::regrole""")
    assert {name for (name,) in granted} == {
        "integratedb_specification",
        "integratedb_access",
        "integratedb_status",
    }


def test_nobody_can_use_the_group_roles_to_log_in(superuser):
    roles = superuser.rows("""
        SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
          FROM pg_roles
         WHERE rolname IN ('integratedb_admin', 'integratedb_authenticator', 'integratedb_daemon',
                           'integratedb_management')""")
    assert roles == [(False,) * 6] * 4


def test_plpgsql_check_finds_nothing_else(superuser: Session):
    superuser.run("CREATE EXTENSION plpgsql_check")
    found = superuser.rows(f"""
        SELECT f.proname, f.prorettype::regtype::text,
               CASE
                 WHEN c.context LIKE 'at assignment to variable "refused"%' AND c.message LIKE '%is VOLATILE' THEN NULL
                 ELSE c.message
               END
          FROM ({FUNCTIONS}) AS f
          JOIN pg_language AS l ON l.oid = f.prolang AND l.lanname = 'plpgsql'
          LEFT JOIN pg_trigger AS t ON t.tgfoid = f.oid
          LEFT JOIN LATERAL plpgsql_check_function_tb(
            f.oid, coalesce(t.tgrelid, 0), fatal_errors => false, all_warnings => true) AS c ON true""")
    assert {"trigger", "event_trigger", "jsonb"} <= {kind for _, kind, _ in found}
    messages = {f"{name}: {message}" for name, _, message in found if message not in (None, REFUSED)}
    assert "\n".join(sorted(messages - set(ACCEPTED))) == ""


def test_everybody_has_no_other_privilege_on_anything_of_the_extension(superuser):
    """Types aside: what one may do with USAGE of a type is to name it."""
    granted = superuser.rows(f"""
        WITH member AS ({MEMBERS}), acl (what, acl) AS (
          SELECT m.identity, coalesce(k.relacl, acldefault(translate(k.relkind::text, 'vS', 'rs')::"char", k.relowner))
            FROM member AS m JOIN pg_class AS k ON m.classid = 'pg_class'::regclass AND k.oid = m.objid
          UNION ALL
          SELECT format('%s.%s', m.identity, a.attname), a.attacl
            FROM member AS m JOIN pg_attribute AS a ON m.classid = 'pg_class'::regclass AND a.attrelid = m.objid
          UNION ALL
          SELECT m.identity, coalesce(n.nspacl, acldefault('n', n.nspowner))
            FROM member AS m JOIN pg_namespace AS n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
        )
        SELECT a.what, x.privilege_type FROM acl AS a CROSS JOIN aclexplode(a.acl) AS x WHERE x.grantee = 0""")
    assert granted == [("integratedb.surface_change", "SELECT"), ("integratedb", "USAGE")]
    kinds = {kind for _, _, kind, _ in superuser.rows(MEMBERS)}
    assert kinds == {"event trigger", "function", "schema", "sequence", "table", "type", "view"}
