"""Writes queries that write: one INSERT, UPDATE or DELETE, whose rows the rest of the statement reads as ``w``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..plan.scope import Scope, Source
from ..problems import ProblemError
from ..request import Computed, Delete, Expression, Insert, Rows, Selected, Update, Value
from ..surface import Column, Relation
from .levels import positions
from .reads import Reads
from .writer import Writer, quoted, unused_name, whole_row

#: The written rows.
WRITTEN = "w"


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that writes, and the relation whose rows it returns."""

    text: str
    relation: Relation
    #: The columns of what else is returned: whether a row is new, and the whole row.
    is_new: str | None = None
    row: str | None = None


class Writes:
    """Writes the part of one statement that writes."""

    def __init__(self, writer: Writer, reads: Reads, *, allow_unfiltered: bool) -> None:
        self._writer = writer
        self._reads = reads
        self._allow_unfiltered = allow_unfiltered

    def insert(self, wanted: Insert, returned: Sequence[str]) -> Write:
        """Write an INSERT that returns these columns. Error: ProblemError."""
        relation = self._reads.relation(wanted.table)
        alias = self._writer.alias("t")
        columns = _writable(relation, wanted.rows.keys)
        text = f"INSERT INTO {relation.sql} AS {alias}"
        if not isinstance(wanted.rows, Rows):
            text += self._computed(wanted.rows, columns)
        elif not columns and not wanted.rows.is_array:
            text += " DEFAULT VALUES"
        elif not columns:
            # Postgres has no form for the defaults of several rows, but one column with its default will do.
            text += self._only_defaults(relation, wanted.rows)
        else:
            source, values = self._rows(wanted.rows, columns, relation)
            condition = ""
            if wanted.must is not None:
                checked = Scope([Source(source.alias, relation.name, relation.columns, None, None, relation.schema)])
                condition = f" WHERE {self._reads.expressions.condition(wanted.must, checked)}"
            names = ", ".join(column.sql for column in columns)
            text += f" ({names}) SELECT {', '.join(values)} FROM {source.text}{condition}"
        is_merge = wanted.conflict is not None and wanted.conflict.action == "merge"
        text += self._on_conflict(wanted, relation, columns, alias)
        is_new = unused_name(relation, "is_new") if is_merge and relation.has_row_version else None
        return self._returning(text, relation, alias, returned, is_new)

    def update(self, wanted: Update, returned: Sequence[str]) -> Write:
        """Write an UPDATE. Error: ProblemError."""
        relation = self._reads.relation(wanted.table)
        alias = self._writer.alias("t")
        keys = _key_of(relation, wanted) if wanted.by_key else ()
        columns = _writable(relation, wanted.rows.keys, but=keys)
        sources, others = self._reads.sources.write(wanted, None) if wanted.source else ([], "")
        scope = Scope([self._reads.sources.of(relation, alias, wanted.table.alias), *sources])
        condition = self._condition(wanted.where, scope, "PATCH", relation, filtered=wanted.by_key)
        condition += self._versions(wanted, relation, alias)
        if not columns:
            # Nothing changes, so no row is written, and none is returned.
            names = ", ".join(f"{alias}.{relation.columns[name].sql}" for name in returned) or "1"
            row = _row(relation)
            text = (
                f"SELECT {names}{_as(alias, relation, row)} FROM {relation.sql} AS {alias} WHERE false AND {condition}"
            )
            return Write(text, relation, row=row)
        if isinstance(wanted.rows, Computed):
            assignments = self._assignments(zip(wanted.rows.keys, wanted.rows.rows[0], strict=True), relation, scope)
            joined = f" FROM {others}" if others else ""
            text = f"UPDATE {relation.sql} AS {alias} SET {assignments}{joined} WHERE {condition}"
            return self._returning(text, relation, alias, returned)
        source, values = self._rows(wanted.rows, [*columns, *(relation.columns[key] for key in keys)], relation)
        assignments = ", ".join(
            f"{column.sql} = {self._kept(value, column, alias, source, wanted.rows)}"
            for column, value in zip(columns, values, strict=False)
        )
        same = "".join(
            f" AND {alias}.{relation.columns[key].sql} OPERATOR({relation.columns[key].type.operators}.=) {value}"
            for key, value in zip(keys, values[len(columns) :], strict=True)
        )
        joined = f", {others}" if others else ""
        text = f"UPDATE {relation.sql} AS {alias} SET {assignments} FROM {source.text}{joined} WHERE {condition}{same}"
        return self._returning(text, relation, alias, returned)

    def delete(self, wanted: Delete, returned: Sequence[str]) -> Write:
        """Write a DELETE. Error: ProblemError."""
        relation = self._reads.relation(wanted.table)
        alias = self._writer.alias("t")
        scope = Scope([self._reads.sources.of(relation, alias, wanted.table.alias)])
        condition = self._condition(wanted.where, scope, "DELETE", relation)
        condition += self._versions(wanted, relation, alias)
        text = f"DELETE FROM {relation.sql} AS {alias} WHERE {condition}"
        return self._returning(text, relation, alias, returned)

    def _computed(self, rows: Computed | Selected, columns: Sequence[Column]) -> str:
        names = f" ({', '.join(column.sql for column in columns)})" if columns else ""
        if isinstance(rows, Selected):
            level = self._reads.query(rows.query, None)
            if len(level.outputs) != len(columns):
                raise ProblemError("different columns", (), found=len(level.outputs), expected=len(columns))
            return f"{names} {level.select(positions(level))}"
        texts = (
            ", ".join(self._new(value, column, Scope([])) for value, column in zip(row, columns, strict=True))
            for row in rows.rows
        )
        return f"{names} VALUES {', '.join(f'({text})' for text in texts)}"

    def _new(self, value: Expression | None, column: Column, scope: Scope) -> str:
        if value is None:
            return "DEFAULT"
        found = self._reads.expressions.expression(value, scope, column.type)
        return found.sql if isinstance(value, Value) else f"({found.sql})::{column.declared}"

    def _assignments(self, changes: Iterable[tuple[str, Expression | None]], relation: Relation, scope: Scope) -> str:
        pairs = [(column, value) for name, value in changes for column in _writable(relation, (name,))]
        return ", ".join(f"{column.sql} = {self._new(value, column, scope)}" for column, value in pairs)

    def _condition(
        self, where: Expression | None, scope: Scope, method: str, relation: Relation, filtered: bool = False
    ) -> str:
        if where is None:
            if not (filtered or self._allow_unfiltered):
                raise ProblemError("unfiltered write", (), method=method, relation=relation.name)
            return "true"
        return self._reads.expressions.condition(where, scope)

    def _versions(self, wanted: Update | Delete, relation: Relation, alias: str) -> str:
        if wanted.versions is None:
            return ""
        version = row_version(relation, alias)
        if version is None:
            raise ProblemError("no row version", wanted.table.place, relation=relation.name)
        versions = self._writer.value(wanted.versions, "pg_catalog.text[]", "array")
        return f" AND {version} OPERATOR(pg_catalog.=) ANY ({versions})"

    def _rows(self, rows: Rows, columns: Sequence[Column], relation: Relation) -> tuple[_Body, list[str]]:
        """Return the body as a source, and the values of the columns in it."""
        alias = self._writer.alias("b")
        record = ", ".join(f"{quoted(column.name)} {_declared(column)}" for column in columns)
        if not rows.missing_default and rows.uniform:
            function = "json_to_recordset" if rows.is_array else "json_to_record"
            body = self._writer.value(rows.json, "pg_catalog.json", "json")
            text = f"pg_catalog.{function}({body}) AS {alias} ({record})"
            return _Body(alias, text, None), [_converted(column, alias) for column in columns]
        element = self._writer.alias("v")
        body = self._writer.value(rows.json, "pg_catalog.jsonb", "json")
        text = f"pg_catalog.jsonb_array_elements({body})" if rows.is_array else f"(SELECT {body})"
        merged = f"{element}.v"
        if rows.missing_default:
            defaults = f"pg_catalog.jsonb_build_object({self._defaults(columns, relation)})"
            merged = f"{defaults} OPERATOR(pg_catalog.||) {element}.v"
        text += f" AS {element} (v), LATERAL pg_catalog.jsonb_to_record({merged}) AS {alias} ({record})"
        return _Body(alias, text, f"{element}.v"), [_converted(column, alias) for column in columns]

    def _defaults(self, columns: Iterable[Column], relation: Relation) -> str:
        return ", ".join(
            f"{self._writer.constant(column.name)}, {self._default(column, relation)}"
            for column in columns
            if column.default is not None or column.identity
        )

    def _default(self, column: Column, relation: Relation) -> str:
        """Return the expression of a column's default; of an identity, the next value of its sequence."""
        if column.default is not None or not column.identity:
            return column.default or "NULL"
        table = self._writer.constant(relation.sql)
        name = self._writer.constant(column.sql.removeprefix('"').removesuffix('"').replace('""', '"'))
        return f"pg_catalog.nextval(pg_catalog.pg_get_serial_sequence({table}, {name})::pg_catalog.regclass)"

    def _kept(self, value: str, column: Column, alias: str, body: _Body, rows: Rows) -> str:
        """Return the new value of a column; where rows have different keys, a row without the key keeps its value."""
        if body.element is None or rows.missing_default:
            return value
        key = self._writer.constant(column.name)
        return f"CASE WHEN {body.element} OPERATOR(pg_catalog.?) {key} THEN {value} ELSE {alias}.{column.sql} END"

    def _only_defaults(self, relation: Relation, rows: Rows) -> str:
        column = next((c for c in relation.columns.values() if c.can_insert and not c.generated), None)
        if column is None:
            raise ProblemError("not writable", rows.json.place, name="", relation=relation.name)
        body = self._writer.value(rows.json, "pg_catalog.json", "json")
        return f" ({column.sql}) SELECT {self._default(column, relation)} FROM pg_catalog.json_array_elements({body})"

    def _on_conflict(self, wanted: Insert, relation: Relation, columns: Sequence[Column], alias: str) -> str:
        conflict = wanted.conflict
        if conflict is None:
            return ""
        names = relation.primary_key if conflict.columns is None else conflict.columns
        for name in names:
            if name not in relation.columns:
                raise ProblemError(
                    "unknown column",
                    (),
                    name=name,
                    relation=relation.name,
                    schema=relation.schema,
                    near=list(relation.columns),
                )
        if not names:
            return " ON CONFLICT DO NOTHING" if conflict.action == "ignore" else ""
        target = ", ".join(relation.columns[name].sql for name in names)
        if conflict.action == "ignore" or not columns:
            return f" ON CONFLICT ({target}) DO NOTHING"
        changes = ", ".join(f"{column.sql} = EXCLUDED.{column.sql}" for column in columns)
        if conflict.changes is not None:
            scope = Scope(
                [
                    self._reads.sources.of(relation, alias, wanted.table.alias),
                    Source("EXCLUDED", "excluded", relation.columns, None, None, relation.schema),
                ]
            )
            changes = self._assignments(conflict.changes, relation, scope)
        return f" ON CONFLICT ({target}) DO UPDATE SET {changes}"

    def _returning(
        self, text: str, relation: Relation, alias: str, returned: Sequence[str], is_new: str | None = None
    ) -> Write:
        names = [f"{alias}.{relation.columns[name].sql}" for name in returned]
        if is_new is not None:
            names.append(f"({alias}.xmax OPERATOR(pg_catalog.=) '0'::pg_catalog.xid) AS {is_new}")
        row = _row(relation) if returned else None
        return Write(f"{text} RETURNING {', '.join(names) or '1'}{_as(alias, relation, row)}", relation, is_new, row)


