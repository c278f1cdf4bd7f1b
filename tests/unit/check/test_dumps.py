"""Dumps: the roles they expect, what is taken out of them, and archives."""

from __future__ import annotations

from pathlib import Path

import pytest

from integratedb_companion.check.dumps import adapted, is_archive, missing_roles, readable
from integratedb_companion.check.model import UnableError

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


@pytest.mark.parametrize(("encoding", "codec"), [("UTF8", "utf-8"), ("LATIN1", "latin-1"), ("WIN1251", "cp1251")])
def test_names_are_read_in_the_encoding_of_the_dump(encoding: str, codec: str) -> None:
    name = "лавка" if codec == "cp1251" else "rôle"
    dump = f"SET client_encoding = '{encoding}';\nALTER TABLE t OWNER TO \"{name}\";\n".encode(codec)
    text = dump.decode(errors="surrogateescape")
    assert [readable(role, text) for role in missing_roles(text.splitlines())] == [name]


@pytest.mark.parametrize("encoding", ["UTF8", "MULE_INTERNAL"])
def test_a_name_that_cannot_be_read_is_told(encoding: str) -> None:
    with pytest.raises(UnableError, match=rf"role r\\xf4le, which is not {encoding}"):
        readable("r\udcf4le", f"SET client_encoding = '{encoding}';\n")


def test_archives_are_known_by_their_content(tmp_path: Path) -> None:
    plain, custom, directory = tmp_path / "a.dump", tmp_path / "b.sql", tmp_path / "d"
    plain.write_text("CREATE TABLE x ();")
    custom.write_bytes(b"PGDMP\x01\x0e")
    directory.mkdir()
    (directory / "toc.dat").write_bytes(b"PGDMP")
    assert [is_archive(path) for path in (plain, custom, directory)] == [False, True, True]
