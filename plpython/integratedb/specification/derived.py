"""Derives claims of what a saved query reads: matches with the alternatives that the stakeholder's claims have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import forms
from .forms import Document
from .identifiers import format_path, parse_path
from .model import Path


class Key(NamedTuple):
    """A foreign key: columns, the referenced table, and its columns; all by the names of the claims."""

    fields: tuple[str, ...]
    to: Path
    to_fields: tuple[str, ...]


class Wanted(NamedTuple):
    """What is read of one table. ``name`` is what claims call it, ``present`` its name in the database now."""

    name: Path
    present: Path
    columns: tuple[str, ...]
    is_whole: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    references: tuple[Key, ...] = ()


def derive(query: str, wanted: Iterable[Wanted], claimed: Iterable[Sequence[Document]]) -> list[Document]:
    """Return the matches of a saved query; ``claimed`` are the matches of the stakeholder, specification by spec."""
    known = _Claimed(claimed)
    tables = {one.name: (one, known.paths(one)) for one in wanted}
    firsts = {name: paths[0] for name, (_, paths) in tables.items()}
    return [_match(query, one, paths, known, firsts) for one, paths in tables.values()]


class _Claimed:
    """The alternatives of matches, and of their fields, by the names that the data API gives them."""

    def __init__(self, specifications: Iterable[Sequence[Document]]) -> None:
        #: The alternatives of the first match that has several, by the path of the first one.
        self._alternatives: dict[Path, list[Path]] = {}
        self._fields: dict[Path, dict[str, str | Document]] = {}
        self._wholes: set[Path] = set()
        for match in (match for matches in specifications for match in matches):
            entries = [entry for _, entry in forms.alternatives((), match)]
            paths = [parse_path(entry["path"]) for entry in entries]
            if len(paths) > 1:
                self._alternatives.setdefault(paths[0], paths)
            for path, entry in zip(paths, entries, strict=True):
                if forms.is_wildcard(entry):
                    self._wholes.add(path)
                    continue
                fields = self._fields.setdefault(path, {})
                for _, field in forms.fields((), entry):
                    fields.setdefault(forms.column_name(next(forms.field_alternatives((), field))[1]), field)

    def paths(self, wanted: Wanted) -> list[Path]:
        """Return the alternatives that have all that is read, and the present table in any case."""
        alternatives = self._alternatives.get(wanted.name, [wanted.name])
        if wanted.present not in alternatives:
            alternatives = [wanted.present]
        return [path for path in alternatives if path == wanted.present or self._has(path, wanted)]

    def _has(self, path: Path, wanted: Wanted) -> bool:
        return path in self._wholes or {*wanted.columns} <= {*self._fields.get(path, {})}

    def fields(self, path: Path, wanted: Wanted) -> list[str | Document]:
        """Return the fields of one alternative, each as it is claimed."""
        if wanted.is_whole:
            return ["*"]
        known: Mapping[str, str | Document] = self._fields.get(path, {})
        return [_required(known.get(name, name)) for name in wanted.columns]


def _required(field: str | Document) -> str | Document:
    if not isinstance(field, dict):
        return field
    rest = {key: value for key, value in field.items() if key != "optional"}
    return rest["name"] if {*rest} == {"name"} else rest


def _match(query: str, wanted: Wanted, paths: Sequence[Path], known: _Claimed, firsts: Mapping[Path, Path]) -> Document:
    keys: dict[str, Any] = {}
    if wanted.unique:
        keys["unique"] = [list(columns) for columns in wanted.unique]
    if wanted.references:
        keys["references"] = [
            {
                "fields": list(key.fields),
                "to": format_path(firsts.get(key.to, key.to)),
                "to_fields": list(key.to_fields),
            }
            for key in wanted.references
        ]
    entries: list[Document] = [
        {"path": format_path(path), "fields": known.fields(path, wanted), **keys} for path in paths
    ]
    return {**(entries[0] if len(entries) == 1 else {"alternatives": entries}), "query": query}
