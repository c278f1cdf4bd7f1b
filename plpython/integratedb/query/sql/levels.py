"""Contains one level of nested rows while it is written: what it returns, and from where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..plan.types import JSONB
from ..surface import Type
from .writer import Writer, quoted, whole_row

#: The name of the column with the version of a row.
VERSION = "v"
#: json_build_object() takes 100 arguments.
_MOST_PAIRS = 50


@dataclass(frozen=True, slots=True)
class Output:
    """One key of the rows; ``aggregate`` wraps it where the rows are grouped, at this level or the one around it."""

    key: str
    sql: str
    is_json: bool = False
    aggregate: Callable[[str], str] | None = None
    is_aggregate: bool = False
    #: Of the columns of a sub-query, which other expressions then use.
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page: the expression of the object, and where its rows come from; ``needed``: the expression uses them."""

    body: str
    rows: str
    needed: bool

    def select(self) -> str:
        """Return the SELECT of the object, which is one row."""
        return f"SELECT {self.body} AS j FROM {self.source}"

    @property
    def source(self) -> str:
        """The rows, or one row where none is needed."""
        return self.rows if self.needed else "(SELECT 1 AS n) AS s"


@dataclass(slots=True)
class Limited:
    """The only source of a level, whose rows can be limited before related rows are joined to them."""

    alias: str
    columns: list[str]  #: all that anything around it may use
    row: str | None  #: the whole row, which it does not give
    #: What embeds add to FROM, and their aliases.
    joins: list[str] = field(default_factory=list)
    embeds: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Level:
    """A SELECT in parts."""

    source: str
    outputs: list[Output] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    group_by: list[str] | None = None
    having: str | None = None
    order: list[str] = field(default_factory=list)
    limit: str | None = None
    offset: str | None = None
    #: The most rows, whatever the request wants: a number that the planner knows.
    most: str | None = None
    distinct: bool = False
    #: The items of the select list by what they are, once they are looked for.
    selected: dict[str, Output] | None = None
    #: The version of each row, which is one more column of the SELECT, named VERSION.
    version: str | None = None
    #: The whole row of the only source, if that is rows of a relation.
    row: str | None = None
    first: Limited | None = None
    #: The source before embeds were joined to it.
    bare: str = ""
    #: Of a page: where it begins or ends in the order, and the most rows; the limit is one more.
    seek: str | None = None
    size: str | None = None
    page: WrittenPage | None = None
    #: Of a page whose rows are objects: the names of their columns, which are the keys.
    row_names: list[str] | None = None

    def select(self, names: list[str], also: str = "") -> str:
        """Return the SELECT with these names for its columns."""
        columns = ", ".join(f"{output.sql} AS {name}" for output, name in zip(self.outputs, names, strict=True))
        if self.version is not None:
            also += f", {self.version} AS {VERSION}"
        columns += also if columns else also.removeprefix(", ")
        return self._limited(f"SELECT {'DISTINCT ' if self.distinct else ''}{columns} {self._after(columns)}")

    def _after(self, columns: str) -> str:
        """Return all after the columns. No related rows are looked up for rows before the offset, if that is the same.

        It is not if related rows decide which rows there are, or in which order. A limited source gives no whole row.
        """
        first, window = self.first, self._window()
        if first is None or not first.joins or self.offset is None or self.version is not None:
            return self.body() + window
        joins = "".join(first.joins)
        deciding = [*self.conditions, *self.order]
        if (
            self.distinct
            or self.group_by is not None
            or self.having is not None
            or any(f"{embed}." in text for embed in first.embeds for text in deciding)
            or (first.row is not None and any(first.row in text for text in (columns, joins, *self.order)))
        ):
            return self.body() + window
        rows = f"SELECT {', '.join(first.columns)} {self.body(self.source.removesuffix(joins))}{window}"
        order = f" ORDER BY {', '.join(self.order)}" if self.order else ""
        return f"FROM ({rows}) AS {first.alias}{joins}{order}"

    def select_rows(self, names: list[str], alias: str, row: str) -> str:
        """Return a SELECT of one column, named row, with all columns of these names, and of the version beside it."""
        columns = ", ".join(f"{output.sql} AS {name}" for output, name in zip(self.outputs, names, strict=True))
        source = f"{self.source} CROSS JOIN LATERAL (SELECT {columns}) AS {alias}"
        whole = whole_row(alias, "pg_catalog.record")
        return self._limited(
            f"SELECT {whole} AS {row}, {self.version} AS {VERSION} {self.body(source)}{self._window()}"
        )

    @property
    def _is_limited_twice(self) -> bool:
        """Whether the limit of the request is around that of the service.

        Of a LIMIT by a parameter the planner thinks that a tenth of all rows is wanted, so it would rather plan each
        execution than use such a plan. Around a LIMIT that it knows, a tenth of that is near enough.
        """
        return self.most is not None and self.limit is not None and self.offset is None

    def _limited(self, select: str) -> str:
        return f"SELECT l.* FROM ({select}) AS l LIMIT {self.limit}" if self._is_limited_twice else select

    def _window(self) -> str:
        text = ""
        if self.order:
            text += f" ORDER BY {', '.join(self.order)}"
        limit = self.most if self.limit is None or self._is_limited_twice else self.limit
        if limit is not None and self.most not in (None, limit):
            limit = f"LEAST({limit}, {self.most})"
        if limit is not None:
            text += f" LIMIT {limit}"
        if self.offset is not None:
            text += f" OFFSET {self.offset}"
        return text

    def body(self, source: str | None = None) -> str:
        """Return FROM, WHERE, GROUP BY and HAVING."""
        text = f"FROM {source or self.source}"
        conditions = self.conditions if self.seek is None else [*self.conditions, self.seek]
        if conditions:
            text += f" WHERE {' AND '.join(conditions)}"
        if self.group_by:
            text += f" GROUP BY {', '.join(self.group_by)}"
        if self.having is not None:
            text += f" HAVING {self.having}"
        return text

    def existing(self, offset: str) -> str:
        """Return a SELECT of at most one row: the one behind the offset, if there is one."""
        return f"SELECT 1 {self.body()} OFFSET {offset} LIMIT 1"

    def whole(self, also: str = "") -> str:
        """Return FROM and WHERE of all rows that satisfy the condition, without embeds and whatever the page."""
        conditions = [*self.conditions, also] if also else self.conditions
        return f"FROM {self.bare}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")

    def counted(self) -> str:
        """Return a SELECT with the number of all rows, without limit and offset."""
        if self.group_by is None and not self.distinct:
            return f"SELECT pg_catalog.count(*) {self.body()}"
        return f"SELECT pg_catalog.count(*) FROM (SELECT 1 {self.body()}) AS n"