@dataclass(frozen=True, slots=True)
class _Body:
    """The rows of a body as a source; ``element`` is each row as jsonb, if that is needed."""

    alias: str
    text: str
    element: str | None


#: Of larger rows no hash is made, because they would have to be read whole; as Postgres stores them.
_HASHED_BYTES = 65_536


def row_version(relation: Relation, alias: str) -> str | None:
    """Return the expression of a row's version: xmin, or a hash of the columns that the role may read.

    Who may not SELECT the whole table may not read xmin, and a view has none.
    """
    if relation.has_row_version:
        return f"{alias}.xmin::pg_catalog.text"
    columns = [f"{alias}.{column.sql}" for column in relation.columns.values() if column.can_select]
    if not columns:
        return None
    sizes = ", ".join(f"(pg_catalog.pg_column_size({column}))" for column in columns)
    size = f"(SELECT pg_catalog.sum(z.n) FROM (VALUES {sizes}) AS z (n))"
    text = f"pg_catalog.convert_to(ROW({', '.join(columns)})::pg_catalog.text, 'UTF8')"
    version = f"pg_catalog.left(pg_catalog.encode(pg_catalog.sha256({text}), 'hex'), 32)"
    return f"CASE WHEN {size} OPERATOR(pg_catalog.<=) {_HASHED_BYTES} THEN {version} END"


