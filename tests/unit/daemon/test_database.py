"""Every call of the daemon names the schema of its function and casts every argument: no other function takes it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from integratedb_companion.daemon import database

STATEMENTS = [
    node.value if isinstance(node.value, str) else node.value.decode()
    for node in ast.walk(ast.parse(Path(database.__file__).read_text(encoding="utf-8")))
    if isinstance(node, ast.Constant)
    and isinstance(node.value, str | bytes)
    and re.search(r"\bSELECT\b", node.value if isinstance(node.value, str) else node.value.decode())
]


def test_every_argument_is_cast() -> None:
    assert len(STATEMENTS) > 15
    for statement in STATEMENTS:
        arguments = re.findall(r"%\(\w+\)s(.*?)(?=[,)]|$)", statement)
        assert all(re.fullmatch(r"::pg_catalog\.\w+(\[\])?", cast) for cast in arguments), statement


def test_every_function_is_named_with_its_schema() -> None:
    for statement in STATEMENTS:
        functions = re.findall(r"([\w.]+)\((?!s\b)", statement.replace("%(", "%"))
        called = [name for name in functions if name != "c"]
        assert all(name.startswith(("integratedb.", "pg_catalog.")) for name in called), statement
