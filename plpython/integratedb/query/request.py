"""Contains a query as plain data: what every face produces, with names that are not yet resolved.

Nothing here is checked against a database. A name in a request is only ever compared with names of a surface, and a
value only ever becomes a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from .surface import Relationship

#: Where something stands in the request, for errors of faces whose requests are documents: ("where", 1) is #/where/1.
Place: TypeAlias = tuple[str | int, ...]

#: A place is no part of what an expression is: two that differ only in their places are the same.
NOWHERE: Any = field(default=(), compare=False, repr=False)

# Expressions.


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a computed field, of a source: of the source with this alias, or of the only one that has it."""

    name: str
    of: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Path:
    """What is at a path in a JSON value, a composite or an array (from 0); ``as_text``: the last step is ``->>``."""

    base: Expression
    steps: tuple[str | int, ...]
    as_text: bool


@dataclass(frozen=True, slots=True)
class Value:
    """A value; it becomes a parameter, of the type that its place asks for.

    ``value`` is what JSON can express, or a text in the input syntax of that type. ``hole`` is the position of the
    value in requests of the same shape: the statement of one serves the others, with other values in the holes.
    """

    value: Any
    hole: int | None = None
    place: Place = NOWHERE
    #: Whether a text in the place of JSON is the JSON of a text; otherwise it is JSON itself.
    is_document: bool = False
    #: The name of the parameter of the request whose value this is; another request may give it another one.
    name: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function or an aggregate by name; ``star`` is count(*)."""

    function: str
    arguments: tuple[Expression, ...] = ()
    schema: str | None = None
    distinct: bool = False
    star: bool = False
    where: Expression | None = None
    #: The order in which an aggregate takes its rows.
    order: tuple[Order, ...] = ()
    #: Whether a column of this name is meant instead, where there is one: ``count`` in the URL face.
    unless_column: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a frame begins or ends; ``offset`` is how far that is from the row, without it all of the partition."""

    direction: Literal["preceding", "current row", "following"]
    offset: Expression | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The rows of a window that a call takes."""

    unit: Literal["rows", "range", "groups"]
    start: Bound
    end: Bound


@dataclass(frozen=True, slots=True)
class Window:
    """A call over a window."""

    call: Call
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[Order, ...] = ()
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """A cast to a type of the surface's list of castable types, by the name that people write."""

    of: Expression
    type: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Case:
    """CASE: conditions with their results, and what applies otherwise."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """An array of expressions of one type."""

    elements: tuple[Expression, ...]
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Subquery:
    """A query in an expression's place; ``exists``: only whether it has rows."""

    query: Select
    exists: bool = False
    place: Place = NOWHERE


#: The operators of conditions, by the names of the URL face. ``plan.OPERATORS`` has what they become.
Operator: TypeAlias = Literal[
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "isdistinct",
    "fts", "plfts", "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj",
    "add", "sub", "mul", "div", "mod", "concat", "between", "key", "anykey", "allkeys",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with its operands. The right operand of ``in`` and of a quantifier is one Value with a list."""

    operator: Operator
    operands: tuple[Expression, ...]
    quantifier: Literal["any", "all"] | None = None
    #: The configuration of a full text search.
    language: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Logic:
    """AND or OR of conditions."""

    operator: Literal["and", "or"]
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Embedded:
    """Whether the embed with this name (its alias, else its relation) has rows in this row; a condition."""

    embed: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Token:
    """The texts of expressions as one opaque text: a JSON array in Base64. Cursors and global ids are tokens."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = (
    Column | Path | Value | Call | Window | Cast | Case | Array | Subquery | Operation | Logic | Not | Embedded | Token
)

# What a query returns.


@dataclass(frozen=True, slots=True)
class Star:
    """All columns that the role may read: of the source with this alias, or of the first one; ``every``: of all."""

    of: str | None = None
    every: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Item:
    """An expression of the select list; without an alias, its key is the name of the column, step or function."""

    expression: Expression
    alias: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Embed:
    """Related rows, nested into each row: one object or null, or an array.

    ``relation`` is the name of a relation, a foreign key, a referencing column or a computed relationship. ``hint`` (a
    foreign key, a column or a junction) decides between several relationships. ``inner`` leaves out rows without
    related rows. ``spread`` puts the items into the row itself; those of many related rows become arrays. The source of
    ``query`` is empty: the relationship provides it. Without items, the embed is not part of the result.
    """

    relation: str
    query: Select
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False
    place: Place = NOWHERE
    #: The relationship itself, where the face has it from the surface.
    by: Relationship | None = None

    @property
    def name(self) -> str:
        return self.alias or self.relation


@dataclass(frozen=True, slots=True)
class Group:
    """An object within each row, with these items."""

    alias: str
    items: tuple[Item | Embed | Group, ...]


# Pages: rows that are answered as one object, with parts of it.


@dataclass(frozen=True, slots=True)
class Answered:
    """What the rows have under a key, as an array."""

    key: str