def _row(relation: Relation) -> str | None:
    """Return the column that has the whole row, where functions take it."""
    is_taken = relation.computed or relation.has_computed_relationships or relation.has_aggregates
    return unused_name(relation, "r") if is_taken else None


def _as(alias: str, relation: Relation, row: str | None) -> str:
    return "" if row is None else f", {whole_row(alias, relation.sql)} AS {row}"


def _writable(relation: Relation, keys: Iterable[str], but: Iterable[str] = ()) -> list[Column]:
    columns = []
    for key in keys:
        column = relation.columns.get(key)
        if column is None:
            raise ProblemError(
                "unknown column",
                (),
                name=key,
                relation=relation.name,
                schema=relation.schema,
                near=list(relation.columns),
                in_body=True,
            )
        if key not in but:
            columns.append(column)
    return columns


def _key_of(relation: Relation, wanted: Update) -> tuple[str, ...]:
    if not relation.primary_key:
        raise ProblemError("no key", (), relation=relation.name)
    for name in relation.primary_key:
        if name not in wanted.rows.keys:
            raise ProblemError("no key", (), relation=relation.name, missing=name)
    return relation.primary_key


def _declared(column: Column) -> str:
    return "pg_catalog.json" if column.type.from_json is not None else column.declared


def _converted(column: Column, alias: str) -> str:
    value = f"{alias}.{quoted(column.name)}"
    return f"{column.type.from_json}({value})" if column.type.from_json is not None else value