@dataclass(frozen=True, slots=True)
class Objects:
    """Rows as JSON: a SELECT, the alias of its rows, and the expression of each row."""

    select: str
    alias: str
    row: str
    #: Whether the expression is a row of columns, not yet an object.
    is_row: bool = False

    def array(self) -> str:
        return f"pg_catalog.json_agg({self.row})"

    def single(self) -> str:
        return f"pg_catalog.row_to_json({self.row})" if self.is_row else self.row


def comparable(output: Output) -> Output:
    """Return a column that can be compared with others: the type json has no equality."""
    if output.is_json and not output.is_aggregate:
        return replace(output, sql=f"({output.sql})::pg_catalog.jsonb", type=JSONB)
    return output


def positions(level: Level) -> list[str]:
    """Return names for the columns of a level that no request and no catalog chose."""
    return [f"c{number}" for number in range(1, len(level.outputs) + 1)]


def objects(level: Level, writer: Writer, known_names: Mapping[str, str], alias: str, also: str = "") -> Objects:
    """Write rows as JSON objects.

    If all keys are names of the surface or the face, they are the names of the columns, which is faster by a third. A
    key that the request chose is a parameter.
    """
    known = [known_names.get(output.key) for output in level.outputs]
    if level.outputs and all(name is not None for name in known) and not also:
        columns = [quoted(name) for name in known if name is not None]
        if level.version is None:
            return Objects(level.select(columns), alias, whole_row(alias), is_row=True)
        return Objects(level.select_rows(columns, writer.alias("r"), "r"), alias, f"{alias}.r", is_row=True)
    names = positions(level)
    pairs = [
        f"{writer.constant(output.key)}, {alias}.{name}" for output, name in zip(level.outputs, names, strict=True)
    ]
    return Objects(level.select(names, also or ("" if names else ", true AS c0")), alias, build_object(pairs))


def build_object(pairs: list[str]) -> str:
    """Return a JSON object of pairs: a key and a value, each SQL, with a comma between."""
    parts = [
        f"pg_catalog.json_build_object({', '.join(pairs[start : start + _MOST_PAIRS])})"
        for start in range(0, len(pairs), _MOST_PAIRS)
    ]
    if len(parts) < 2:
        return parts[0] if parts else "pg_catalog.json_build_object()"
    # Objects cannot be concatenated, but their texts can, without the braces.
    texts = [f"pg_catalog.left(pg_catalog.substr({part}::pg_catalog.text, 2), -1)" for part in parts]
    return "pg_catalog.concat('{', " + ", ',', ".join(texts) + ", '}')::pg_catalog.json"
