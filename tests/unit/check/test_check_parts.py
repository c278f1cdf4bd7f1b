"""The pure parts of the check: dumps, the server's log, reports."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from integratedb_companion.check.dumps import adapted, is_archive, missing_roles
from integratedb_companion.check.model import Break, Report, Step
from integratedb_companion.check.report import github, junit, text
from integratedb_companion.check.server_log import Refusal, refusals

DUMP = """\
CREATE ROLE created;
CREATE SCHEMA shop AUTHORIZATION "Schema Owner";
ALTER TABLE shop.orders OWNER TO shop_owner;
COPY shop.notes (text) FROM stdin;
ALTER TABLE x OWNER TO nobody_in_data;
\\.
GRANT SELECT(id) ON TABLE shop.orders TO reporter;
GRANT ALL ON SCHEMA shop TO PUBLIC;
REVOKE ALL ON TABLE shop.orders FROM revoked;
ALTER DEFAULT PRIVILEGES FOR ROLE defaults IN SCHEMA shop GRANT SELECT ON TABLES TO created;
CREATE POLICY p ON shop.orders FOR SELECT TO first, second USING (true);
"""


def test_the_roles_that_a_dump_expects() -> None:
    assert missing_roles(DUMP.splitlines()) == [
        "Schema Owner", "shop_owner", "reporter", "revoked", "defaults", "first", "second",
    ]  # fmt: skip


#: What any owner of a table can make part of a dump.
MISLEADING = """COMMENT ON TABLE shop.x IS 'its
CREATE ROLE shop_owner;
GRANT x TO pg_nobody;
SET transaction_timeout = 0;
COPY a.b FROM stdin;
';
COMMENT ON TABLE shop.y IS E'\\'
GRANT x TO nobody;
';
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $_$
GRANT x TO nobody;
'$_$;
-- it's
\\echo it's
SET transaction_timeout = 0;
ALTER TABLE "it's" OWNER TO shop_owner;
CREATE POLICY p ON shop.x TO "a, b", reader USING (true);
"""


def test_what_stands_in_a_text_is_no_statement_of_a_dump() -> None:
    assert missing_roles(MISLEADING.splitlines()) == ["shop_owner", "a, b", "reader"]
    before, _, after = MISLEADING.rpartition("SET transaction_timeout = 0;\n")
    assert adapted(MISLEADING, 15, fences=True) == before + after


def test_archives_are_known_by_their_content(tmp_path: Path) -> None:
    plain, custom, directory = tmp_path / "a.dump", tmp_path / "b.sql", tmp_path / "d"
    plain.write_text("CREATE TABLE x ();")
    custom.write_bytes(b"PGDMP\x01\x0e")
    directory.mkdir()
    (directory / "toc.dat").write_bytes(b"PGDMP")
    assert [is_archive(path) for path in (plain, custom, directory)] == [False, True, True]


def entry(message: str, detail: str, code: str = "01000") -> str:
    return json.dumps({"error_severity": "WARNING", "state_code": code, "message": message, "detail": detail})


def test_the_log_tells_what_was_let_through_and_what_was_refused() -> None:
    log = "\n".join(
        [
            entry("enforcement is explicit: 2 claims are unmet", "a (claims): s.t: one\nb (notifications): s.u: two"),
            entry("since an earlier transaction: a claim of a is unmet", "a (claims): s.t: other"),
            entry("invalid migration: it breaks a claim of c", "c (claims): s.v: three", "IDB01"),
            entry("overridden (why): a claim of a is unmet", "a (claims): s.w: four"),
            entry("something else", "a (claims): s.x: five"),
            '{"half',
        ]
    )
    assert list(refusals(log)) == [
        Refusal("a", "claims", "s.t: one", "refused"),
        Refusal("b", "notifications", "s.u: two", "refused"),
        Refusal("c", "claims", "s.v: three", "refused"),
        Refusal("a", "claims", "s.w: four", "overridden"),
    ]


def step(ok: bool, name: str = "migrations", said: str = "") -> Step:
    return Step(name, ok, 1.0, said)  # type: ignore[arg-type]


def test_the_status_says_broken_before_unable() -> None:
    broken = Break("migrations", "a", "claims", "gone")
    assert Report([step(True)]).status == 0
    assert Report([step(False)]).status == 1
    assert Report([step(False, "base")]).status == 2
    assert Report([step(True)], [broken]).status == 1


def test_reports_hold_whatever_a_tool_prints() -> None:
    nasty = "100%\x1b[31m\r\n::error::<&\x00,:"
    broken = Break("migrations", "a", "claims", nasty, file="c,d:e.yaml", line=3, hint="do\nthis")
    report = Report([step(False, said=nasty)], [broken], ["a", "b"], ["note"])
    suite = ElementTree.fromstring(junit(report).encode())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    lines = github(report).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(("::error ", "::notice ")) for line in lines)
    assert "file=c%2Cd%3Ae.yaml,line=3," in lines[1]
    assert "100%25" in lines[1]
    assert "\x1b" not in text(Report([step(True)], [broken], ["a"])).split("claims: ")[1].split("\n")[0]