@dataclass(frozen=True, slots=True)
class Whole:
    """Aggregates over all rows that satisfy the condition, on whatever page they are."""

    parts: tuple[tuple[str, Expression | Whole], ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """An object with parts of a page."""

    parts: tuple[tuple[str, Part], ...]


#: Facts about a page: whether rows follow it or precede it, the tokens of its first and last rows, and the number of
#: all rows that satisfy the condition.
Fact: TypeAlias = Literal["following", "preceding", "first", "last", "total"]
Part: TypeAlias = Answered | Whole | Parts | Fact | Value


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the rows, in order.

    ``size`` is the most rows. ``backward``: the order is reversed, and the page is the first rows of that.
    """

    parts: Parts
    size: Value | None = None
    backward: bool = False
    #: The place in the order, beside the condition of the query, where the page begins or ends.
    seek: Expression | None = None
    #: Which key of the rows has their tokens.
    token: str | None = None


# Sources.


@dataclass(frozen=True, slots=True)
class Table:
    """A relation of the surface; without a schema, one of the request's schema; or a query of WITH by its name."""

    name: str
    schema: str | None = None
    alias: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Routine:
    """A function as a source.

    ``arguments`` are named; ``body`` is one JSON object with named arguments, of which ``keys`` are known, or, with
    ``raw``, the value of the function's only unnamed parameter, whose type is ``raw_type`` (json stands for jsonb too).
    Where no function has these arguments, a body of JSON that is not ``raw`` is the value of an unnamed json parameter.
    """

    name: str
    schema: str | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)
    body: Value | None = None
    keys: tuple[str, ...] = ()
    raw: bool = False
    raw_type: Literal["json", "text", "xml", "bytea"] = "json"
    alias: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Called:
    """The rows of a function as a source; its arguments may use columns of the sources before it."""

    call: Call
    alias: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Derived:
    """A sub-query as a source; ``lateral``: it may use columns of the sources before it."""

    query: Select | Combined
    alias: str
    lateral: bool = False
    place: Place = NOWHERE


Source: TypeAlias = Table | Routine | Called | Derived


@dataclass(frozen=True, slots=True)
class Join:
    """A source that is joined to those before it."""

    kind: Literal["inner", "left", "right", "full", "cross"]
    source: Source
    on: Expression | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order; ``embed`` is the name of an embed to one, whose column it then is."""

    expression: Expression
    descending: bool = False
    nulls: Literal["first", "last"] | None = None
    embed: str | None = None


# Queries.


@dataclass(frozen=True, slots=True)
class Select:
    """A query that reads."""

    items: tuple[Star | Item | Embed | Group, ...] = (Star(),)
    source: tuple[Source, ...] = ()
    joins: tuple[Join, ...] = ()
    where: Expression | None = None
    #: None: by all items that are no aggregates, if there is an aggregate.
    group_by: tuple[Expression, ...] | None = None
    having: Expression | None = None
    order: tuple[Order, ...] = ()
    limit: Value | None = None
    offset: Value | None = None
    distinct: bool = False
    #: The rows are answered as one object, not as an array.
    page: Page | None = None
    #: Queries that this one, and the next ones of these, use as tables.
    with_queries: tuple[With, ...] = ()


@dataclass(frozen=True, slots=True)
class Combined:
    """UNION and its kin. The columns are those of the first query."""

    operator: Literal["union", "union all", "intersect", "intersect all", "except", "except all"]
    queries: tuple[Select | Combined, ...]
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class With:
    """A query of WITH; of a write, the rows are those that it returns.

    ``recursive``: a union whose second query may use the name itself.
    """

    name: str
    query: Select | Combined | Insert | Update | Delete
    recursive: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to write, as one JSON text: an array of objects, or one object.

    ``keys`` are the columns that are written. Where ``json`` has no such key in a row, null is written, or the column's
    default with ``missing_default``.
    """

    json: Value
    keys: tuple[str, ...]
    is_array: bool
    missing_default: bool = False
    #: Whether all rows have all keys. Otherwise an update by key keeps the value of a column whose key a row lacks.
    uniform: bool = True


@dataclass(frozen=True, slots=True)
class Computed:
    """Rows to write whose values are expressions; None is the default of the column."""

    keys: tuple[str, ...]
    rows: tuple[tuple[Expression | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """Rows to write that a query returns, in the order of the keys."""

    keys: tuple[str, ...]
    query: Select


@dataclass(frozen=True, slots=True)
class Conflict:
    """What an insert does with a row that exists: by these columns, or the primary key.

    ``changes``: what a merge does instead of writing all columns of the new row, whose source is called excluded.
    """

    action: Literal["merge", "ignore"]
    columns: tuple[str, ...] | None = None
    changes: tuple[tuple[str, Expression], ...] | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """Adds rows; ``returning`` (without a source) is how the written rows are answered, None: not at all."""

    table: Table
    rows: Rows | Computed | Selected
    conflict: Conflict | None = None
    returning: Select | None = None
    #: A condition that each written row must satisfy (PUT: its key is the one in the URL).
    must: Expression | None = None
    with_queries: tuple[With, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Changes the rows that satisfy ``where`` to one object; or, ``by_key``, each row of an array to its own values.

    The values and ``where`` may use columns of ``source``.
    """

    table: Table
    rows: Rows | Computed
    where: Expression | None = None
    returning: Select | None = None
    by_key: bool = False
    #: The versions (xmin, as texts) of which a row must have one to be changed.
    versions: Value | None = None
    with_queries: tuple[With, ...] = ()
    source: tuple[Source, ...] = ()
    joins: tuple[Join, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes the rows that satisfy ``where``."""

    table: Table
    where: Expression | None = None
    returning: Select | None = None
    versions: Value | None = None
    with_queries: tuple[With, ...] = ()


Query: TypeAlias = Select | Insert | Update | Delete


def named_schemas(part: Any) -> set[str]:
    """Return the schemas that a query, or a part of one, names."""
    if isinstance(part, tuple):
        return {schema for each in part for schema in named_schemas(each)}
    if not is_dataclass(part) or isinstance(part, type | Value):
        return set()
    own = {part.schema} if isinstance(part, Table | Routine | Call) and part.schema is not None else set()
    return own.union(*(named_schemas(getattr(part, each.name)) for each in fields(part)))
