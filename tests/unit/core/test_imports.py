"""What importing the modules costs a session: jsonschema, some 65 ms, is paid for by wrong documents only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import integratedb.entry

PACKAGE = Path(integratedb.entry.__file__).parent
FILES = [file.relative_to(PACKAGE).with_suffix("") for file in PACKAGE.rglob("*.py") if file.stem != "__init__"]
MODULES = sorted(".".join(file.parts) for file in FILES)


def _imported_after(statement: str) -> set[str]:
    printed = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint(*sys.modules)"],
        cwd=PACKAGE.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(printed.stdout.split())


def test_no_module_imports_jsonschema_when_it_is_imported() -> None:
    imported = _imported_after("".join(f"import integratedb.{module}\n" for module in MODULES))
    assert {f"integratedb.{module}" for module in MODULES} <= imported
    assert "jsonschema" not in imported


def test_reading_a_stored_document_does_not_import_jsonschema() -> None:
    imported = _imported_after(
        "from integratedb.specification.intake import shorten\nfrom integratedb.specification.reader import read\n"
        "shorten(read({'match': [{'path': 'a.b', 'fields': [{'name': 'x', 'type': 'text'}]}],"
        " 'channels': [{'type': 'SOCKET'}]}, 'notifications'))"
    )
    assert "jsonschema" not in imported
    assert "urllib.parse" not in imported


def test_checking_a_document_imports_jsonschema_only_if_it_is_refused() -> None:
    check = "from integratedb.specification.intake import parse\nparse({document}, 'claims')"
    assert "jsonschema" not in _imported_after(check.format(document="{'match': [{'path': 'a.b', 'fields': ['x']}]}"))
    assert "jsonschema" in _imported_after(check.format(document="{}"))
