"""The documentation says what is there: every function, every error, who may do what; and its examples are run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.examples import run_examples
from tests.sql.conftest import ROOT
from tests.support import Server, Session

DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    DOCS / "sql-reference.md",
    DOCS / "errors.md",
    DOCS / "permissions.md",
    DOCS / "advice.md",
    DOCS / "governance.md",
    DOCS / "recipes/README.md",
]

FUNCTIONS = """
    SELECT p.oid, p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.prosecdef, n.nspname,
           obj_description(p.oid, 'pg_proc'), p.prosrc
      FROM pg_depend AS d
      JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
      JOIN pg_proc AS p ON p.oid = d.objid
      JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
     ORDER BY p.proname
"""


def sections(page: str) -> dict[str, str]:
    """Give a page's sections by their headings, in which ` is left out."""
    parts = re.split(r"^#{2,3} (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {heading.replace("`", ""): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


def as_written(declaration: str) -> str:
    """Give arguments or a result as one would write them."""
    return re.sub(r"::\w[\w ]*\b", "", declaration.replace("timestamp with time zone", "timestamptz"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_print_what_the_page_says(page: Path, server: Server, database: str) -> None:
    run_examples(page, server, database)


def test_every_public_function_is_in_the_reference_with_its_arguments_result_and_errors(superuser: Session) -> None:
    reference = sections("sql-reference.md")
    public = [row for row in superuser.rows(FUNCTIONS) if row[5] != "integratedb"]
    assert public
    for _, name, arguments, result, _, _, comment, _ in public:
        section = reference[name]
        assert f"`{name}({as_written(arguments)})`" in section
        assert f"`{as_written(result)}`" in section, result
        for code in re.findall(r"\b(IDB\d\d|[0-9][0-9A-Z]{4})\b", comment):
            assert code in section, f"{name} {code}"
    assert {name for name in reference if name.startswith("integratedb_")} == {row[1] for row in public}


def test_every_error_has_a_section(superuser: Session) -> None:
    bodies = "\n".join(row[7] for row in superuser.rows(FUNCTIONS))
    raised = set(re.findall(r"'(IDB\d\d|[0-9][0-9A-Z]{4})'", bodies)) - {"IDB00"}
    assert {"IDB01", "IDB07", "42501", "54000"} <= raised
    headings = {heading[:5] for heading in sections("errors.md")}
    assert raised | {"0A000", "40001", "40P01", "55P03", "58P01"} <= headings


def test_permissions_says_who_may_execute_what(superuser: Session, owner: Session, admin: Session, stakeholder) -> None:
    stakeholder("reporter")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (\w+) \|", (DOCS / "permissions.md").read_text(), re.MULTILINE)
    said = {row[0]: tuple(answer != "no" for answer in row[1:]) for row in rows}
    may = "SELECT has_function_privilege(%s, %s::oid, 'EXECUTE')"
    assert said == {
        name: tuple(superuser.value(may, role, oid) for role in ("shop_owner", "reporter", "shop_admin"))
        for oid, name, _, _, _, schema, _, _ in superuser.rows(FUNCTIONS)
        if schema != "integratedb"
    }


def test_permissions_lists_the_security_definer_functions(superuser: Session) -> None:
    section = sections("permissions.md")["SECURITY DEFINER"]
    listed = set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE))
    assert listed == {
        name if schema != "integratedb" else f"integratedb.{name}"
        for _, name, _, _, definer, schema, _, _ in superuser.rows(FUNCTIONS)
        if definer
    }


CHECKS = re.compile(r"(?<=<!-- checks -->\n).*?(?=<!-- end of checks -->)", re.DOTALL)


def test_the_page_about_advice_has_every_check(admin: Session) -> None:
    page = DOCS / "advice.md"
    text = page.read_text(encoding="utf-8")
    rows = admin.rows("SELECT name, level, facing, title FROM integratedb_advisers()")
    lines = ["| check | level | facing | what |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {level} | {facing} | {title} |" for name, level, facing, title in rows]
    table = "\n".join(lines) + "\n"
    if os.environ.get("DOCUMENTS_WRITE"):
        page.write_text(CHECKS.sub(lambda _: table, text), encoding="utf-8")
    else:
        assert CHECKS.findall(text) == [table]


LINK = re.compile(r"\[[^]]*\]\((?!https?:)([^)#\s]*)(#[^)\s]+)?\)")


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target) if target else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name} links to {target}{anchor}"


def test_the_code_map_has_every_file() -> None:
    code_map = (DOCS / "architecture.md").read_text(encoding="utf-8")
    files = [
        *ROOT.glob("sql/state/*.sql"),
        *ROOT.glob("sql/code/*/*.sql"),
        *ROOT.glob("plpython/integratedb/**/[!_]*.*"),
    ]
    assert [path.name for path in files if path.name not in code_map and path.suffix in (".sql", ".py", ".json")] == []
    companion = ROOT / "companion/integratedb_companion"
    modules = [path for path in companion.rglob("[!_]*.py") if path.parent.name != "routers"]
    assert [path.name for path in modules if f"{path.name}`" not in code_map] == []
    packages = [path.parent for path in companion.rglob("__init__.py") if path.parent != companion]
    assert [package.name for package in packages if f"{package.name}/" not in code_map] == []


@pytest.mark.parametrize("index", [ROOT / "README.md", DOCS / "README.md"], ids=["README.md", "docs/README.md"])
def test_an_index_links_every_page(index: Path) -> None:
    linked = {(index.parent / target).resolve() for target, _ in LINK.findall(index.read_text(encoding="utf-8"))}
    pages = [*DOCS.glob("*.md"), DOCS / "recipes/README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    assert [page.name for page in pages if page.resolve() not in linked and page != index] == []
