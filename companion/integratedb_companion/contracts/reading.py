"""Reads the contracts of a directory, and reports all faults of all files together."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .model import KINDS, PARTS, Contract, Document, Finding, UnusableContractsError
from .variables import Lookup, interpolate
from .yaml_source import MAX_CHARACTERS, read

SUFFIXES = (".yaml", ".yml")
KEYS = ("stakeholder", *PARTS)
EMPTY: Document = {"match": []}
STANDARD_INPUT = "<stdin>"
#: The limit of a contract in bytes; a character has at most four.
MAX_BYTES = 4 * MAX_CHARACTERS


def files_in(directory: Path) -> list[Path]:
    """Return the contracts of a directory, by name; hidden files and files of other types do not count."""
    if not directory.is_dir():
        raise UnusableContractsError([Finding("there is no such directory", str(directory))])
    found = [path for path in directory.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".")]
    if not found:
        raise UnusableContractsError([Finding("there is no contract (*.yaml) in it", str(directory))])
    # A link may lead to a device without an end, or to a pipe without a writer.
    if unfit := [path for path in sorted(found) if path.exists() and not path.is_file()]:
        raise UnusableContractsError([Finding("it is no file", str(path)) for path in unfit])
    return sorted(found)


def read_text(path: Path, most_bytes: int = -1) -> str:
    """Return the text of a file. Error: UnusableContractsError if it cannot be read, or is too long."""
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes if most_bytes < 0 else most_bytes + 1)
    except OSError as problem:
        raise UnusableContractsError([Finding(problem.strerror or str(problem), str(path))]) from None
    if 0 <= most_bytes < len(content):
        raise UnusableContractsError([Finding(f"there are more than {most_bytes} bytes in it", str(path))])
    return _decoded(content, str(path))


def read_standard_input() -> str:
    """Return the text on standard input, always as UTF-8. Error: UnusableContractsError."""
    return _decoded(sys.stdin.buffer.read(), STANDARD_INPUT)


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise UnusableContractsError([Finding("it is not UTF-8", file, line)]) from None


def read_contracts(paths: Iterable[Path], lookup: Lookup) -> list[Contract]:
    """Return the contracts in these files, by stakeholder. Error: UnusableContractsError with all faults."""
    contracts: dict[str, Contract] = {}
    findings: list[Finding] = []
    for path in paths:
        try:
            contract = parse(read_text(path, MAX_BYTES), str(path), lookup)
        except UnusableContractsError as problem:
            findings += problem.findings
            continue
        other = contracts.setdefault(contract.stakeholder, contract)
        if other is not contract:
            line = contract.line(("stakeholder",))
            findings.append(Finding(f"{contract.stakeholder} has a contract already, in {other.file}", str(path), line))
    if findings:
        raise UnusableContractsError(findings)
    return [contracts[name] for name in sorted(contracts)]


def parse(text: str, file: str, lookup: Lookup) -> Contract:
    """Parse the contract in a file's text. Error: UnusableContractsError."""
    value, lines = read(text, file)
    if not isinstance(value, dict):
        raise UnusableContractsError(
            [Finding("a contract is an object with stakeholder, claims, notifications and queries", file)]
        )
    value, findings = interpolate(value, lookup, file, lines)
    for key in value:
        if key not in KEYS:
            findings.append(Finding(f'unknown key "{key}"; a contract has {", ".join(KEYS)}', file, lines[key,]))
    name = value.get("stakeholder")
    if not isinstance(name, str) or not name:
        line = lines.get(("stakeholder",), 1)
        findings.append(Finding("a contract needs the name of its stakeholder, as a text", file, line))
    documents = {}
    for kind in KINDS:
        document = value.get(kind)
        if document is not None and not isinstance(document, dict):
            findings.append(Finding(f"{kind} is an object with the key match", file, lines[kind,]))
        documents[kind] = EMPTY if document is None else document
    queries = value.get("queries")
    if queries is not None and not isinstance(queries, dict):
        message = "queries is an object: the name of each saved query, and the query"
        findings.append(Finding(message, file, lines["queries",]))
    if findings:
        raise UnusableContractsError(findings)
    claims, notifications = documents["claims"], _whole(documents["notifications"])
    return Contract(str(name), claims, notifications, file, lines, queries or {})


def _whole(notifications: Document) -> Document:
    """Add an empty list of channels, because a file is complete; integratedb_notify() would keep omitted channels."""
    return notifications if "channels" in notifications else {**notifications, "channels": []}


def read_document(text: str, file: str, lookup: Lookup) -> tuple[Any, Contract]:
    """Read a single specification, for commands that submit one; the contract holds the lines for messages."""
    value, lines = read(text, file)
    value, findings = interpolate(value, lookup, file, lines)
    if findings:
        raise UnusableContractsError(findings)
    placed = {(kind, *steps): line for kind in KINDS for steps, line in lines.items()}
    document = value if isinstance(value, dict) else {}
    return value, Contract("", document, document, file, placed)
