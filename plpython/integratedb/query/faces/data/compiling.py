"""Compiles documents: each query becomes a statement, whose holes are filled with values of earlier answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...problems import ProblemError
from ...request import Select
from ...statement import Options, Statement, bind_all, compile_query
from ...surface import Surface
from .documents import Document
from .expressions import Result
from .problems import DocumentError


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement; ``results`` are the values of earlier answers that fill its holes."""

    statement: Statement
    results: tuple[Result, ...]
    returns_rows: bool

    def without_values(self) -> Compiled:
        """Return the same without the values of params, which each request has itself."""
        parameters = tuple(one if one.name is None else replace(one, value=None) for one in self.statement.parameters)
        return replace(self, statement=replace(self.statement, parameters=parameters))

    def bind(self, answers: Sequence[bytes]) -> list[str | bytes | None]:
        """Return the parameters, with the answers of all earlier queries. Error: DocumentError."""
        return self.statement.bind([value_of(result, answers) for result in self.results])


def compile_document(document: Document, surface: Surface, options: Options) -> list[Compiled]:
    """Compile all queries of a document. Errors: DocumentError, ProblemError."""
    compiled: list[Compiled] = []
    for step in document.steps:
        for result in step.results:
            _check(result, compiled[result.query])
        returns_rows = isinstance(step.query, Select) or step.query.returning is not None
        compiled.append(Compiled(compile_query(step.query, surface, options), step.results, returns_rows))
    return compiled


def _check(result: Result, earlier: Compiled) -> None:
    if not earlier.returns_rows:
        hint = 'Write what it returns under "returning".'
        raise DocumentError(result.place, f"query {result.query} returns no rows", hint)
    if result.key not in earlier.statement.keys:
        near = list(earlier.statement.keys)
        raise ProblemError(
            "unknown column", result.place, name=result.key, relation=f"query {result.query}", schema="", near=near
        )


def value_of(result: Result, answers: Sequence[bytes]) -> Any:
    """Return the value of an earlier answer. Error: DocumentError: it does not have one row."""
    rows = json.loads(answers[result.query], parse_float=_Number)
    if result.many:
        return [row[result.key] for row in rows]
    if len(rows) != 1:
        raise DocumentError(
            result.place,
            f"query {result.query} returned {len(rows)} rows, expected one",
            'The values of all rows are a list: ["in", {"field": ...}, {"result": [0, "id"]}].',
            "21000",
        )
    return rows[0][result.key]


class _Number(str):
    """A number with decimals as it is written, so that none of them are lost."""

    __slots__ = ()


def as_json(
    compiled: Sequence[Compiled],
    named: Mapping[str, Any] | None = None,
    *,
    is_list: bool = False,
    explain: bool = False,
) -> str:
    """Return what a session runs: statements with their parameters, in which holes are [form, query, key, many].

    ``named``: the params of this request, where the document is of one like it. Error: ProblemError.
    """
    statements = []
    bound = bind_all([each.statement for each in compiled], [len(each.results) for each in compiled], named)
    for each, texts in zip(compiled, bound, strict=True):
        holes = [
            [number, parameter.form, *_described(each.results[parameter.hole])]
            for number, parameter in enumerate(each.statement.parameters, 1)
            if parameter.hole is not None
        ]
        statements.append(
            {
                "statement": each.statement.text,
                "params": texts,
                "holes": holes,
                "reads": each.statement.reads,
                "returns_rows": each.returns_rows,
                "uses": each.statement.uses,
            }
        )
    return json.dumps({"statements": statements, "is_list": is_list, "explain": explain})


def _described(result: Result) -> list[Any]:
    return [result.query, result.key, result.many]
